"""The last lines a run prints: its numbers and what went wrong."""

from __future__ import annotations

from typing import Any

from .published import load_published


def summary(results: dict[str, Any]) -> str:
    """Numbers by evaluator with their definitions, failures, notes, and the published cell to compare with."""
    lines = []
    for evaluator, numbers in results["numbers"].items():
        definitions = results["definitions"][evaluator]
        lines += [f"{name:>18}  {value:.4f}  {definitions[name]}" for name, value in numbers.items()]
    lines += [f"failure: {failure}" for failure in results["diagnosis"]["failures"]]
    lines += [f"note: {note}" for note in results["notes"]]
    if compare := results["compare"]:
        lines.append(_published(compare))
    seconds = results["training"]["seconds"]
    lines.append(
        f"trained {results['training']['epochs']} epochs in {seconds:.0f} s on {results['training']['device']}"
    )
    return "\n".join(lines)


def _published(compare: dict[str, str]) -> str:
    table = load_published(compare["table"])
    cells = table.place(compare["row"], compare["column"])
    numbers = ", ".join(
        f"{metric} {cell.value:.{table.decimals}f} ± {cell.spread:.{table.decimals}f}" for metric, cell in cells.items()
    )
    return f"published: {numbers} ({table.statistic}; {table.paper}, {table.reference}, row {compare['row']}, {compare['column']})"
