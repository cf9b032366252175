"""How much of a plan is done, what is in the way of the rest, and how long it will take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..engine.state import State
from ..reporting.text import NOTHING, counted
from .execution import is_open, stand_of
from .plan import Obstacle, Place, Plan


def overview(plan: Plan, runs: Path) -> list[str]:
    """Runs finished, half done and missing with the time for those that can be run here; then what is in the way, each once."""
    jobs = plan.jobs()
    states = Counter("missing" if (stand := stand_of(job, runs)) is None else str(stand.state) for job in jobs)
    parts = [f"{states.pop('finished', 0)} of {counted(len(jobs), 'run')} finished"]
    parts += [f"{count} {state}" for state, count in sorted(states.items())]
    open_here = [place.minutes for job, place in jobs.items() if place.obstacle is None and is_open(job, runs)]
    if open_here:
        known = [minutes for minutes in open_here if minutes is not None]
        time = f"about {_duration(sum(known))} on one core" if len(known) == len(open_here) else "time not measured"
        parts.append(f"{len(open_here)} to do here, {time}")
    in_the_way = Counter(obstacle.text for place in plan.places for obstacle in place.obstacles)
    cells = counted(len(plan.places), "cell")
    return ["; ".join(parts), *(f"{count} of {cells}: {text}" for text, count in in_the_way.items())]


def cells_done(plan: Plan, runs: Path) -> str:
    """How many cells have all their runs, of those that have any."""
    places = [place for place in plan.places if place.jobs]
    return f"{sum(_is_done(place, runs) for place in places)}/{len(places)}" if places else NOTHING


def lacking(plan: Plan, runs: Path) -> list[Obstacle]:
    """What must be had to run the cells that are not done, each once."""
    open_places = [place for place in plan.places if not _is_done(place, runs)]
    return list(dict.fromkeys(each for place in open_places for each in place.obstacles if each.lacks))


def as_columns(rows: Iterable[Sequence[str]], width: int) -> list[str]:
    """Lines of cells below each other; the last column is cut at the width."""
    rows = list(rows)
    sizes = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:<{size}}" for cell, size in zip(row, sizes, strict=True)).rstrip() for row in rows]
    return [line if len(line) <= width else f"{line[: width - 1].rstrip()}…" for line in lines]


def _is_done(place: Place, runs: Path) -> bool:
    return all((stand := stand_of(job, runs)) is not None and stand.state is State.finished for job in place.jobs)


def _duration(minutes: float) -> str:
    return counted(round(minutes), "minute") if minutes < 100 else f"{minutes / 60:.0f} hours"
