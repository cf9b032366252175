"""How an entry is said, the same in every output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..reporting.text import NOTHING, duration, minus
from .filling import Entry, Filled
from .plan import Plan

LEGEND = (
    "within: no farther from the paper's number than the paper's own spread, with half a printed digit more for its rounding; "
    "better, worse: beyond that"
)


@dataclass(frozen=True)
class Said:
    """An entry in words.

    Attributes:
        ours, theirs: number and spread; a dash where there is none.
        difference: ours less theirs, and the mark.
        number: of the footnote with the reasons; None without reasons.
    """

    ours: str
    theirs: str
    difference: str
    mark: str
    number: int | None


class Speech:
    """Turns the entries of a table into words and numbers the reasons in the order in which they come."""

    def __init__(self, filled: Filled) -> None:
        self.filled = filled
        self.reasons: dict[tuple[str, ...], int] = {}
        self._decimals: dict[tuple[str, str], int] = {}
        for entry in filled.entries:
            if entry.published:
                place = entry.column, entry.metric
                self._decimals[place] = max(self._decimals.get(place, 0), entry.published.decimals)

    def say(self, entry: Entry) -> Said:
        """An entry in words; ours with a digit more than the paper's longest number of that column."""
        number = self.reasons.setdefault(entry.reasons, len(self.reasons) + 1) if entry.reasons else None
        decimals = self._decimals.get((entry.column, entry.metric), 2) + 1
        ours = NOTHING if entry.center is None else f"{entry.center:.{decimals}f}"
        if entry.spread is not None:
            ours += f" ± {entry.spread:.{decimals}f}"
        difference = NOTHING if entry.difference is None else minus(f"{entry.difference:+.{decimals}f}")
        theirs = entry.published.printed if entry.published else NOTHING
        return Said(ours, theirs, difference, entry.mark or "", number)

    def footnotes(self) -> list[str]:
        """The reasons, numbered."""
        return [f"[{number}] {'; '.join(reasons)}" for reasons, number in self.reasons.items()]


def heading(plan: Plan) -> str:
    """The table's name and caption."""
    return f"{plan.recipe.name}: {plan.recipe.table.title}"


def caveat(plan: Plan) -> str | None:
    """That the marks compare unlike things, if the runs are not made as the full scale has them."""
    changed = [f"scale {plan.scale}"] if plan.scale != "full" else []
    changed += [f"--set {key}" for key, _ in plan.changes]
    if not changed:
        return None
    return f"not like with like: {', '.join(changed)} is not the paper's setting, so a mark here compares unlike things"


def facts(filled: Filled) -> list[str]:
    """What a reader must know beside the numbers: scale, statistic, seeds, where and by which commit they were made."""
    plan, table = filled.plan, filled.plan.recipe.table
    done = [run for run in filled.runs if run["state"] == "finished"]
    ours = f"{table.center or 'mean'} over {plan.seeds} seeds (0 to {plan.seeds - 1})"
    if plan.seeds == 1:
        ours = "one run (seed 0), so no spread"
    elif table.spread:
        ours += f" ± {table.spread} (n \u2212 1)"
    return [
        plan.about[0].upper() + plan.about[1:],
        *filter(None, [caveat(plan)]),
        f"ours: {ours}; the paper: {table.statistic}{f', {table.file.runs} runs' if table.file.runs else ''}",
        f"runs: {len(done)} of {len(filled.runs)} finished{_made(done)}",
        f"marks: {LEGEND}",
        f"source: {table.source}",
        *table.notes,
    ]


def run_name(run: dict[str, Any]) -> str:
    """The cells that a run fills, and its seed."""
    return f"{'; '.join(', '.join(cell) for cell in run['cells'])}, seed {run['seed']}"


def _made(done: list[dict[str, Any]]) -> str:
    """Time, devices and commits of the finished runs."""
    if not done:
        return ""
    seconds = sum(run["seconds"] or 0 for run in done)
    devices = sorted({str(run["device"]) for run in done})
    commits = sorted({str(run["commit"] or "unknown") for run in done})
    short = [commit[:7] + commit[40:] if len(commit) >= 40 else commit for commit in commits]
    return f", {duration(seconds)} of training {'together ' if len(done) > 1 else ''}on {', '.join(devices)}, commit {', '.join(short)}"
