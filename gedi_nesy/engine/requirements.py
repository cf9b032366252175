"""What methods, tasks and evaluators need of each other, checked before a run trains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ..errors import ConfigError, PluginError, UserError
from ..evaluators import Evaluator
from ..methods import capabilities
from ..registry import Kind, Registry
from .run import Run

MOST_NAMES = 8


def check_requirements(run: Run, evaluators: Sequence[Evaluator]) -> None:
    """Something is left to train, method and task have what they need of each other, and every evaluator of the config can work.

    Raises:
        ConfigError: with all that cannot, evaluators each at its item of the config's list.
    """
    found = [_nothing_to_train(run), _without_labels(run), _unfed_terms(run)]
    found += [_fault(run, index, evaluator) for index, evaluator in enumerate(evaluators)]
    if faults := [fault for fault in found if fault]:
        raise ConfigError(faults)


def _nothing_to_train(run: Run) -> UserError | None:
    """What is wrong with a config that freezes all there is."""
    if not run.config.frozen or any(parameter.requires_grad for parameter in run.parameters()):
        return None
    return ConfigError(
        f'with its {run.config.frozen} frozen, nothing of method "{run.config.method.name}" is left to train. Leave start_from.freeze '
        "out, or take the backbone alone, for a method with layers on top of it",
        key="start_from.freeze",
    )


def _without_labels(run: Run) -> UserError | None:
    """What is wrong with a method that reads labels which the task does not tell."""
    if not run.method.NEEDS_LABELS or run.task.TELLS_LABELS:
        return None
    able = _providers("task", run.plugins.registry, lambda task: task.TELLS_LABELS)
    message = f'method "{run.config.method.name}" needs labels, and task "{run.config.task.name}" tells none'
    return ConfigError(f"{message}. Choose a task that tells them: {_some(able)}.", key="task.name")


def _unfed_terms(run: Run) -> UserError | None:
    """What is wrong with terms of the task that are made of what the method does not offer."""
    lacking = [name for name in run.task.NEEDS if name not in capabilities(run.method)]
    terms = [name for name in run.task.TERMS if run.config.weights.get(name)]
    if not lacking or not terms:
        return None
    message = _advice(run, f"the term {', '.join(terms)}", lacking, f"Weigh {', '.join(terms)} 0")
    return ConfigError(message, key=f"weights.{terms[0]}")


def _fault(run: Run, index: int, evaluator: Evaluator) -> UserError | None:
    """What is wrong with one of them; a fault that names no other key is about its own item."""
    key = f"evaluators.{index}"
    if lacking := [name for name in evaluator.needs() if name not in capabilities(run.method)]:
        return ConfigError(
            _advice(run, f'evaluator "{run.config.evaluators[index].name}"', lacking, "Leave it out"), key=key
        )
    try:
        evaluator.check(run.method, run.task)
    except UserError as error:
        lacks = run.config.validation is not None and "test images" in error.message
        held_out = (
            ". validation is set, so test images are training images held out, and have what training images have"
        )
        key = key if error.key in (None, "evaluators") else error.key
        return ConfigError(error.message + held_out * lacks, error.position, key)
    return None


def _advice(run: Run, what: str, lacking: list[str], without: str) -> str:
    wanted, offers = ", ".join(lacking), ", ".join(capabilities(run.method)) or "nothing"
    able = _providers("method", run.plugins.registry, lambda method: set(lacking) <= set(capabilities(method)))
    choose = f", or choose a method that offers {wanted}: {_some(able)}" if able else ""
    return f'{what} needs {wanted}, and method "{run.config.method.name}" offers {offers}. {without}{choose}.'


def _providers(kind: Kind, registry: Registry, is_able: Callable[[Any], bool]) -> list[str]:
    """Names of the registered classes of a kind that are able; one that cannot be loaded is not."""
    names = []
    for entry in registry.entries(kind):
        with suppress(PluginError):
            names += [entry.name] if is_able(entry.load()) else []
    return names


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
