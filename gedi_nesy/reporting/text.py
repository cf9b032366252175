"""Numbers and names as they stand in text and tables."""

from __future__ import annotations

import re
from pathlib import Path

ABBREVIATIONS = ("ARI", "AUC", "AUPR", "AUROC", "CSV", "ELBO", "FID", "FPR95", "kNN", "MLP", "NMI", "OOD")
SPELLED = {word.lower(): word for word in ABBREVIATIONS}
NOTHING = "\u2013"  # an en dash, where a number would stand


def show(value: object) -> str:
    """A number as it stands in text and tables; three decimals for shares, separators for thousands."""
    if value is None:
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return minus(f"{value:,}")
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 3
    return minus(f"{value:.1e}" if 0 < abs(value) < 5e-4 else f"{value:,.{digits}f}")


def counted(count: object, thing: str) -> str:
    """A number of things: 1 epoch, 2 epochs."""
    return f"{show(count)} {thing}{'' if count == 1 else 's'}"


def words(name: str, capital: bool = False) -> str:
    """A key as words: `matched_accuracy` as `matched accuracy`, `nmi` as `NMI`."""
    first, *rest = str(name).replace("_", " ").split() or [""]
    if capital and first not in SPELLED:
        first = first[:1].upper() + first[1:]
    return " ".join(SPELLED.get(word, word) for word in (first, *rest))


def minus(text: str) -> str:
    """The same with a true minus sign."""
    return text.replace("-", "\u2212")


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def natural(path: Path) -> list[tuple[int, str]]:
    """A key that sorts epoch-9 before epoch-10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.stem)]
