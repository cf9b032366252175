"""What can be chosen by name in a config: methods, tasks, backbones, data sets, views, evaluators, logic backends, watchers.

An entry is an object or a reference "module:attribute" that is imported when somebody asks for it. References keep
`gedi-nesy plugins` fast (nothing heavy is imported) and a plugin that is broken out of the way of runs that do not use it.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .errors import PluginError, Position, nearest

if TYPE_CHECKING:
    from .data.dataset import DatasetReader
    from .data.views import View
    from .evaluators import Evaluator
    from .logic.constraint import ConstraintBuilder
    from .methods import Method
    from .models.backbone import Backbone
    from .tasks import Task
    from .watchers import Watcher

Kind = Literal["method", "task", "backbone", "dataset", "view", "evaluator", "logic_backend", "watcher"]

# What a registered class is derived from; a logic backend is any function of the right kind.
INTERFACES: dict[Kind, str] = {
    "method": "gedi_nesy:Method",
    "task": "gedi_nesy:Task",
    "backbone": "gedi_nesy:Backbone",
    "dataset": "gedi_nesy:DatasetReader",
    "view": "gedi_nesy:View",
    "evaluator": "gedi_nesy:Evaluator",
    "watcher": "gedi_nesy:Watcher",
}


@dataclass(frozen=True)
class Entry:
    """One registered name; `provider` is the plugin, with its distribution and version or its file."""

    kind: Kind
    name: str
    target: object
    provider: str

    def load(self) -> Any:
        """The registered object itself; PluginError when its module cannot be imported or it is of another kind."""
        loaded = self._import(self.target) if isinstance(self.target, str) else self.target
        interface = INTERFACES.get(self.kind)
        if interface and not (isinstance(loaded, type) and issubclass(loaded, self._import(interface))):
            raise PluginError(
                f'{self.kind} "{self.name}" (plugin {self.provider}) is {loaded!r}: it must be a class derived from '
                f"{interface.replace(':', '.')}"
            )
        if missing := sorted(getattr(loaded, "__abstractmethods__", ())):
            raise PluginError(
                f'{self.kind} "{self.name}" (plugin {self.provider}) is not complete: {getattr(loaded, "__name__", loaded)} '
                f"does not define {', '.join(missing)}"
            )
        return loaded

    def _import(self, reference: str) -> Any:
        module, _, attribute = reference.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except Exception as error:
            raise PluginError(
                f'{self.kind} "{self.name}" cannot be loaded from {reference} (plugin {self.provider}): '
                f"{type(error).__name__}: {error}"
            ) from error


class Registry:
    """Every registered name, in the order of registration."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Entry] = {}

    def add(self, kind: Kind, name: str, target: object, provider: str) -> None:
        """Register a name; PluginError if another plugin has it already."""
        if other := self._entries.get((kind, name)):
            raise PluginError(
                f'{kind} "{name}" is registered twice: by {other.provider} and by {provider}. '
                "Rename one of them, or uninstall one of the two plugins."
            )
        self._entries[kind, name] = Entry(kind, name, target, provider)

    def remove_provider(self, provider: str) -> None:
        """Forget everything a plugin has registered; for one that failed half-way."""
        self._entries = {key: entry for key, entry in self._entries.items() if entry.provider != provider}

    def entries(self, kind: Kind | None = None) -> list[Entry]:
        """All entries, or those of one kind."""
        return [entry for entry in self._entries.values() if kind in (None, entry.kind)]

    def find(self, kind: Kind, name: str, where: Position | None = None, key: str | None = None) -> Entry:
        """The entry of a name; PluginError that names the nearest ones."""
        if entry := self._entries.get((kind, name)):
            return entry
        known = [entry.name for entry in self.entries(kind)]
        raise PluginError(
            f'unknown {kind.replace("_", " ")} "{name}".{nearest(name, known, "gedi-nesy plugins")} '
            "One of your own: `plugins: [./file.py]` in the config, or an installed package.",
            where,
            key,
        )


class Registrar:
    """The registry as a plugin's `register` hook sees it: one typed door for each kind.

    Example:
        >>> registry = Registry()
        >>> Registrar(registry, "me 1.0").add_method("mine", "my_package.method:Mine")
        >>> registry.find("method", "mine").provider
        'me 1.0'
    """

    def __init__(self, registry: Registry, provider: str) -> None:
        self._registry, self._provider = registry, provider

    def add_method(self, name: str, target: type[Method] | str) -> None:
        """A training method, see `gedi_nesy.Method`."""
        self._registry.add("method", name, target, self._provider)

    def add_task(self, name: str, target: type[Task] | str) -> None:
        """What is trained on and supervised how, see `gedi_nesy.Task`."""
        self._registry.add("task", name, target, self._provider)

    def add_backbone(self, name: str, target: type[Backbone] | str) -> None:
        """A feature extractor, see `gedi_nesy.Backbone`."""
        self._registry.add("backbone", name, target, self._provider)

    def add_dataset(self, name: str, target: type[DatasetReader] | str) -> None:
        """A reader of labelled images, see `gedi_nesy.DatasetReader`."""
        self._registry.add("dataset", name, target, self._provider)

    def add_view(self, name: str, target: type[View] | str) -> None:
        """A batched random transformation of images, see `gedi_nesy.View`."""
        self._registry.add("view", name, target, self._provider)

    def add_evaluator(self, name: str, target: type[Evaluator] | str) -> None:
        """Numbers about a trained method, see `gedi_nesy.Evaluator`."""
        self._registry.add("evaluator", name, target, self._provider)

    def add_logic_backend(self, name: str, target: ConstraintBuilder | str) -> None:
        """An engine that turns a program and a query template into a `gedi_nesy.Constraint`."""
        self._registry.add("logic_backend", name, target, self._provider)

    def add_watcher(self, name: str, target: type[Watcher] | str) -> None:
        """Whoever looks on while a run trains, see `gedi_nesy.Watcher`."""
        self._registry.add("watcher", name, target, self._provider)
