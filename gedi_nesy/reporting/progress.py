"""What a person sees while a run trains: a live display in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from ..types import Term

if TYPE_CHECKING:
    from ..engine.diagnosis import Diagnosis
    from ..engine.run import Run

SMOOTHING = 0.95


class Speed:
    """Images per second and time left, from the wall clock of this process."""

    def __init__(self) -> None:
        self._started = self._last = time.perf_counter()
        self._steps = 0
        self.images_per_second = 0.0

    def step(self, images: int) -> None:
        """Count a step; the rate is a moving average."""
        now = time.perf_counter()
        rate = images / max(now - self._last, 1e-9)
        self.images_per_second = (
            rate if not self._steps else SMOOTHING * self.images_per_second + (1 - SMOOTHING) * rate
        )
        self._last, self._steps = now, self._steps + 1

    def left(self, run: Run) -> str:
        """Time to the end at the mean speed so far, as m:ss."""
        seconds = (self._last - self._started) / max(self._steps, 1) * (run.num_steps - run.step)
        return f"{int(seconds // 60)}:{int(seconds % 60):02d}"


class PlainDisplay:
    """A line for each epoch, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console, self._speed = console, Speed()

    def __enter__(self) -> PlainDisplay:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is held open."""

    def step(self, run: Run, terms: dict[str, float], images: int) -> None:
        self._speed.step(images)

    def epoch(self, run: Run, terms: dict[str, float], diagnosis: Diagnosis) -> None:
        values = "  ".join(f"{name} {value:.3f}{_minimum(run, name)}" for name, value in terms.items())
        speed = f"{self._speed.images_per_second:.0f} images/s  {self._speed.left(run)} left"
        failures = "".join(f"  ! {failure}" for failure in diagnosis.failures)
        self.note(f"{_epoch(run, run.epoch)}  {values}  {speed}{failures}")

    def note(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)


class LiveDisplay:
    """One panel that stays in place: progress bar, terms with known minima, health."""

    def __init__(self, console: Console) -> None:
        self._speed = Speed()
        self._progress = Progress(
            TextColumn("{task.fields[epoch]}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[speed]}"),
            console=console,
        )
        self._bar = self._progress.add_task("train", total=None, epoch="", speed="")
        self._failures: tuple[str, ...] = ()
        self._live = Live(self._progress, console=console, refresh_per_second=4)

    def __enter__(self) -> LiveDisplay:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def step(self, run: Run, terms: dict[str, float], images: int) -> None:
        self._speed.step(images)
        self._progress.update(
            self._bar,
            total=run.num_steps,
            completed=run.step,
            epoch=_epoch(run, run.epoch + 1),
            speed=f"{self._speed.images_per_second:.0f} images/s, {self._speed.left(run)} left",
        )
        self._live.update(self._table(run, terms))

    def epoch(self, run: Run, terms: dict[str, float], diagnosis: Diagnosis) -> None:
        self._failures = diagnosis.failures

    def note(self, text: str) -> None:
        self._live.console.print(Text(text))

    def _table(self, run: Run, terms: dict[str, float]) -> Table:
        table = Table(box=None, pad_edge=False)
        for heading in ("term", "value", "minimum", "chance", "weight"):
            table.add_column(heading, justify="left" if heading == "term" else "right", style=None, header_style="dim")
        table.add_column("", header_style="dim", style="dim")
        for name, value in terms.items():
            term = run.terms.get(name, Term(""))
            table.add_row(
                name,
                f"{value:.3f}",
                _number(term.known_minimum),
                _number(term.chance),
                f"{run.config.weights[name]:g}",
                term.meaning,
            )
        grid = Table.grid()
        grid.add_row(self._progress)
        grid.add_row(table)
        for failure in self._failures:
            grid.add_row(Text(f"! {failure}", style="yellow"))
        return grid


def make_display(console: Console) -> PlainDisplay | LiveDisplay:
    """A live display if the console is a terminal, plain lines otherwise."""
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)


def _number(value: float | None) -> str:
    return "" if value is None else f"{round(value, 3) + 0.0:.3f}"  # adding 0.0 turns -0.000 into 0.000


def _minimum(run: Run, name: str) -> str:
    minimum = run.minima.get(name)
    return "" if minimum is None else f" (min {minimum:.3f})"


def _epoch(run: Run, epoch: int) -> str:
    attempt = f"attempt {run.attempt} " if run.attempt > 1 else ""
    return f"{attempt}epoch {epoch}/{run.config.training.epochs}"
