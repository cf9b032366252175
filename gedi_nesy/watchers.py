"""The interface of watchers: whoever looks on while a run trains, because its config asks for it by name."""

from __future__ import annotations

from typing import Any

from .config.options import Options


class Watcher:
    """An object whose methods, marked with `gedi_nesy.hookimpl`, are called at the hooks of runs that name it.

    A hook of a plugin's module is called in every run; a watcher's in those with `watchers: [its name]`. It is made before
    anything is written, in the main process alone, and may raise a ConfigError.

    Example:
        >>> class Counts(Watcher):
        ...     @hookimpl
        ...     def epoch_finished(self, epoch):
        ...         print(epoch)
    """

    class Options(Options):
        """Options beside `name` in the config's list of watchers."""

    options: Any

    def __init__(self, options: Any) -> None:
        self.options = options
