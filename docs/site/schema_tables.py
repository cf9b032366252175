"""Markdown tables of a JSON Schema's options: one row an option, those of a section below it as `section.option`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
HEADER = "| option | what it may be | default | meaning |\n|---|---|---|---|"
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
PLAIN = {"string": "text", "boolean": "true or false", "null": "null", "integer": "integer", "number": "number"}


def options_table(schema: Schema, definitions: Schema) -> str:
    """All options of an object schema but `name`, which chooses a plugin; says so if there are none."""
    rows = list(_rows(schema, definitions, prefix=""))
    return "\n".join([HEADER, *rows]) if rows else "No options."


def cell(text: str) -> str:
    """Text that cannot end a cell or a line of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _rows(schema: Schema, definitions: Schema, prefix: str) -> Iterator[str]:
    for name, option in schema.get("properties", {}).items():
        if "const" in option:
            continue
        section = _section(option, definitions)
        default = "required" if name in schema.get("required", ()) else _default(option, section is not None)
        meaning = cell(option.get("description") or (section or {}).get("description", ""))
        yield f"| `{prefix}{name}` | {cell(_type(option, definitions))} | {default} | {meaning} |"
        if section:
            given = option.get("default") or {}
            yield from _rows(_with_defaults(section, given), definitions, f"{prefix}{name}.")


def _section(option: Schema, definitions: Schema) -> Schema | None:
    """The object schema that an option refers to, alone or beside null."""
    found = [form["$ref"] for form in (option, *option.get("anyOf", ())) if "$ref" in form]
    return definitions[found[0].rpartition("/")[2]] if found else None


def _with_defaults(section: Schema, given: Schema) -> Schema:
    """A section whose options have the defaults that whoever uses it gives."""
    properties = {
        name: {**option, "default": given[name]} if name in given else option
        for name, option in section["properties"].items()
    }
    return {**section, "properties": properties}


def _default(option: Schema, is_section: bool) -> str:
    if "default" not in option or (is_section and option["default"] is not None):
        return ""
    value = option["default"]
    return "none" if value is None else f"`{json.dumps(value)}`"


def _type(option: Schema, definitions: Schema) -> str:
    if "$ref" in option:
        return "section"
    if "anyOf" in option:
        return " or ".join(_type(form, definitions) for form in option["anyOf"] if form.get("type") != "null")
    if "enum" in option:
        return " or ".join(f"`{value}`" for value in option["enum"])
    if "const" in option:
        return f"`{option['const']}`"
    kind = option.get("type", "anything")
    if kind == "array":
        return _array(option, definitions)
    if kind == "object":
        values = option.get("additionalProperties")
        return f"mapping to {_type(values, definitions)}" if isinstance(values, Mapping) else "mapping"
    bounds = " and ".join(f"{sign} {json.dumps(option[key])}" for key, sign in BOUNDS.items() if key in option)
    return f"{PLAIN.get(kind, kind)} {bounds}".strip()


def _array(option: Schema, definitions: Schema) -> str:
    if "prefixItems" in option:
        kinds = [_type(item, definitions) for item in option["prefixItems"]]
        return f"list of {len(kinds)}: {'; '.join(dict.fromkeys(kinds))}"
    return f"list of {_type(option.get('items', {}), definitions)}"
