"""A recipe: which runs fill which cells of a published table, and on which scale.

    table: gedi-table6          a published table by name, or a file beside the recipe
    rules: [...]                hold on every scale
    scales:
      small:
        about: what is less than in the paper; stands in every output
        seeds: 1
        rules: [...]            hold on this scale, after those above

A rule holds for its rows and columns (all by default) and adds to what the rules before it said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from ..config.loader import Path as Keys
from ..config.loader import Tree, read_yaml
from ..config.options import Options
from ..config.validate import check_model
from ..errors import ConfigError, Position, UserError, did_you_mean
from ..reporting.published import PublishedTable, load_published, read_published, require

BUNDLED = Path(__file__).with_name("recipes")


class Rule(Options):
    """What is to be known of some cells."""

    rows: tuple[str, ...] | None = None
    """Rows of the table that it holds for; all by default."""
    columns: tuple[str, ...] | None = None
    config: str | None = None
    """The config to train, by bundled name or by path from the recipe."""
    set: dict[str, Any] = {}
    """Changes to the config, as on the command line: dotted key -> value."""
    numbers: dict[str, str] = {}
    """Metric of the table -> the number of results.json that it is: `evaluator.number`, or the number's name alone."""
    missing: dict[str, str] = {}
    """Metric of the table -> why it is not computed."""
    skip: str | None = None
    """Why nothing is run for these cells."""
    device: Literal["gpu"] | None = None
    """What the training is meant for; runs elsewhere only if --device says so."""
    minutes: Annotated[float, Field(gt=0)] | None = None
    """How long a run takes about, on one core or on the device."""


class Scale(Options):
    """How far the paper's setting is kept."""

    about: str
    """What is less than in the paper, in a sentence or two."""
    seeds: Annotated[int, Field(gt=0)]
    """Runs of each cell: seeds 0, 1, ..."""
    rules: tuple[Rule, ...] = ()


class _File(Options):
    table: str
    rules: tuple[Rule, ...] = ()
    scales: Annotated[dict[str, Scale], Field(min_length=1)]


@dataclass(frozen=True)
class Merged:
    """What the rules say together of one place of the table.

    Attributes:
        set: changes to the config, in the order in which they are made.
        said: where in the recipe it is said: a key, or a key of `set` or `numbers` -> the place in the file's tree.
    """

    config: str | None = None
    set: tuple[tuple[str, Any], ...] = ()
    numbers: tuple[tuple[str, str], ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    skip: str | None = None
    device: str | None = None
    minutes: float | None = None
    said: Mapping[Keys, Keys] = field(default_factory=dict)

    def with_rule(self, rule: Rule, where: Keys) -> Merged:
        """This, and what another rule adds or puts in its place; `where` is the rule's place in the file."""
        said = {
            key: value for key in ("config", "skip", "device", "minutes") if (value := getattr(rule, key)) is not None
        }
        return replace(
            self,
            set=_later(self.set, rule.set),
            numbers=_later(self.numbers, rule.numbers),
            missing=_later(self.missing, rule.missing),
            said={**self.said, **{keys: (*where, *keys) for keys in _keys(rule, said)}},
            **said,
        )


@dataclass(frozen=True)
class Recipe:
    """A recipe that has been read, with the table that it is for.

    Attributes:
        source: its bundled name or path, as the caller has it.
        faults: of its rules; they are told together with those that a plan finds.
    """

    name: str
    source: str
    folder: Path
    table: PublishedTable
    rules: tuple[Rule, ...]
    scales: dict[str, Scale]
    tree: Tree
    faults: tuple[UserError, ...] = ()

    def scale(self, name: str) -> Scale:
        """One of its scales; UserError that lists them if it has no such one."""
        require(name, self.scales, f'a scale of recipe "{self.name}"')
        return self.scales[name]

    def place(self, scale: str, row: str, column: str) -> Merged:
        """What the rules say of a row and column."""
        merged = Merged()
        for where, rule in self._rules(scale):
            if row in (rule.rows or self.table.rows) and column in (rule.columns or self.table.columns):
                merged = merged.with_rule(rule, where)
        return merged

    def position(self, merged: Merged, *keys: str) -> Position:
        """Where in the file something is said of a place."""
        return self.tree.position(merged.said.get(keys, ()))

    def _rules(self, scale: str) -> Iterator[tuple[Keys, Rule]]:
        for index, rule in enumerate(self.rules):
            yield ("rules", index), rule
        for index, rule in enumerate(self.scale(scale).rules):
            yield ("scales", scale, "rules", index), rule


def recipe_names() -> list[str]:
    """The names of the bundled recipes."""
    return sorted(file.stem for file in BUNDLED.glob("*.yaml"))


def load_recipe(name: str) -> Recipe:
    """A recipe by bundled name or by path.

    Raises:
        UserError: there is none, or it is not of a recipe's form; each fault with its place.
    """
    path = Path(name)
    if path.suffix != ".yaml":
        path = BUNDLED / f"{name}.yaml"
    if not path.is_file():
        known = recipe_names()
        raise UserError(
            f'there is no recipe "{name}".{did_you_mean(name, known)} Known: {", ".join(known)}; or a path to a .yaml file'
        )
    tree = read_yaml(path, "a recipe")
    faults: list[UserError] = []
    file = check_model(_File, tree.data, tree, (), faults)
    if file is None:
        raise ConfigError(faults)
    table = _table(tree, file.table, path.parent)
    faults = _faults_of_rules(tree, file, table)
    return Recipe(path.stem, name, path.parent.resolve(), table, file.rules, file.scales, tree, tuple(faults))


def _table(tree: Tree, name: str, folder: Path) -> PublishedTable:
    if name.endswith(".yaml") and (folder / name).is_file():
        return read_published(folder / name)
    try:
        return load_published(name)
    except UserError as error:
        message = f"there is no file {folder / name}" if name.endswith(".yaml") else error.message
        raise ConfigError(f"table: {message}", tree.position(("table",))) from None


def _faults_of_rules(tree: Tree, file: _File, table: PublishedTable) -> list[UserError]:
    """Where rules name rows, columns or metrics that the table has not."""
    faults: list[UserError] = []
    lists = {("rules",): file.rules} | {("scales", name, "rules"): scale.rules for name, scale in file.scales.items()}
    for path, rules in lists.items():
        for index, rule in enumerate(rules):
            known = {"rows": table.rows, "columns": table.columns, "numbers": table.metrics, "missing": table.metrics}
            for key, names in known.items():
                for word in getattr(rule, key) or ():
                    if word not in names:
                        where = tree.position((*path, index, key))
                        message = f'{key}: "{word}" is not one of table {table.name}.{did_you_mean(word, names)} Known: {", ".join(names)}.'
                        faults.append(ConfigError(message, where))
    return faults


def _keys(rule: Rule, said: Mapping[str, Any]) -> Iterator[Keys]:
    """What a rule says: its single keys, and those in `set` and `numbers`."""
    yield from ((key,) for key in said)
    yield from (("set", key) for key in rule.set)
    yield from (("numbers", metric) for metric in rule.numbers)


def _later(before: tuple[tuple[str, Any], ...], rule: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Pairs of key and value, the rule's own last."""
    return (*((key, value) for key, value in before if key not in rule), *rule.items())
