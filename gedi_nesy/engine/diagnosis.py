"""Name the failures of clustering while they happen: representation collapse, cluster collapse, label inconsistency.

Two sources, as in GEDI's section 4.3 and figure 4: the distance of each term from its known minimum, and statistics of the
model on a fixed set of training images. No labels are looked at.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch

from ..data.dataset import to_unit_range
from ..data.views import make_views
from ..methods import capabilities
from .run import Run
from .seeding import make_generator

NUM_IMAGES = 300

# Below this ratio of spread to size all embeddings are one point (definition 12).
MIN_SPREAD = 1e-2
# With fewer effective classes than this share, most clusters are empty (definition 13 is the case of a single one).
MIN_USED_SHARE = 0.5
# Two views of one image with different classes, beyond this share of images (definition 14).
MAX_DISAGREEMENT = 0.25
# An inv term this far above 0, in shares of ln c, while predictions are confident, says the same.
MAX_INVARIANCE_GAP = 0.5
CONFIDENT = 0.9


@dataclass(frozen=True)
class Diagnosis:
    """Health of the model after an epoch; a statistic is None when the method lacks what it needs.

    Attributes:
        spread: standard deviation of the embeddings over their root mean square, 0 for a collapsed representation.
        used_classes: how many classes are effectively in use: exp(entropy) of the mean class probabilities, or of the
            shares of the most probable classes if that is less.
        confidence: mean of the largest class probability.
        disagreement: share of images whose two views get different classes.
        distances: each term's epoch mean minus its known minimum.
        failures: a line for each failure that shows.
    """

    spread: float | None
    used_classes: float | None
    confidence: float | None
    disagreement: float | None
    distances: dict[str, float]
    failures: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """JSON-able form."""
        return asdict(self)


@torch.no_grad()
def diagnose(run: Run, terms: dict[str, float]) -> Diagnosis:
    """Look at the method, in evaluation mode, on two random views of a fixed set of training images."""
    method: Any = run.method
    generator = make_generator(run.config.seed, "diagnosis", run.device)
    # Data sets come sorted by class, so take a random part of the images, always the same.
    rows = torch.randperm(len(run.task.train_pixels), generator=make_generator(run.config.seed, "diagnosis"))[
        :NUM_IMAGES
    ]
    images = to_unit_range(run.task.train_pixels[rows.to(run.device)])
    first, second = make_views(images, [run.pipelines[0], run.pipelines[-1]], generator)
    offers = capabilities(method)
    spread = _spread(method.embed(first)) if "embed" in offers else None
    used = confidence = disagreement = None
    if "class_log_probs" in offers:
        probs, other = method.class_log_probs(first).exp(), method.class_log_probs(second)
        # Soft predictions can be balanced on average while every most probable class is the same one.
        chosen = torch.nn.functional.one_hot(probs.argmax(dim=1), probs.shape[1]).float()
        used = min(_perplexity(probs.mean(dim=0)), _perplexity(chosen.mean(dim=0)))
        confidence = float(probs.max(dim=1).values.mean())
        disagreement = float((probs.argmax(dim=1) != other.argmax(dim=1)).float().mean())
    distances = {name: terms[name] - minimum for name, minimum in run.minima.items() if name in terms}
    failures = _failures(spread, used, confidence, disagreement, distances, run.task.num_classes)
    failures += _not_learned(run, terms)
    return Diagnosis(spread, used, confidence, disagreement, distances, tuple(failures))


def _spread(embeddings: torch.Tensor) -> float:
    size = embeddings.square().mean().sqrt()
    return float(embeddings.std(dim=0, unbiased=False).square().mean().sqrt() / size.clamp_min(1e-12))


def _perplexity(probabilities: torch.Tensor) -> float:
    """exp of the entropy: how many values are effectively in use."""
    return float(torch.exp(-torch.special.xlogy(probabilities, probabilities).sum()))


def _not_learned(run: Run, terms: dict[str, float]) -> list[str]:
    """Terms that are nearer to what guessing gives than to their minimum."""
    return [
        f"not learned: {name} is {terms[name]:.2f}, guessing gives {term.chance:.2f}"
        for name, term in run.terms.items()
        if name in terms and term.chance is not None and terms[name] > ((term.known_minimum or 0.0) + term.chance) / 2
    ]


def _failures(
    spread: float | None,
    used: float | None,
    confidence: float | None,
    disagreement: float | None,
    distances: dict[str, float],
    num_classes: int,
) -> list[str]:
    found = []
    if spread is not None and spread < MIN_SPREAD:
        found.append(f"representation collapse: embeddings differ by {spread:.1e} of their size")
    if used is not None and used < MIN_USED_SHARE * num_classes:
        found.append(f"cluster collapse: {used:.1f} of {num_classes} classes in use")
    if disagreement is not None and disagreement > MAX_DISAGREEMENT:
        found.append(f"label inconsistency: two views of an image differ in class for {disagreement:.0%} of the images")
    elif (
        confidence is not None
        and confidence > CONFIDENT
        and distances.get("inv", 0) > MAX_INVARIANCE_GAP * math.log(num_classes)
    ):
        found.append(
            f"label inconsistency: inv is {distances['inv']:.2f} above its minimum while predictions are confident"
        )
    return found
