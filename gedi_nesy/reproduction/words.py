"""How an entry is said, the same in every output."""

from __future__ import annotations

from dataclasses import dataclass

from ..reporting.text import NOTHING
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

    def say(self, entry: Entry) -> Said:
        """An entry in words."""
        number = self.reasons.setdefault(entry.reasons, len(self.reasons) + 1) if entry.reasons else None
        decimals = (entry.published.decimals if entry.published else 2) + 1
        ours = NOTHING if entry.center is None else f"{entry.center:.{decimals}f}"
        if entry.spread is not None:
            ours += f" ± {entry.spread:.{decimals}f}"
        difference = NOTHING if entry.difference is None else f"{entry.difference:+.{decimals}f}".replace("-", "\u2212")
        theirs = entry.published.printed if entry.published else NOTHING
        return Said(ours, theirs, difference, entry.mark or "", number)

    def footnotes(self) -> list[str]:
        """The reasons, numbered."""
        return [f"[{number}] {'; '.join(reasons)}" for reasons, number in self.reasons.items()]


def heading(plan: Plan) -> str:
    """The table's name and caption."""
    return f"{plan.recipe.name}: {plan.recipe.table.title}"


def facts(filled: Filled) -> list[str]:
    """What a reader must know beside the numbers: scale, statistic, seeds, where and by which commit they were made."""
    plan, table = filled.plan, filled.plan.recipe.table
    done = [run for run in filled.runs if run["state"] == "finished"]
    ours = f"{table.center or 'mean'} over {plan.seeds} seed{'s' if plan.seeds > 1 else ''} (0 to {plan.seeds - 1})"
    if plan.seeds == 1:
        ours = "one run (seed 0), so no spread"
    elif table.spread:
        ours += f" ± {table.spread} (n \u2212 1)"
    return [
        plan.about[0].upper() + plan.about[1:],
        f"ours: {ours}; the paper: {table.statistic}{f', {table.file.runs} runs' if table.file.runs else ''}",
        f"runs: {len(done)} of {len(filled.runs)} finished{_made(done)}",
        f"marks: {LEGEND}",
        f"source: {table.source}",
        *table.notes,
    ]


def _made(done: list[dict[str, object]]) -> str:
    """Time, devices and commits of the finished runs."""
    if not done:
        return ""
    seconds = sum(float(str(run["seconds"] or 0)) for run in done)
    devices = sorted({str(run["device"]) for run in done})
    commits = sorted({str(run["commit"] or "unknown") for run in done})
    short = [commit[:7] + commit[40:] if len(commit) >= 40 else commit for commit in commits]
    return f", {seconds / 60:.1f} minutes of training together on {', '.join(devices)}, commit {', '.join(short)}"
