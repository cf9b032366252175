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

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from ..config.loader import Tree, parse_yaml
from ..config.options import Options
from ..config.validate import check_model
from ..errors import ConfigError, UserError, did_you_mean
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
    """

    config: str | None = None
    set: tuple[tuple[str, Any], ...] = ()
    numbers: tuple[tuple[str, str], ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    skip: str | None = None
    device: str | None = None
    minutes: float | None = None

    def with_rule(self, rule: Rule) -> Merged:
        """This, and what another rule adds or puts in its place."""
        said = {
            key: value for key in ("config", "skip", "device", "minutes") if (value := getattr(rule, key)) is not None
        }
        return replace(
            self,
            set=_later(self.set, rule.set),
            numbers=_later(self.numbers, rule.numbers),
            missing=_later(self.missing, rule.missing),
            **said,
        )


@dataclass(frozen=True)
class Recipe:
    """A recipe that has been read, with the table that it is for."""

    name: str
    folder: Path
    table: PublishedTable
    rules: tuple[Rule, ...]
    scales: dict[str, Scale]

    def scale(self, name: str) -> Scale:
        """One of its scales; UserError that lists them if it has no such one."""
        require(name, self.scales, f'a scale of recipe "{self.name}"')
        return self.scales[name]

    def place(self, scale: str, row: str, column: str) -> Merged:
        """What the rules say of a row and column."""
        merged = Merged()
        for rule in (*self.rules, *self.scale(scale).rules):
            if row in (rule.rows or self.table.rows) and column in (rule.columns or self.table.columns):
                merged = merged.with_rule(rule)
        return merged


def recipe_names() -> list[str]:
    """The names of the bundled recipes."""
    return sorted(file.stem for file in BUNDLED.glob("*.yaml"))


def load_recipe(name: str) -> Recipe:
    """A recipe by bundled name or by path.

    Raises:
        UserError: there is none, or something in it is wrong; each fault with its place.
    """
    path = Path(name)
    if path.suffix != ".yaml":
        path = BUNDLED / f"{name}.yaml"
    if not path.is_file():
        known = recipe_names()
        raise UserError(
            f'there is no recipe "{name}".{did_you_mean(name, known)} Known: {", ".join(known)}; or a path to a .yaml file'
        )
    tree = parse_yaml(path.read_text(encoding="utf-8"), str(path))
    tree.file = path
    faults: list[UserError] = []
    file = check_model(_File, tree.data, tree, (), faults)
    if file is None:
        raise ConfigError(faults)
    recipe = Recipe(path.stem, path.parent.resolve(), _table(file.table, path.parent), file.rules, file.scales)
    _check_rules(tree, recipe)
    return recipe


def _table(name: str, folder: Path) -> PublishedTable:
    return read_published(folder / name) if name.endswith(".yaml") else load_published(name)


def _check_rules(tree: Tree, recipe: Recipe) -> None:
    """Rules name rows, columns and metrics that the table has."""
    faults: list[UserError] = []
    table = recipe.table
    lists = {("rules",): recipe.rules} | {
        ("scales", name, "rules"): scale.rules for name, scale in recipe.scales.items()
    }
    for path, rules in lists.items():
        for index, rule in enumerate(rules):
            known = {"rows": table.rows, "columns": table.columns, "numbers": table.metrics, "missing": table.metrics}
            for key, names in known.items():
                for word in getattr(rule, key) or ():
                    if word not in names:
                        where = tree.position((*path, index, key))
                        message = f'{key}: "{word}" is not one of table {table.name}.{did_you_mean(word, names)} Known: {", ".join(names)}.'
                        faults.append(ConfigError(message, where))
    if faults:
        raise ConfigError(faults)


def _later(before: tuple[tuple[str, Any], ...], rule: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Pairs of key and value, the rule's own last."""
    return (*((key, value) for key, value in before if key not in rule), *rule.items())
