"""Tables of options: literal rows for a model that has every kind of option."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gedi_nesy import Options


class Inner(Options):
    """Below."""

    steps: int = 1


class Outer(Options):
    needed: str
    rate: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Of a|b."""
    kind: Literal["a", "b"] | None = None
    sizes: tuple[int, ...] = (1, 2)
    range: tuple[float, float] = (0.0, 1.0)
    names: dict[str, list[str]] = {}
    inner: Inner = Inner(steps=3)


def test_every_kind_of_option_has_its_row(script):
    schema = Outer.model_json_schema()
    rows = script("schema_tables").options_table(schema, schema["$defs"]).splitlines()
    assert rows[2:] == [
        "| `needed` | text | required |  |",
        "| `rate` | number > 0 and ≤ 1 | `0.5` | Of a\\|b. |",
        "| `kind` | `a` or `b` | none |  |",
        "| `sizes` | list of integer | `[1, 2]` |  |",
        "| `range` | list of 2: number | `[0.0, 1.0]` |  |",
        "| `names` | mapping to list of text | `{}` |  |",
        "| `inner` | section |  | Below. |",
        "| `inner.steps` | integer | `3` |  |",
    ]


def test_no_options_is_said(script):
    assert script("schema_tables").options_table(Options.model_json_schema(), {}) == "No options."
