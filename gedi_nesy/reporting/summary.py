"""The last lines a run prints: its numbers and what went wrong."""

from __future__ import annotations

import shutil
import textwrap
from typing import Any

from .published import load_published
from .results import about_validation, failures_of
from .text import counted, duration


def summary(results: dict[str, Any]) -> str:
    """Main numbers with their definitions, choices, evaluators without numbers, failures, and the published cell to compare with."""
    numbers, definitions = results["numbers"], results["definitions"]
    main = [key.split(".", 1) for key in results["main"]]
    width = max((len(name) for _, name in main), default=0)
    lines = [
        _wrap(f"{name:>{width}}  {_value(numbers[evaluator][name])}  {definitions[evaluator][name]}", width + 10)
        for evaluator, name in main
    ]
    if chosen := [
        f"{name} {found[name]}" for key, found in numbers.items() for name in found if [key, name] not in main
    ]:
        lines.append(_wrap(f"chosen: {', '.join(chosen)}", 8))
    lines += [_wrap(f"no numbers of {name}: {reason}", 9) for name, reason in results["missing"].items()]
    lines += [_wrap(f"failure: {failure}", 9) for failure in failures_of(results)]
    if about := about_validation(results):
        lines.append(_wrap(f"validation: {about}", 12))
    if compare := results["compare"]:
        table = load_published(compare["table"])
        lines.append(_wrap(f"published: {table.describe(compare['row'], compare['column'])}; {table.source}", 11))
    training = results["training"]
    lines.append(
        f"trained {counted(training['epochs'], 'epoch')} in {duration(training['seconds'])} on {training['device']}"
    )
    return "\n".join(lines)


def _value(value: float) -> str:
    """Six characters, so that what follows lines up."""
    return f"{value:>6}" if isinstance(value, int) else f"{value:.4f}"


def _wrap(text: str, indent: int) -> str:
    """Broken at words to the terminal's width, later lines indented."""
    width = max(60, shutil.get_terminal_size().columns)
    leading = len(text) - len(text.lstrip())
    return textwrap.fill(text.lstrip(), width, initial_indent=" " * leading, subsequent_indent=" " * indent)
