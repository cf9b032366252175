"""results.json: the final numbers of a run with their definitions."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .published import load_published

if TYPE_CHECKING:
    from ..config.schema import Compare
    from ..engine.diagnosis import Diagnosis
    from ..engine.run import Run
    from ..evaluators import Evaluation

PARTS = ("numbers", "definitions", "tables", "images", "failures", "missing")  # mappings by evaluator


def assemble(
    run: Run,
    evaluations: dict[str, Evaluation],
    pictures: dict[str, dict[str, dict[str, Any]]],
    diagnosis: Diagnosis,
    last_terms: dict[str, float],
    missing: dict[str, str],
) -> dict[str, Any]:
    """Everything that a finished run says about itself, JSON-able.

    Args:
        pictures: file (within the run folder), caption and rows of each evaluator's named images.
        missing: why an evaluator has no numbers.
    """
    return {
        "name": run.config.name,
        "seed": run.config.seed,
        "method": run.config.method.name,
        "evaluators": [component.flat() for component in run.config.evaluators],
        "numbers": {name: evaluation.numbers for name, evaluation in evaluations.items()},
        "main": main_numbers(run.config.compare, evaluations),
        "definitions": {name: evaluation.definitions for name, evaluation in evaluations.items()},
        "tables": {name: evaluation.tables for name, evaluation in evaluations.items() if evaluation.tables},
        "images": pictures,
        "terms": {
            name: {
                "meaning": term.meaning,
                "last": last_terms.get(name),
                "known_minimum": term.known_minimum,
                "chance": term.chance,
                "weight": run.config.weights[name],
            }
            for name, term in run.terms.items()
        },
        "diagnosis": diagnosis.plain(),
        "failures": {
            name: list(evaluation.failures) for name, evaluation in evaluations.items() if evaluation.failures
        },
        "missing": missing,
        "notes": [*run.notes, *map(_without_numbers, missing, missing.values())],
        "constraint": run.task.facts() or None,
        "training": _training(run),
        "validation": _validation(run),
        # A published number is one of test images.
        "compare": run.config.compare.model_dump() if run.config.compare and run.config.validation is None else None,
    }


def _validation(run: Run) -> dict[str, Any] | None:
    """How many images were held out of training to be evaluated on; None where that was done on test images."""
    if run.config.validation is None:
        return None
    held_out = len(run.dataset.test)
    return {"images": held_out, "of": held_out + len(run.dataset.train)}


def about_validation(results: Mapping[str, Any]) -> str | None:
    """What to know of the numbers of a run that was not evaluated on test images."""
    if not (found := results.get("validation")):
        return None
    return (
        f"evaluated on {found['images']:,} of {found['of']:,} training images, which this training has not seen and which are the "
        "test images meant here; the data's own were not looked at"
    )


def _training(run: Run) -> dict[str, Any]:
    """What it took."""
    return {
        "seconds": run.seconds,
        "epochs": run.epoch,
        "steps": run.step,
        "images_per_second": run.images / run.seconds if run.seconds else None,
        "parameters": sum(parameter.numel() for parameter in run.method.parameters()),
        "train_images": len(run.task.train_pixels),
        "device": str(run.device),
    }


def with_earlier(results: dict[str, Any], earlier: dict[str, Any]) -> dict[str, Any]:
    """Results with what other evaluators had found before at the same step, in the order in which they came."""
    if (earlier.get("training") or {}).get("steps") != results["training"]["steps"]:
        return results
    components = {
        component["name"]: component for component in [*earlier.get("evaluators", []), *results["evaluators"]]
    }
    new = {component["name"] for component in results["evaluators"]}
    merged = {part: _merged(earlier.get(part) or {}, results[part], new, components) for part in PARTS}
    kept = {name: reason for name, reason in merged["missing"].items() if name not in new}
    places = dict.fromkeys([*earlier.get("main", []), *results["main"]])
    return results | {
        **merged,
        "evaluators": list(components.values()),
        "main": [place for place in places if numbers_called(place, merged["numbers"])],
        "notes": [*results["notes"], *map(_without_numbers, kept, kept.values())],
    }


def _merged(old: dict[str, Any], found: dict[str, Any], new: Container[str], order: Iterable[str]) -> dict[str, Any]:
    """What each evaluator has now: of new ones what they found, of others the old."""
    return {name: part[name] for name in order if name in (part := found if name in new else old)}


def _without_numbers(evaluator: str, reason: str) -> str:
    return f"no numbers of the evaluator {evaluator}: {reason}"


def failures_of(results: Mapping[str, Any]) -> list[str]:
    """A line for everything that went wrong: what the diagnosis after the last epoch found, then what evaluators did."""
    diagnosed = (results.get("diagnosis") or {}).get("failures") or []
    return [*diagnosed, *(line for lines in (results.get("failures") or {}).values() for line in lines or [])]


def main_numbers(compare: Compare | None, evaluations: Mapping[str, Evaluation]) -> list[str]:
    """What to look at first, as `evaluator.number`: those of the published cell, then all others that are no choices."""
    places = [
        f"{evaluator}.{name}"
        for evaluator, evaluation in evaluations.items()
        for name in evaluation.numbers
        if name not in evaluation.choices
    ]
    first = [place for name in _compared(compare) for place in places if name in (place, place.partition(".")[2])]
    return list(dict.fromkeys([*first, *places]))


def _compared(compare: Compare | None) -> list[str]:
    """Names of the numbers that stand beside a published cell."""
    if compare is None:
        return []
    cells = load_published(compare.table).place(compare.row, compare.column)
    return [compare.numbers.get(metric, metric) for metric in cells]


def numbers_called(name: str, numbers: Mapping[str, Mapping[str, float | None]]) -> list[float | None]:
    """What evaluators have under `evaluator.number`, or under a number's name alone; empty if none has such a number."""
    evaluator, _, own = name.rpartition(".")
    return [found[own] for place, found in numbers.items() if own in found and place == (evaluator or place)]
