"""Every error that gedi-nesy raises on purpose.

    GediNesyError                 anything below; carries the exit code
    ├── UserError                 the user can mend it: shown as a message without traceback, exit code 2
    │   ├── ConfigError           one or more faults of a config file or of an override
    │   ├── ProgramError          a ProbLog program or query that cannot be used
    │   │   └── LimitError        one whose grounding or compilation takes more time, memory or nodes than allowed
    │   ├── DataError             missing, damaged or unfit data
    │   ├── PluginError           a plugin that cannot be loaded, or a name nobody provides
    │   └── RunError              a run folder or checkpoint that cannot be used as asked
    ├── DivergenceError           training left the finite numbers, exit code 1
    ├── PeerError                 another process of the same training has ended, exit code 1
    └── InternalError             a fault of gedi-nesy, not of its user, exit code 1

A message has three parts: what is wrong with the value shown, where (file:line:column), what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Position:
    """A place in a text file; line and column count from 1, 0 stands for unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}" if self.column else f"{self.file}:{self.line}"


class GediNesyError(Exception):
    """Root of the tree. `exit_code` is what the command line returns."""

    exit_code = 1


class UserError(GediNesyError):
    """A fault the user can mend; its text is the whole story.

    Args:
        message: what is wrong, with the value, and what to do.
        position: where.
        key: dotted config key at fault, for code that knows the key and not the file; whoever read the file turns it into
            a position.
    """

    exit_code = 2

    def __init__(self, message: str, position: Position | None = None, key: str | None = None) -> None:
        self.message, self.position, self.key = message, position, key
        super().__init__(f"{position}  {message}" if position else message)


class ConfigError(UserError):
    """All faults of a config at once, one line each."""

    def __init__(
        self, faults: Iterable[UserError] | str, position: Position | None = None, key: str | None = None
    ) -> None:
        if isinstance(faults, str):
            self.faults: tuple[UserError, ...] = ()
            super().__init__(faults, position, key)
        else:
            self.faults = tuple(faults)
            super().__init__("\n".join(str(fault) for fault in self.faults))


class ProgramError(UserError):
    """A program that does not parse, ground, compile or fit its networks."""


class LimitError(ProgramError):
    """Grounding or compiling took more time, memory or nodes than allowed."""


class DataError(UserError):
    """Missing, damaged or unfit data."""


class PluginError(UserError):
    """A plugin that failed, or a name that no plugin provides."""


class RunError(UserError):
    """A run folder, checkpoint or resume that cannot be used as asked."""


class DivergenceError(GediNesyError):
    """A loss term became non-finite or exploded."""


class PeerError(GediNesyError):
    """Another process of the same training has ended, and with it this one."""


class InternalError(GediNesyError):
    """Something that cannot happen did; the text is for a report."""


def nearest(word: str, known: Iterable[str], command: str) -> str:
    """What to say instead of a long list: the nearest few names, of which a last part will do, and the command that lists all.

    Example:
        >>> nearest("simclr", ["pretraining/simclr", "toys/moons"], "gedi-nesy config list")
        ' Did you mean "pretraining/simclr"? `gedi-nesy config list` lists all 2.'
    """
    names = list(known)
    parts = {name: {name, name.rpartition("/")[2]} for name in names}
    close = difflib.get_close_matches(word, [part for both in parts.values() for part in both], n=3, cutoff=0.6)
    near = dict.fromkeys(name for part in close for name in names if part in parts[name])
    quoted = " or ".join(f'"{name}"' for name in list(near)[:3])
    return f"{f' Did you mean {quoted}?' if near else ''} `{command}` lists all {len(names)}."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint such as ` Did you mean "steps"?`, or the empty string."""
    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f' Did you mean "{folded[close[0]]}"?' if close else ""
