"""How much of a plan is done, what is in the way of the rest, and how long it will take, in a line."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from .execution import is_open, stand_of
from .plan import Plan


def overview(plan: Plan, runs: Path) -> str:
    """Runs finished, half done and missing; the time for those that can be run here; what the others lack."""
    jobs = plan.jobs()
    states = Counter("missing" if (stand := stand_of(job, runs)) is None else str(stand.state) for job in jobs)
    parts = [f"{states.pop('finished', 0)} of {len(jobs)} runs finished"]
    parts += [f"{count} {state}" for state, count in sorted(states.items())]
    open_here = [place.minutes for job, place in jobs.items() if place.obstacle is None and is_open(job, runs)]
    if open_here:
        known = [minutes for minutes in open_here if minutes is not None]
        time = f"about {_duration(sum(known))} on one core" if len(known) == len(open_here) else "time not measured"
        parts.append(f"{len(open_here)} to do here, {time}")
    in_the_way = Counter(place.obstacle for place in plan.places if place.obstacle)
    parts += [f"{count} of {len(plan.places)} cells: {obstacle}" for obstacle, count in in_the_way.items()]
    return "; ".join(parts)


def _duration(minutes: float) -> str:
    return f"{minutes:.0f} minutes" if minutes < 100 else f"{minutes / 60:.0f} hours"
