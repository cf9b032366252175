"""What a run is doing, or how it ended: a small file in its folder, readable by others while it runs."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import psutil

from ..errors import DivergenceError, RunError
from ..files import write_json
from .run_folder import RunFolder


class State(StrEnum):
    """Where a run stands."""

    running = "running"
    finished = "finished"
    diverged = "diverged"
    failed = "failed"
    killed = "killed"
    """Ended without a word, or was stopped by hand: it can be resumed."""


@dataclass(frozen=True)
class Standing:
    """A run's state and what there is to say about it: the error, or where it runs."""

    state: State
    reason: str = ""
    is_here: bool = False
    """Whether another process of this machine runs it."""

    @property
    def text(self) -> str:
        """Both in a line."""
        return f"{self.state}: {self.reason}" if self.reason else str(self.state)


@contextmanager
def working(folder: RunFolder) -> Iterator[None]:
    """Keep the run's state on disk while the body works on it: running, then finished, or what went wrong."""
    _write(folder, State.running)
    try:
        yield
    except BaseException as error:
        with suppress(RunError):  # a full disk may be what went wrong
            _write(folder, *_ending(error))
        raise
    _write(folder, State.finished)


def standing(folder: RunFolder) -> Standing:
    """Where a run stands, from its folder alone; a damaged state file counts as none."""
    said = _read(folder.state)
    has_results = folder.results.is_file()
    if said.get("state") == State.running:
        where = f"process {said.get('process')} on {said.get('host')}"
        if _is_alive(said):
            is_other = said.get("process") != os.getpid()  # ours may have found no room to write how it ended
            return Standing(State.running, where, is_other and said.get("host") == socket.gethostname())
        return Standing(State.finished) if has_results else Standing(State.killed, f"{where} is gone")
    with suppress(ValueError):
        ended = State(str(said.get("state")))
        if ended is not State.finished:
            return Standing(ended, str(said.get("error", "")))
    return Standing(State.finished) if has_results else Standing(State.killed, "there is no results.json")


def _ending(error: BaseException) -> tuple[State, str]:
    if isinstance(error, DivergenceError):
        return State.diverged, str(error)
    if isinstance(error, KeyboardInterrupt):
        return State.killed, "stopped by hand"
    return State.failed, f"{type(error).__name__}: {error}"


def _write(folder: RunFolder, state: State, error: str = "") -> None:
    process = os.getpid()
    told = {
        "state": state.value,
        "error": error,
        "process": process,
        "process_started": _process_started(process),
        "host": socket.gethostname(),
        "since": datetime.now().isoformat(timespec="seconds"),
    }
    write_json(folder.state, told)


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def _is_alive(said: dict[str, Any]) -> bool:
    """Whether the process that wrote this is still there; on another machine it is taken at its word."""
    process = said.get("process")
    if said.get("host") != socket.gethostname() or not isinstance(process, int):
        return said.get("host") != socket.gethostname()
    try:
        exists = psutil.pid_exists(process)  # os.kill(process, 0) would be Ctrl+C on Windows
    except OverflowError:
        return False
    # A number is given to another process some time after the first is gone.
    return exists and said.get("process_started") == _process_started(process)


def _process_started(process: int) -> str | None:
    """When a process began, in the kernel's ticks; None where there is no /proc, or for one that has ended and waits to be reaped."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]
