"""The schema of a config, where plugins do not know of each other's class names."""

from __future__ import annotations

from pydantic import create_model

from gedi_nesy import Options
from gedi_nesy.config.json_schema import json_schema
from gedi_nesy.registry import Registrar, Registry
from gedi_nesy.testing import TinyBackbone


def plugin(kind):
    """A backbone whose nested options have a class name that others use, too."""
    nested = create_model("Nested", __base__=Options, size=(kind, ...))
    return type("Plugin", (TinyBackbone,), {"Options": create_model("Options", __base__=Options, nested=(nested, ...))})


def test_nested_options_of_the_same_class_name_stay_apart():
    registry = Registry()
    Registrar(registry, "one").add_backbone("one", plugin(int))
    Registrar(registry, "two").add_backbone("two", plugin(str))
    schema = json_schema(registry)
    forms = schema["properties"]["backbone"]["anyOf"][1:]
    nested = [schema["$defs"][form["properties"]["nested"]["$ref"].removeprefix("#/$defs/")] for form in forms]
    assert [definition["properties"]["size"]["type"] for definition in nested] == ["integer", "string"]
