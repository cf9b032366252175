"""What a person sees while a table's runs train: that a run starts, and from its metrics how far it is."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from rich.console import Console
from rich.live import Live
from rich.text import Text

from ..engine.run_folder import RunFolder
from ..engine.state import State
from ..reporting.text import duration
from .execution import stand_of
from .job import Job

LOOK_EVERY = 1.0  # seconds
SAY_EVERY = 60.0  # seconds between lines about a run, where nothing can be shown in place
TAIL = 1 << 16  # bytes of metrics that the last line is in


@dataclass
class _Seen:
    """A run at work: since when and which epoch it is watched, when a line was last said about it, and the epoch it was seen at."""

    epochs: int
    since: float
    first: float
    said: float
    last: float = 0.0


class Watch:
    """Follows runs by their folders, wherever they train; says each start once."""

    def __init__(
        self,
        names: Mapping[Job, str],
        runs: Path,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open, self._runs, self._say, self._clock = dict(names), runs, say, clock
        self._seen: dict[Job, _Seen] = {}
        self._behind = {job: _saved_epoch(job.folder(runs)) for job in names if job.folder(runs).config.is_file()}

    def look(self) -> list[str]:
        """A line for each run that is at work."""
        lines = []
        for job, name in list(self._open.items()):
            stand = stand_of(job, self._runs)
            if stand is not None and stand.state is State.running:
                self._start(job)
                lines.append(f"{name}: {self._how_far(job)}")
        return lines

    def say_how_far(self) -> None:
        """Say a line about each run at work, once a minute."""
        for job, name in list(self._open.items()):
            if (seen := self._seen.get(job)) and self._clock() - seen.said >= SAY_EVERY:
                seen.said = self._clock()
                self._say(f"{name}: {self._how_far(job)}")

    def end(self, job: Job) -> None:
        """A run is over; that it started is said now if it was over in no time."""
        self._start(job)
        self._open.pop(job, None)

    def _start(self, job: Job) -> None:
        if job in self._seen or job not in self._open:
            return
        behind, epochs = self._behind.get(job, 0), _epochs(job.folder(self._runs))
        self._seen[job] = _Seen(epochs, self._clock(), last_epoch(job.folder(self._runs)), self._clock())
        way = "starts"
        if behind:
            way = f"goes on from epoch {behind} of {epochs}" if behind < epochs else "is trained and evaluated again"
        self._say(f"{self._open[job]}: {way}")

    def _how_far(self, job: Job) -> str:
        seen = self._seen[job]
        seen.epochs = seen.epochs or _epochs(job.folder(self._runs))
        epoch = last_epoch(job.folder(self._runs))
        if seen.epochs and epoch >= seen.epochs:
            return "trained, evaluating"
        if epoch < seen.last:  # started again, or rolled back: how long all that took says nothing about what is left
            seen.first, seen.since = epoch, self._clock()
        seen.last = epoch
        done, took = epoch - seen.first, self._clock() - seen.since
        if done <= 0 or not seen.epochs:
            return "under way"
        left = took / done * (seen.epochs - epoch)
        words = duration(left) if left >= 60 else f"{left:.0f} s"
        return f"epoch {int(epoch) + 1} of {seen.epochs}, about {words} left"


class Shown:
    """Keeps a watch in front of a person while the body runs: in place on a terminal, as sparse lines elsewhere."""

    def __init__(self, names: Mapping[Job, str], runs: Path, console: Console) -> None:
        self._console = console
        self._watch = Watch(names, runs, self.say)
        self._live = Live(console=console, transient=True, auto_refresh=False) if console.is_terminal else None
        self._over, self._lock = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Shown:
        if self._live:
            self._live.start()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        if self._live:
            self._live.stop()

    def say(self, text: str) -> None:
        """A line that stays."""
        self._console.print(Text(text), soft_wrap=True)

    def end(self, job: Job, text: str) -> None:
        """A line about how a run ended."""
        with self._lock:
            self._watch.end(job)
            self._show()
            self.say(text)

    def _follow(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            with self._lock:
                self._show()

    def _show(self) -> None:
        lines = self._watch.look()
        if self._live:
            self._live.update(Text("\n".join(lines)), refresh=True)
        else:
            self._watch.say_how_far()


def last_epoch(folder: RunFolder) -> float:
    """How many epochs a run has trained, by the last whole line of its metrics."""
    try:
        with open(folder.metrics, "rb") as file:
            file.seek(max(0, folder.metrics.stat().st_size - TAIL))
            lines = file.read().splitlines()
    except OSError:
        return 0.0
    for line in reversed(lines):
        try:
            return float(json.loads(line)["epoch"])
        except (ValueError, TypeError, KeyError):
            continue
    return 0.0


def _saved_epoch(folder: RunFolder) -> int:
    """The epoch of the last checkpoint, from which a run goes on."""
    from ..engine import checkpoint  # imports torch, which only runs that have begun need here

    newest = checkpoint.newest(folder.checkpoints)
    return checkpoint.epoch_of(newest) if newest else 0


def _epochs(folder: RunFolder) -> int:
    """How many it is to train; 0 if that is not known yet."""
    try:
        return int(yaml.safe_load(folder.config.read_text(encoding="utf-8"))["training"]["epochs"])
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        return 0
