"""The triad of failures of clustering: which of them show, and which ones the loss should have excluded."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from gedi_nesy import ConfigError, Evaluation, Evaluator, Method, Options, Task
from gedi_nesy.data.dataset import Pixels
from gedi_nesy.engine.diagnosis import Failure, Health, examine, find_failures
from gedi_nesy.methods import capabilities

Split = Literal["train", "test"]
# GEDI 2024, table 1: the term that penalises a failure; theorem 15: the other two terms admit it.
PENALISED_BY: dict[Failure, str] = {
    "representation collapse": "gen",
    "cluster collapse": "prior",
    "label inconsistency": "inv",
}
NEEDS: dict[Failure, str] = {
    "representation collapse": "embed",
    "cluster collapse": "class_log_probs",
    "label inconsistency": "class_log_probs",
}
MEANING = {
    "spread": "standard deviation of the embeddings over their root mean square",
    "used_classes": "classes effectively in use, exp of the entropy of the mean prediction",
    "confidence": "mean of the largest class probability",
    "disagreement": "share of images whose two random views get different classes",
}


class FailureModes(Evaluator):
    """Each loss term's last value beside its known minimum, and the three failures on training and on test images.

    Protocol: GEDI 2024, figure 4 (distances from the minima), definitions 12 to 14 with the thresholds of
    `gedi_nesy/engine/diagnosis.py`, table 1 and theorem 15 for what each of gen, inv and prior excludes. No label is looked at.
    Chance: which images and which views, drawn from the run's seed.
    """

    class Options(Options):
        images: Annotated[int, Field(gt=1)] = 1000
        """Images of each split."""

    options: Options

    def check(self, method: Method, task: Task) -> None:
        """The method has something that can collapse."""
        if not set(NEEDS.values()) & set(capabilities(method)):
            raise ConfigError(
                f"the evaluator failure_modes needs embed or class_log_probs; method {type(method).__name__} offers "
                f"{', '.join(capabilities(method)) or 'nothing'}",
                key="evaluators",
            )

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Distances of the terms, statistics and failures of both splits, and a table of verdicts."""
        last, terms = self.context.last_terms, self.context.terms
        minima = {name: term.known_minimum for name, term in terms.items()}
        distances = {name: last[name] - low for name, low in minima.items() if low is not None and name in last}
        splits: dict[Split, Pixels] = {
            "train": task.train_pixels,
            "test": task.dataset.test.pixels,
        }
        health = {split: self._examine(method, split, pixels) for split, pixels in splits.items()}
        found = {split: find_failures(seen, distances, task.num_classes) for split, seen in health.items()}
        numbers = {f"{name}_above_minimum": distance for name, distance in distances.items()}
        definitions = {
            f"{name}_above_minimum": f"mean of the term {name} over the last epoch minus its known minimum {minima[name]:.4g}"
            for name in distances
        }
        for split, seen in health.items():
            where = (
                f"on {min(self.options.images, len(splits[split]))} {'training' if split == 'train' else split} images"
            )
            values = {name: value for name, value in asdict(seen).items() if value is not None}
            numbers |= {f"{name}_{split}": value for name, value in values.items()}
            definitions |= {f"{name}_{split}": f"{MEANING[name]}, {where}" for name in values}
            numbers[f"failures_{split}"] = len(found[split])
            definitions[f"failures_{split}"] = f"failures of GEDI's definitions 12 to 14 that show {where}"
        # Other losses have terms of these names too, such as a prior of latents: only one that knows all three is meant.
        triad = set(PENALISED_BY.values())
        active = set(terms) if triad <= set(method.TERMS) else set()
        table = [
            _verdict(failure, found["train"].get(failure), found["test"].get(failure), active, distances)
            for failure, need in NEEDS.items()
            if need in capabilities(method)
        ]
        return Evaluation(numbers, definitions, {"failure_modes": table})

    def _examine(self, method: Method, split: Split, pixels: Pixels) -> Health:
        order = torch.randperm(len(pixels), generator=self.context.generator(f"failure modes, {split}"))
        chosen = pixels[order[: self.options.images].to(pixels.device)]
        views = self.context.generator(f"views of failure modes, {split}", pixels.device)
        return examine(method, chosen, self.context.pipelines or ((),), views)


def _verdict(
    failure: Failure, train: str | None, test: str | None, terms: set[str], distances: dict[str, float]
) -> dict[str, Any]:
    """A row of the table: what shows, and what theory says about it."""
    term = PENALISED_BY[failure]
    return {
        "failure": failure,
        "train": train,
        "test": test,
        "penalised_by": term,
        "term_is_on": term in terms,
        "verdict": _theory(bool(train or test), term, terms, distances),
    }


def _theory(shows: bool, term: str, terms: set[str], distances: dict[str, float]) -> str:
    if not terms & set(PENALISED_BY.values()):
        return "theorem 15 says nothing about this loss, which has none of GEDI's gen, inv and prior"
    if term not in terms:
        return f"{term} is off, so the loss admits it, and it {'shows' if shows else 'does not show'}"
    if not shows:
        return f"{term} is on and excludes it at its minimum; it does not show"
    gap = f", which is {distances[term]:.3g} above it" if term in distances else ""
    return f"it shows although {term} excludes it at its minimum{gap}: training has not got there"
