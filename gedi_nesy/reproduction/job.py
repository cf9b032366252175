"""One training of a recipe or a sweep, known by what it trains and not by when."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config.loader import load_tree
from ..config.schema import Component, RunConfig
from ..config.validate import validate
from ..engine.run_folder import STEERING, RunFolder, flat, resolved, source_files
from ..plugin_manager import PluginManager, load_plugins

# Keys that leave a training alone, or say where files are. Evaluators are among them: they can be made up for, see `Job.evaluators`.
APART = STEERING | {"seed", "compare", "evaluators", "data.root", "data.verify", "data.prepared"}


@dataclass(frozen=True)
class Job:
    """A config with its changes and a seed.

    Attributes:
        config: path of the config file.
        overrides: changes to it, as on the command line.
        name: the config's name, under which its runs are kept.
        identity: twelve hex digits that stand for the training: the resolved config and the files it names, without the seed.
        evaluators: what the finished run is to be evaluated with, each as in a resolved config, as JSON.
    """

    config: str
    overrides: tuple[str, ...]
    name: str
    identity: str
    evaluators: str
    seed: int

    @property
    def run_id(self) -> str:
        """Name of the run's folder."""
        return f"{self.identity}-seed{self.seed}"

    def folder(self, runs: Path) -> RunFolder:
        """Where the run is, or will be."""
        return RunFolder(runs / self.name / self.run_id)

    def all_overrides(self) -> list[str]:
        """The changes to the config, evaluators and seed among them."""
        return [*self.overrides, f"evaluators={self.evaluators}", f"seed={self.seed}"]


@dataclass(frozen=True)
class Training:
    """What is to be trained, once for each seed.

    Attributes:
        data: name of the data set.
        absent: which data are not here that it trains on.
        lacking: evaluator -> which files are not here that it needs, all or some of its numbers.
        validation: the config's.
    """

    config: str
    overrides: tuple[str, ...]
    name: str
    identity: str
    evaluators: str
    data: str
    absent: str | None
    lacking: dict[str, str]
    validation: float | None

    def job(self, seed: int) -> Job:
        """The training with a seed."""
        return Job(self.config, self.overrides, self.name, self.identity, self.evaluators, seed)


def prepare(config: str, changes: dict[str, Any], installed: PluginManager | None = None) -> Training:
    """Check a config with its changes and see whether the files it needs are here; no file of data is opened.

    Evaluators whose files are not here are left out, and so are the data sets that an evaluator compares with.

    Args:
        installed: the plugins, if they have been loaded; a config that names plugin files gets plugins of its own.

    Raises:
        UserError: the config or a change is wrong.
    """
    overrides = tuple(as_override(key, value) for key, value in changes.items())
    tree = load_tree(config, overrides)
    plugins = load_plugins() if installed is None or tree.data.get("plugins") else installed
    checked = validate(tree, plugins)
    evaluators: list[dict[str, Any]] = []
    lacking: dict[str, str] = {}
    for component in checked.evaluators:
        plain, lacks = _usable(component, plugins, getattr(checked.data.options, "root", None))
        evaluators += [plain] if plain else []
        lacking |= {component.name: lacks} if lacks else {}
    return Training(
        config,
        overrides,
        checked.name,
        identify(checked),
        json.dumps(evaluators),
        checked.data.name,
        _absent(checked.data, plugins, trained_on=True),
        lacking,
        checked.validation,
    )


def evaluators_of(config: str, changes: Mapping[str, Any]) -> list[str]:
    """The evaluators that a config names after some changes, whatever else is wrong with it or them."""
    overrides = [as_override(key, value) for key, value in changes.items() if key.partition(".")[0] == "evaluators"]
    named = load_tree(config, overrides).data.get("evaluators") or []
    return [item["name"] if isinstance(item, dict) else str(item) for item in named]


def as_override(key: str, value: Any) -> str:
    """A change to a config as it stands on a command line."""
    return f"{key}={json.dumps(value)}"


def identify(config: RunConfig) -> str:
    """Twelve hex digits that stand for everything that decides a run's numbers, but the seed."""
    told = {key: value for key, value in flat(resolved(config)) if key not in APART and not key.startswith("compare.")}
    if config.validation is None:
        del told["validation"]  # a key that says nothing is no part of a training
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for file in sorted(source_files(config), key=lambda file: Path(file).name):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()[:12]


def _usable(evaluator: Component, plugins: PluginManager, root: str | None) -> tuple[dict[str, Any] | None, str | None]:
    """An evaluator as far as the files it needs are here, None if it cannot work at all; and what it lacks."""
    made = plugins.registry.find("evaluator", evaluator.name).load()(evaluator.options)
    if lacks := made.lacking():
        return None, lacks
    plain = evaluator.flat()
    absent: list[str] = []
    for option, split in made.OTHER_DATA.items():
        others = getattr(evaluator.options, option)
        lacks = [_absent(data.within(root), plugins, trained_on=split == "training") for data in others]
        plain[option] = [data for data, lack in zip(plain[option], lacks, strict=True) if not lack]
        absent += filter(None, lacks)
        if others and not plain[option] and type(evaluator.options).model_fields[option].is_required():
            return None, "; ".join(absent)
    return plain, "; ".join(absent) or None


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
