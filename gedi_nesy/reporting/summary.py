"""The last lines a run prints: its numbers and what went wrong."""

from __future__ import annotations

import shutil
import textwrap
from typing import Any

from .published import load_published


def summary(results: dict[str, Any]) -> str:
    """Numbers by evaluator with their definitions, evaluators without numbers, failures, and the published cell to compare with."""
    lines = []
    width = max((len(name) for numbers in results["numbers"].values() for name in numbers), default=0)
    for evaluator, numbers in results["numbers"].items():
        definitions = results["definitions"][evaluator]
        lines += [
            _wrap(f"{name:>{width}}  {value:.4f}  {definitions[name]}", width + 10) for name, value in numbers.items()
        ]
    lines += [_wrap(f"no numbers of {name}: {reason}", 9) for name, reason in results["missing"].items()]
    lines += [_wrap(f"failure: {failure}", 9) for failure in results["diagnosis"]["failures"]]
    if compare := results["compare"]:
        table = load_published(compare["table"])
        lines.append(_wrap(f"published: {table.describe(compare['row'], compare['column'])}; {table.source}", 11))
    training = results["training"]
    lines.append(f"trained {training['epochs']} epochs in {training['seconds']:.0f} s on {training['device']}")
    return "\n".join(lines)


def _wrap(text: str, indent: int) -> str:
    """Broken at words to the terminal's width, later lines indented."""
    width = max(60, shutil.get_terminal_size().columns)
    leading = len(text) - len(text.lstrip())
    return textwrap.fill(text.lstrip(), width, initial_indent=" " * leading, subsequent_indent=" " * indent)
