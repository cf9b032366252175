"""JSON Schema of a config, with the options of every registered plugin."""

from __future__ import annotations

from typing import Any

from ..registry import Kind, Registry
from .schema import RunConfig
from .validate import LISTS, SECTIONS


def json_schema(registry: Registry) -> dict[str, Any]:
    """The schema; a plugin that cannot be loaded is left out of it."""
    schema = RunConfig.model_json_schema(ref_template="#/$defs/{model}")
    properties, definitions = schema["properties"], schema["$defs"]
    for key, kind in SECTIONS.items():
        properties[key] = _choice(registry, kind, definitions)
    for key, kind in LISTS.items():
        properties[key] = {"type": "array", "items": _choice(registry, kind, definitions)}
    one_view = {"type": "array", "items": properties["views"]["items"]}
    properties["views"]["items"] = {"anyOf": [*properties["views"]["items"]["anyOf"], one_view]}
    properties["extends"] = {
        "type": "string",
        "description": "A config to start from; sections here are merged over it.",
    }
    # With `extends` any section may come from the other file, so nothing is required of this one.
    schema.pop("required", None)
    definitions.pop("Component", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "gedi-nesy config"} | schema


def _choice(registry: Registry, kind: Kind, definitions: dict[str, Any]) -> dict[str, Any]:
    """One of the registered names as text, or as a mapping with the name and its options."""
    names, forms = [], []
    for entry in registry.entries(kind):
        try:
            # Plugins do not know of each other's class names.
            own = f"{kind}.{entry.name}."
            options = entry.load().Options.model_json_schema(ref_template=f"#/$defs/{own}{{model}}")
        except Exception:
            continue
        definitions |= {own + name: nested for name, nested in options.pop("$defs", {}).items()}
        options["properties"] = {"name": {"const": entry.name}} | options.get("properties", {})
        options["required"] = ["name", *options.get("required", [])]
        options["title"] = f"{kind} {entry.name}"
        names.append(entry.name)
        forms.append(options)
    return {"anyOf": [{"enum": names}, *forms]}
