"""Write the reference pages in docs/ from the code: a page for each method, the config's keys, every plugin's options, a drawing.

    python docs/site/reference.py

The pages are checked in, so that they can be read where the code is read; a test fails when one of them is out of date.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from method_pages import method_index, method_page
from schema_tables import cell, options_table

from gedi_nesy.config.json_schema import json_schema
from gedi_nesy.config.locate import find_program
from gedi_nesy.config.schema import RunConfig
from gedi_nesy.config.validate import LISTS, SECTIONS
from gedi_nesy.logic.drawing import answers_svg
from gedi_nesy.logic.limits import compiled_circuit
from gedi_nesy.logic.naming import choice_names
from gedi_nesy.logic.program import load_program
from gedi_nesy.logic.query import QueryTemplate
from gedi_nesy.plugin_manager import load_plugins
from gedi_nesy.registry import Entry, Kind, Registry

DOCS = Path(__file__).resolve().parent.parent
OURS = "gedi-nesy "  # how the provider of an entry of this distribution goes on after the folder's name
# At the end: MkDocs wants the heading first, to make a title of it.
NOTE = "\n\n<!-- Written by `python docs/site/reference.py`: change the code, not this page. -->\n"
CHOICES = {**SECTIONS, **LISTS}  # config key -> kind
# Methods have pages of their own.
KINDS: dict[Kind, tuple[str, str]] = {
    "task": ("Tasks", "What is trained on, and supervised how."),
    "backbone": ("Backbones", "The feature extractor that a method builds on."),
    "dataset": ("Data sets", "Where images come from. Files and how to get them are in [data](data.md)."),
    "view": ("Views", "Random transformations that make a view of an image. More in [views](views.md)."),
    "evaluator": ("Evaluators", "Numbers about a trained method. Protocols are in [evaluators](evaluators.md)."),
    "watcher": ("Watchers", "They look on while a run trains, at runs that name them."),
}


@dataclass(frozen=True)
class Plugin:
    """A registered name of this distribution, its class and the schema of its options."""

    name: str
    target: Any
    options: dict[str, Any]


def pages() -> dict[str, str]:
    """The text of each page, by its path below docs/."""
    registry = load_plugins().registry
    schema = json_schema(registry)
    definitions = schema["$defs"]
    found = {"config_reference.md": _config_page(schema), "plugins.md": _plugins_page(registry, schema)}
    methods = _plugins(registry, "method", schema)
    found["methods/index.md"] = method_index({plugin.name: plugin.target for plugin in methods})
    for plugin in methods:
        table = options_table(plugin.options, definitions)
        found[f"methods/{plugin.name}.md"] = method_page(plugin.name, plugin.target, table)
    drawn = {"images/sum_triple.svg": _sum_triple()}
    return drawn | {path: re.sub(r"[ \t]+$", "", text, flags=re.M).strip() + NOTE for path, text in found.items()}


def _sum_triple() -> str:
    """The drawing that `gedi-nesy program explain --svg` makes of the main job's circuit."""
    template = QueryTemplate.parse("sum_holds(A, B, C)", dict.fromkeys("ABC", "image"))
    circuit = compiled_circuit(load_program(find_program("mnist_addition")), template)
    return answers_svg(circuit, choice_names(circuit, template), list(circuit.answers))


def _config_page(schema: dict[str, Any]) -> str:
    """Every key of the core; plugins have pages of their own."""
    properties = dict(schema["properties"])
    rows = []
    for key, kind in CHOICES.items():
        form = "a list of names or mappings" if properties.pop(key).get("type") == "array" else "a name or a mapping"
        meaning = cell(RunConfig.model_fields[key].description or "")
        rows.append(f"| `{key}` | {form} with `name` | {meaning} | [options]({_address(kind)}) |")
    needed = ", ".join(
        f"`{name}`" for name, field in RunConfig.model_fields.items() if field.is_required() and name != "name"
    )
    keys = options_table({"properties": properties}, schema["$defs"])
    return CONFIG.format(needed=needed, sections="\n".join(rows), keys=keys)


def _address(kind: Kind) -> str:
    """Where the options of a kind stand."""
    return f"plugins.md#{KINDS[kind][0].lower().replace(' ', '-')}" if kind in KINDS else "methods/index.md"


def _plugins_page(registry: Registry, schema: dict[str, Any]) -> str:
    parts = ["# Plugins and their options\n", "Methods have [pages of their own](methods/index.md).\n"]
    for kind, (title, about) in KINDS.items():
        keys = " and ".join(f"`{key}`" for key, chosen in CHOICES.items() if chosen == kind)
        parts.append(f"## {title}\n\nChosen under {keys}. {about}\n")
        for plugin in _plugins(registry, kind, schema):
            table = options_table(plugin.options, schema["$defs"])
            parts.append(f"### {plugin.name}\n\n{_summary(plugin.target)}\n\n{table}\n")
    return "\n".join(parts)


def _summary(target: Any) -> str:
    """The first paragraph of a class's docstring, and what an evaluator requires."""
    summary = (inspect.getdoc(target) or "").split("\n\n")[0]
    required = getattr(target, "REQUIRES", ())
    return summary + (f" Requires {', '.join(f'`{name}`' for name in required)}." if required else "")


def _plugins(registry: Registry, kind: Kind, schema: dict[str, Any]) -> list[Plugin]:
    """The plugins of a kind that come with this distribution, by name."""
    return [
        Plugin(entry.name, entry.load(), _form(schema, kind, entry.name))
        for entry in sorted(registry.entries(kind), key=lambda entry: entry.name)
        if _is_ours(entry)
    ]


def _is_ours(entry: Entry) -> bool:
    return entry.provider.partition(", ")[2].startswith(OURS)


def _form(schema: dict[str, Any], kind: Kind, name: str) -> dict[str, Any]:
    """The schema of a plugin's options, which stands where a config chooses one of its kind."""
    section = schema["properties"][next(key for key, chosen in CHOICES.items() if chosen == kind)]
    forms = section.get("items", section)["anyOf"]
    return next(form for form in forms if form.get("title") == f"{kind} {name}")


CONFIG = """\
# Config keys

A config is a YAML file. `gedi-nesy config check FILE` checks one, all faults at once; `gedi-nesy config check FILE --show` prints it
with every default filled in; `gedi-nesy config schema` prints the JSON Schema that this page is made of, for editors. On the command
line a key is changed as `key.sub=value`. Needed, here or in the config that this one `extends`: {needed}.

## Sections that choose a plugin

`method: gedi` and `method: {{name: gedi, temperature: 0.5}}` are both fine.

| key | what it may be | meaning | |
|---|---|---|---|
{sections}

## All other keys

{keys}
"""


def main() -> None:
    """Write the pages, and remove those of methods that are no more."""
    written = pages()
    for path in (DOCS / "methods").glob("*.md"):
        if path.relative_to(DOCS).as_posix() not in written:
            path.unlink()
    for name, text in written.items():
        path = DOCS / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
