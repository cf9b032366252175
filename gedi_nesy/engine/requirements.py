"""What evaluators need of a run, checked before it trains."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ConfigError, PluginError, UserError
from ..evaluators import Evaluator
from ..methods import capabilities
from ..registry import Registry
from .run import Run

MOST_NAMES = 8


def check_evaluators(run: Run, evaluators: Sequence[Evaluator]) -> None:
    """Every evaluator of the config can work.

    Raises:
        ConfigError: with all that cannot, each at its item of the config's list.
    """
    found = [_fault(run, index, evaluator) for index, evaluator in enumerate(evaluators)]
    if faults := [fault for fault in found if fault]:
        raise ConfigError(faults)


def _fault(run: Run, index: int, evaluator: Evaluator) -> UserError | None:
    """What is wrong with one of them; a fault that names no other key is about its own item."""
    key = f"evaluators.{index}"
    if lacking := [name for name in evaluator.needs() if name not in capabilities(run.method)]:
        return ConfigError(_advice(run, run.config.evaluators[index].name, lacking), key=key)
    try:
        evaluator.check(run.method, run.task)
    except UserError as error:
        return ConfigError(error.message, error.position, key if error.key in (None, "evaluators") else error.key)
    return None


def _advice(run: Run, evaluator: str, lacking: list[str]) -> str:
    wanted, offers = ", ".join(lacking), ", ".join(capabilities(run.method)) or "nothing"
    able = _methods_with(lacking, run.plugins.registry)
    more = f" and {len(able) - MOST_NAMES} more" if len(able) > MOST_NAMES else ""
    choose = f", or choose a method that offers {wanted}: {', '.join(able[:MOST_NAMES])}{more}" if able else ""
    return (
        f'evaluator "{evaluator}" needs {wanted}, and method "{run.config.method.name}" offers {offers}. '
        f"Leave it out{choose}."
    )


def _methods_with(wanted: Sequence[str], registry: Registry) -> list[str]:
    """Names of the registered methods that offer all of these; one that cannot be loaded offers nothing."""
    names = []
    for entry in registry.entries("method"):
        try:
            offers = capabilities(entry.load())
        except PluginError:
            continue
        if set(wanted) <= set(offers):
            names.append(entry.name)
    return names
