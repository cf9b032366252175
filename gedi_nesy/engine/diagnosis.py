"""Name the failures of clustering while they happen: representation collapse, cluster collapse, label inconsistency.

Two sources, as in GEDI's section 4.3 and figure 4: the distance of each term from its known minimum, and statistics of the
model on a fixed set of training images. No labels are looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch

from ..data.dataset import Pixels, to_unit_range
from ..data.views import Pipeline, make_views
from ..methods import capabilities
from .run import Run
from .seeding import make_generator

NUM_IMAGES = 300
Failure = Literal["representation collapse", "cluster collapse", "label inconsistency"]

# Below this ratio of spread to size all embeddings are one point (definition 12).
MIN_SPREAD = 1e-2
# With fewer effective classes than half way from one to all, most clusters are empty (definition 13 is the case of a single one).
MIN_USED_SHARE = 0.5
# Two views of one image with different classes, beyond this share of images (definition 14).
MAX_DISAGREEMENT = 0.25
# An inv term this far above 0, in shares of ln c, while predictions are confident, says the same.
MAX_INVARIANCE_GAP = 0.5
CONFIDENT = 0.9
# This near to guessing, on the way from 1 / c to certainty, no prediction tells images apart: to swap them changes nothing (definition 14).
MIN_CERTAINTY = 0.1

# Of the way from what guessing gives to the minimum. Contrasting with thousands of keys gets half of it, and features are good by then.
MIN_LEARNED = 1 / 3


@dataclass(frozen=True)
class Health:
    """Statistics of a model on some images; one is None when the method lacks what it needs.

    Attributes:
        spread: standard deviation of the embeddings over their root mean square, 0 for a collapsed representation.
        used_classes: how many classes are effectively in use: exp(entropy) of the mean class probabilities, or of the
            shares of the most probable classes if that is less.
        confidence: mean of the largest class probability.
        disagreement: share of images whose two views get different classes.
    """

    spread: float | None
    used_classes: float | None
    confidence: float | None
    disagreement: float | None


@dataclass(frozen=True)
class Diagnosis(Health):
    """Health of the model after an epoch.

    Attributes:
        distances: each term's epoch mean minus its known minimum.
        failures: a line for each failure that shows.
    """

    distances: dict[str, float]
    failures: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)


@torch.no_grad()
def diagnose(run: Run, terms: dict[str, float]) -> Diagnosis:
    """Look at the method, in evaluation mode, on two random views of a fixed set of training images."""
    generator = make_generator(run.config.seed, "diagnosis", run.device)
    # Data sets come sorted by class, so take a random part of the images, always the same.
    rows = torch.randperm(len(run.task.train_pixels), generator=make_generator(run.config.seed, "diagnosis"))[
        :NUM_IMAGES
    ]
    health = examine(run.method, run.task.train_pixels[rows.to(run.device)], run.pipelines, generator)
    distances = {name: terms[name] - minimum for name, minimum in run.minima.items() if name in terms}
    failures = [*find_failures(health, distances, run.task.num_classes).values(), *_not_learned(run, terms)]
    return Diagnosis(**asdict(health), distances=distances, failures=tuple(failures))


@torch.no_grad()
def examine(
    method: Any,
    pixels: Pixels,
    pipelines: Sequence[Pipeline],
    generator: torch.Generator,
) -> Health:
    """Statistics on two random views of each image, from the first and the last pipeline; no label is looked at."""
    first, second = make_views(to_unit_range(pixels), [pipelines[0], pipelines[-1]], generator)
    offers = capabilities(method)
    spread = _spread(method.embed(first)) if "embed" in offers else None
    if "class_log_probs" not in offers:
        return Health(spread, None, None, None)
    probs, other = method.class_log_probs(first).exp(), method.class_log_probs(second)
    # Soft predictions can be balanced on average while every most probable class is the same one.
    chosen = torch.nn.functional.one_hot(probs.argmax(dim=1), probs.shape[1]).float()
    return Health(
        spread,
        used_classes=min(_perplexity(probs.mean(dim=0)), _perplexity(chosen.mean(dim=0))),
        confidence=float(probs.max(dim=1).values.mean()),
        disagreement=float((probs.argmax(dim=1) != other.argmax(dim=1)).float().mean()),
    )


def find_failures(health: Health, distances: dict[str, float], num_classes: int) -> dict[Failure, str]:
    """A line for each of GEDI's failure modes (definitions 12 to 14) that shows.

    Args:
        distances: of the loss terms from their known minima; that of `inv` tells of inconsistency too.
    """
    found: dict[Failure, str] = {}
    if health.spread is not None and health.spread < MIN_SPREAD:
        found["representation collapse"] = f"embeddings differ by {health.spread:.1e} of their size"
    if health.used_classes is not None and health.used_classes < 1 + MIN_USED_SHARE * (num_classes - 1):
        found["cluster collapse"] = f"{health.used_classes:.1f} of {num_classes} classes in use"
    if health.disagreement is not None and health.disagreement > MAX_DISAGREEMENT:
        found["label inconsistency"] = (
            f"two views of an image differ in class for {health.disagreement:.0%} of the images"
        )
    elif (
        health.confidence is not None
        and health.confidence > CONFIDENT
        and distances.get("inv", 0) > MAX_INVARIANCE_GAP * math.log(num_classes)
    ):
        found["label inconsistency"] = (
            f"inv is {distances['inv']:.2f} above its minimum while predictions are confident"
        )
    elif health.confidence is not None and health.confidence < 1 / num_classes + MIN_CERTAINTY * (1 - 1 / num_classes):
        found["label inconsistency"] = (
            f"class probabilities are a guess, {health.confidence:.2f} for the best of {num_classes} classes"
        )
    return {name: f"{name}: {text}" for name, text in found.items()}


def _spread(embeddings: torch.Tensor) -> float:
    size = embeddings.square().mean().sqrt()
    return float(embeddings.std(dim=0, unbiased=False).square().mean().sqrt() / size.clamp_min(1e-12))


def _perplexity(probabilities: torch.Tensor) -> float:
    """exp of the entropy: how many values are effectively in use."""
    return float(torch.exp(-torch.special.xlogy(probabilities, probabilities).sum()))


def _not_learned(run: Run, terms: dict[str, float]) -> list[str]:
    """Terms that are hardly better than guessing."""
    return [
        f"not learned: {name} is {terms[name]:.2f}, guessing gives {term.chance:.2f}"
        for name, term in run.terms.items()
        if name in terms and term.chance is not None and term.known_minimum is not None
        if terms[name] > term.chance - MIN_LEARNED * (term.chance - term.known_minimum)
    ]
