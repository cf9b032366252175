"""One training of a recipe, known by what it trains and not by when."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config.loader import load_tree
from ..config.schema import Component, RunConfig
from ..config.validate import validate
from ..engine.run_folder import STEERING, RunFolder, resolved, source_files
from ..plugin_manager import PluginManager, load_plugins

# These leave a run's numbers alone.
APART = STEERING | {"seed", "compare"}


@dataclass(frozen=True)
class Job:
    """A config with its changes and a seed.

    Attributes:
        config: path of the config file.
        overrides: changes to it, as on the command line.
        name: the config's name, under which its runs are kept.
        identity: twelve hex digits that stand for the resolved config and the files it names, without the seed.
    """

    config: str
    overrides: tuple[str, ...]
    name: str
    identity: str
    seed: int

    @property
    def run_id(self) -> str:
        """Name of the run's folder."""
        return f"{self.identity}-seed{self.seed}"

    def folder(self, runs: Path) -> RunFolder:
        """Where the run is, or will be."""
        return RunFolder(runs / self.name / self.run_id)

    def all_overrides(self) -> list[str]:
        """The changes to the config, the seed among them."""
        return [*self.overrides, f"seed={self.seed}"]


@dataclass(frozen=True)
class Training:
    """What is to be trained, once for each seed; `absent` says which data are not here."""

    config: str
    overrides: tuple[str, ...]
    name: str
    identity: str
    absent: tuple[str, ...]

    def job(self, seed: int) -> Job:
        """The training with a seed."""
        return Job(self.config, self.overrides, self.name, self.identity, seed)


def prepare(config: str, changes: dict[str, Any]) -> Training:
    """Check a config with its changes and see whether the data it names are here; no file of data is opened.

    Raises:
        UserError: the config or a change is wrong.
    """
    overrides = tuple(f"{key}={json.dumps(value)}" for key, value in changes.items())
    plugins = load_plugins()
    checked = validate(load_tree(config, overrides), plugins)
    absent = [obstacle for data in _datasets(checked) if (obstacle := _absent(data, plugins, data is checked.data))]
    return Training(config, overrides, checked.name, identify(checked), tuple(dict.fromkeys(absent)))


def identify(config: RunConfig) -> str:
    """Twelve hex digits that stand for everything that decides a run's numbers, but the seed."""
    told = {key: value for key, value in _flat(resolved(config)) if key not in APART and not key.startswith("compare.")}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for file in sorted(source_files(config), key=lambda file: Path(file).name):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()[:12]


def _datasets(config: RunConfig) -> Iterator[Component]:
    """The data set that is trained on, and those that evaluators name under `datasets`."""
    yield config.data
    for evaluator in config.evaluators:
        yield from getattr(evaluator.options, "datasets", ())


def _absent(data: Any, plugins: PluginManager, trained_on: bool) -> str | None:
    """What is missing of a data set; `data` has its name and options, nested or beside each other."""
    reader = plugins.registry.find("dataset", data.name).load()
    if not isinstance(data, Component):
        beside = {key: value for key, value in data.model_dump().items() if key != "name" and value is not None}
        data = Component.model_construct(name=data.name, options=reader.Options.model_validate(beside))
    status: str = reader(data.options).status()
    if not status.startswith("here"):
        return f"{data.name} is {status}"
    only_test = trained_on and "test split only" in status
    return f"{data.name} has no training images ({status})" if only_test else None


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and plain values."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _flat(item, f"{key}.{name}".lstrip("."))
    else:
        yield key, value
