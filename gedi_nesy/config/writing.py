"""Plain data to YAML text that every reader takes for the same: our loader, and those that follow YAML 1.1 as PyYAML does."""

from __future__ import annotations

from typing import Any

import yaml

from .loader import RESOLVERS


class _Dumper(yaml.SafeDumper):
    """Quotes text that either kind of reader would take for a number, such as 08 or 1e3, or for yes or no."""

    yaml_implicit_resolvers = {
        first: [*yaml.SafeDumper.yaml_implicit_resolvers.get(first, []), *RESOLVERS.get(first, [])]
        for first in {*yaml.SafeDumper.yaml_implicit_resolvers, *RESOLVERS}
    }


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """PyYAML loses spaces after line breaks that are none of ASCII's, unless they are escaped."""
    style = '"' if any(mark in text for mark in "\x85\u2028\u2029") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def to_yaml(value: Any, *, one_line: bool = False) -> str:
    """The text of a file; or of a value within a line, without a newline."""
    if not one_line:
        return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    text = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=True, width=float("inf")
    )
    return text.removesuffix("\n").removesuffix("\n...")
