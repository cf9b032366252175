"""YAML text to a plain tree that remembers where each value stands.

Differences from PyYAML's defaults, each a trap of its own: `1e-3` is a number, `on` and `yes` are text, a duplicate key is
an error. `extends: other.yaml` merges over another config; naming another plugin in a section replaces that section.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Any

import yaml

from ..errors import ConfigError, Position, UserError
from .locate import find_config

# What a config says about itself is not handed on: its name, and the published number it repeats.
OWN = ("name", "compare")

Path = tuple[str | int, ...]
"""A dotted key, taken apart: ("method", "sgld", "steps")."""


@dataclass
class Tree:
    """A config before validation.

    Attributes:
        data: plain dicts, lists and scalars.
        positions: for each path where it stands; a section's own entry is its key.
        folder: what relative paths refer to, for each top-level key the folder of the file that set it.
    """

    data: dict[str, Any]
    positions: dict[Path, Position] = field(default_factory=dict)
    file: FilePath = FilePath("config")

    def position(self, path: Path) -> Position:
        """Where a path stands, or the nearest section above it."""
        while path and path not in self.positions:
            path = path[:-1]
        return self.positions.get(path, Position(str(self.file)))

    def folder(self, path: Path) -> FilePath:
        """The folder that a relative file name at this path refers to."""
        file = FilePath(self.position(path).file)
        return file.parent if file.is_file() else FilePath.cwd()


@contextmanager
def locating(tree: Tree) -> Iterator[None]:
    """Give errors that name a config key the place of that key in the file."""
    try:
        yield
    except ConfigError as error:
        if not error.faults:
            raise _located(error, tree) from error
        raise ConfigError([_located(fault, tree) for fault in error.faults]) from error
    except UserError as error:
        raise _located(error, tree) from error


def _located(error: UserError, tree: Tree) -> UserError:
    if error.key is None or error.position is not None:
        return error
    return type(error)(error.message, tree.position(_path(error.key)))


def _path(key: str) -> Path:
    """A dotted key, taken apart."""
    return tuple(int(part) if _is_number(part) else part for part in key.split("."))


def _is_number(text: str) -> bool:
    """Whether it is made of the digits 0 to 9."""
    return text.isascii() and text.isdigit()


def load_tree(name: str, overrides: Iterable[str] = ()) -> Tree:
    """Read a config by path or bundled name, with what it extends, and apply `key.sub=value` overrides."""
    tree = _load_file(find_config(name), seen=())
    for override in overrides:
        _apply_override(tree, override)
    return tree


def _load_file(file: FilePath, seen: tuple[FilePath, ...]) -> Tree:
    if file in seen:
        raise ConfigError(f"configs extend each other in a circle: {' -> '.join(str(f) for f in (*seen, file))}")
    tree = read_yaml(file)
    if "extends" not in tree.data:
        return tree
    where, base_name = tree.position(("extends",)), tree.data.pop("extends")
    if not isinstance(base_name, str):
        raise ConfigError(f"extends names one config file, not {base_name!r}", where)
    base = _load_file(find_config(base_name, beside=file.parent, where=where), (*seen, file))
    inherited = {key: value for key, value in base.data.items() if key not in OWN}
    return Tree(_merge(inherited, tree.data), base.positions | tree.positions, file)


def read_yaml(file: FilePath, what: str = "a config", *, as_text: bool = False) -> Tree:
    """A file that holds a YAML mapping, as `parse_yaml` reads it."""
    return parse_yaml(_read(file, what), str(file), what, as_text=as_text)


def _read(file: FilePath, what: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"not UTF-8 text (byte {error.start}); {what} is a YAML text file", Position(str(file))
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", Position(str(file))) from None


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`: sections key by key, the value of a key in a section as a whole.

    A section that names another plugin starts afresh, and so do weights, starts and ends: each is one statement about all terms.
    """
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        goes_on = isinstance(old, dict) and isinstance(value, dict) and key not in ("weights", "starts", "ends")
        merged[key] = _merge_section(old or {}, value) if goes_on else value
    return merged


def _merge_section(old: Mapping[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return {**old, **new} if new.get("name", old.get("name")) == old.get("name") else new


def parse_yaml(text: str, file: str, what: str = "a config", *, as_text: bool = False) -> Tree:
    """A YAML mapping with positions; ConfigError for syntax errors and duplicate keys.

    Args:
        what: the text is, for errors.
        as_text: leave all values text, so that 0.80 keeps its two decimals.
    """
    parsed = _parsed(text, file, what, as_text)
    return Tree(copy.deepcopy(parsed.data), dict(parsed.positions), parsed.file)


@lru_cache(maxsize=256)  # a table's runs share configs and changes, and reading YAML is slow
def _parsed(text: str, file: str, what: str, as_text: bool) -> Tree:
    try:
        loader = _Loader(text)
        loader.name = file
        root = loader.get_single_node()
    except RecursionError:
        raise ConfigError("nested too deeply to be read", Position(file)) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file)
        raise ConfigError(f"not valid YAML: {error.problem or error.context}", where) from None
    except yaml.YAMLError as error:
        raise ConfigError(f"not valid YAML: {error}", Position(file)) from None
    reader = _Reader(file, loader, as_text)
    try:
        data = reader.read(root, ()) if root is not None else {}
    except RecursionError:
        raise ConfigError("a value contains itself (an alias inside its own anchor)", Position(file)) from None
    if reader.faults:
        raise ConfigError(reader.faults)
    if not isinstance(data, dict):
        raise ConfigError(f"{what} is a mapping of keys to values", Position(file, 1, 1))
    return Tree(data, reader.positions, FilePath(file))


Resolvers = dict[str, list[tuple[str, re.Pattern[str]]]]
"""For each first letter of a plain value the tags that it may have, with the pattern of each."""


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's idea of numbers and booleans."""

    yaml_implicit_resolvers: Resolvers = {}


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9_]*)|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf)|\.(nan|NaN)",
        "-+.0123456789",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))
RESOLVERS: Resolvers = _Loader.yaml_implicit_resolvers
TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "bool", "int", "float", "null"))


class _Reader:
    """Turns YAML nodes into plain values and notes where each stands."""

    def __init__(self, file: str, loader: _Loader, as_text: bool) -> None:
        self.file, self.loader, self.as_text = file, loader, as_text
        self.positions: dict[Path, Position] = {}
        self.faults: list[UserError] = []

    def read(self, node: yaml.Node, path: Path) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        self.positions.setdefault(path, self._mark(node))
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        self.positions.setdefault(path, self._mark(node))
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, where = key_node.value if isinstance(key_node, yaml.ScalarNode) else None, self._mark(key_node)
            if key is None:
                self.faults.append(ConfigError("a key must be plain text", where))
            elif key in result:
                first = self.positions[(*path, key)]
                self.faults.append(
                    ConfigError(f'duplicate key "{key}", first set in line {first.line}. Keep one of them.', where)
                )
            else:
                self.positions[(*path, key)] = where
                result[key] = self.read(value_node, (*path, key))
        return result

    def _scalar(self, node: yaml.Node) -> Any:
        if self.as_text:
            return node.value
        problem: Any = f"its tag is {node.tag}, and a config has text, numbers, true, false and null"
        if node.tag in TAGS:
            try:
                return self.loader.construct_object(node)
            except (yaml.YAMLError, ValueError, KeyError) as error:
                problem = getattr(error, "problem", None) or f"it is no {node.tag.rpartition(':')[2]}"
        self.faults.append(ConfigError(f"{node.value!r} cannot be read: {problem}", self._mark(node)))
        return None

    def _mark(self, node: yaml.Node) -> Position:
        return Position(self.file, node.start_mark.line + 1, node.start_mark.column + 1)


def _apply_override(tree: Tree, override: str) -> None:
    """Set one `key.sub=value`; the value is read as YAML, so `lr=1e-3` is a number and `a=[1, 2]` a list."""
    key, equals, text = override.partition("=")
    where = Position(f"command line: {override}")
    if not equals or not all(key.split(".")):
        raise ConfigError("an override has the form key.sub=value, for example training.epochs=10", where)
    value = parse_yaml(f"value: {text}", where.file).data.get("value")
    *sections, last = key.split(".")
    target: Any = tree.data
    for section in sections:
        target = _step_into(target, section, where)
    if isinstance(target, list):
        target[_index(target, last, where)] = value
    elif sections and last == "name" and target.get("name", value) != value:
        target.clear()  # another plugin has other options; the name at the top is the run's
        target["name"] = value
    else:
        target[last] = value
    path = _path(key)
    made = {path[:end]: where for end in range(1, len(path))}  # sections that the override may have made
    kept = {known: place for known, place in tree.positions.items() if known[: len(path)] != path}
    tree.positions = made | kept | {path: where}


def _step_into(target: Any, section: str, where: Position) -> Any:
    target = target[_index(target, section, where)] if isinstance(target, list) else target.setdefault(section, {})
    if not isinstance(target, dict | list):
        raise ConfigError(f'"{section}" is a single value ({target!r}) and has no keys below it', where)
    return target


def _index(target: list[Any], text: str, where: Position) -> int:
    if not _is_number(text) or int(text) >= len(target):
        raise ConfigError(f'"{text}" is no position in a list of {len(target)}; count from 0', where)
    return int(text)
