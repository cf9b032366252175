"""Load plugins one by one, so that a broken one is named and stops nobody who does not use it."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from . import hookspecs
from .errors import PluginError, Position, did_you_mean
from .registry import Registrar, Registry


@dataclass(frozen=True)
class PluginRecord:
    """What became of one plugin: `error` is None when it is loaded."""

    name: str
    origin: str
    error: str | None = None


@dataclass
class PluginManager:
    """The hooks, the registry and the story of every plugin.

    Attributes:
        hook: call a hook with keywords, as in `plugins.hook.run_started(run=run)`.
        registry: everything registered by the plugins that loaded.
        records: one for each plugin found, the failed ones included.
    """

    registry: Registry = field(default_factory=Registry)
    records: list[PluginRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._pluggy = pluggy.PluginManager(hookspecs.PROJECT)
        self._pluggy.add_hookspecs(hookspecs)

    @property
    def hook(self) -> Any:
        """pluggy's relay: each hook of `hookspecs` as a function of keywords."""
        return self._pluggy.hook

    def load_installed(self) -> None:
        """Load every entry point of the group `gedi_nesy`; failures go into `records`."""
        for entry_point in sorted(
            entry_points(group=hookspecs.PROJECT), key=lambda point: (_origin(point), point.name)
        ):
            self._load(entry_point.name, _origin(entry_point), entry_point.load)

    def load_file(self, path: Path, where: Position | None = None) -> None:
        """Load a plugin from a file; PluginError when it is missing or fails, since the config asked for it."""
        if not path.is_file():
            raise PluginError(f'plugin file "{path}" does not exist. Paths are relative to the config file.', where)
        if any(record.origin == str(path) for record in self.records):
            raise PluginError(f"plugin {path} is named twice: take it out once", where)
        self._load(path.stem, str(path), lambda: _import_file(path))
        if error := self.records[-1].error:
            raise PluginError(f"plugin {path} cannot be loaded: {error}", where)

    def watch(self, name: str, watcher: object) -> None:
        """Call the hooks of an object from here on; PluginError when one of them is not a hook."""
        _check_hooks(watcher)
        self._pluggy.register(watcher, name=f"watcher {name}")

    def failures(self) -> str:
        """One line for each plugin that failed, or the empty string: what else an unknown name may mean."""
        return "\n".join(
            f"plugin {record.name} ({record.origin}) failed to load: {record.error}"
            for record in self.records
            if record.error
        )

    def _load(self, name: str, origin: str, load: Any) -> None:
        provider = f"{name}, {origin}"
        try:
            plugin = load()
            _check_hooks(plugin)
            self._pluggy.register(plugin, name=provider)
            self._pluggy.check_pending()
            caller = self._pluggy.subset_hook_caller(
                "register", [other for other in self._pluggy.get_plugins() if other is not plugin]
            )
            caller(registry=Registrar(self.registry, provider))
        except (Exception, SystemExit) as error:
            if self._pluggy.has_plugin(provider):
                self._pluggy.unregister(name=provider)
            self.registry.remove_provider(provider)
            self.records.append(PluginRecord(name, origin, _reason(error)))
        else:
            self.records.append(PluginRecord(name, origin))


def load_plugins() -> PluginManager:
    """A manager with every installed plugin loaded."""
    manager = PluginManager()
    manager.load_installed()
    return manager


def _origin(entry_point: EntryPoint) -> str:
    distribution = entry_point.dist
    return f"{distribution.name} {distribution.version}" if distribution else "unknown distribution"


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, PluginError) else f"{type(error).__name__}: {text}"


def _import_file(path: Path) -> ModuleType:
    """Import a file under a name of its own, so that two files called alike do not meet."""
    name = f"gedi_nesy_file_plugins.{path.resolve().as_posix().replace('/', '_').replace('.', '_')}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pydantic look their own module up while a class is made
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _check_hooks(plugin: object) -> None:
    """Refuse what pluggy would let pass in silence: unknown hooks, unknown arguments, arguments with a default."""
    specs = {
        name: inspect.signature(spec)
        for name, spec in vars(hookspecs).items()
        if hasattr(spec, f"{hookspecs.PROJECT}_spec")
    }
    implementations = {
        name: function
        for name, function in inspect.getmembers(plugin)
        if hasattr(function, f"{hookspecs.PROJECT}_impl")
    }
    if not implementations:
        raise PluginError("it implements no hook. Mark `def register(registry)` with @gedi_nesy.hookimpl")
    for name, function in implementations.items():
        if name not in specs:
            raise PluginError(f'there is no hook "{name}".{did_you_mean(name, specs)} Hooks: {", ".join(specs)}')
        known = list(specs[name].parameters)
        for argument in inspect.signature(function).parameters.values():
            if argument.name not in known:
                raise PluginError(f'hook "{name}" has no argument "{argument.name}". It has: {", ".join(known)}')
            if argument.default is not inspect.Parameter.empty:
                raise PluginError(
                    f'argument "{argument.name}" of hook "{name}" has a default, so pluggy would never fill it'
                )
