"""Read image files with a trained run, and ask its constraint about them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ..data.dataset import Fit
from ..data.image_files import Shape, describe, describe_shape, fits, is_deep, open_image, pixels_of
from ..errors import DataError, UserError
from ..evaluators import output_names, predict
from ..methods import require
from ..tasks import HasConstraint
from .arithmetic import for_evaluation
from .run import Run

SHOWN_CLASSES = 3
SHOWN_ANSWERS = 5


@dataclass(frozen=True)
class Reading:
    """The most probable classes of all images together with which an answer holds; see `Constraint.most_probable`.

    Attributes:
        classes: of each image.
        probabilities: of each of them given that the answer holds.
    """

    classes: list[str]
    probabilities: list[float]

    def __str__(self) -> str:
        pairs = zip(self.classes, self.probabilities, strict=True)
        return "  ".join(f"{name} {probability:.4f}" for name, probability in pairs)


@dataclass(frozen=True)
class Prediction:
    """Class probabilities of each image, and of the query's answers when the images fill its slots.

    Attributes:
        probabilities: one dict an image, class name -> probability.
        query: the query template's text; None for a task without a constraint.
        answers: for each query that takes so many images, by its text with lists and constants in place: label values, joined
            by commas ("holds" for a query without labels) -> probability.
        readings: what the images are if an answer holds, for some of the most probable answers; none where the circuit does not tell.
        wanted: how many images the query wants.
    """

    images: list[str]
    probabilities: list[dict[str, float]]
    query: str | None
    answers: dict[str, dict[str, float]]
    readings: dict[str, dict[str, Reading]]
    wanted: str = ""

    def plain(self) -> dict[str, Any]:
        """JSON-able form."""
        pairs = zip(self.images, self.probabilities, strict=True)
        return {
            "images": [{"file": image, "probabilities": probabilities} for image, probabilities in pairs],
            "query": self.query,
            "answers": self.answers,
            "readings": {
                query: {answer: asdict(reading) for answer, reading in found.items()}
                for query, found in self.readings.items()
            },
        }

    def text(self) -> str:
        """A line for each image, best classes first, then the query."""
        pairs = zip(self.images, self.probabilities, strict=True)
        lines = [f"{image}: {_best(probabilities, SHOWN_CLASSES)}" for image, probabilities in pairs]
        if self.query and not self.answers:
            lines.append(
                f"{self.query} is asked with as many images as it has slots: {self.wanted}, not {len(self.images)}"
            )
        for query, answers in self.answers.items():
            lines.append(f"{query}: {_best(answers, SHOWN_ANSWERS)}")
            likeliest = max(answers, key=lambda answer: answers[answer])
            if reading := self.readings[query].get(likeliest):
                lines.append(f"  given {likeliest}: {reading}")
        return "\n".join(lines)


def _best(probabilities: dict[str, float], count: int) -> str:
    best = sorted(probabilities.items(), key=lambda item: -item[1])[:count]
    return "  ".join(f"{name} {probability:.4f}" for name, probability in best)


def predict_files(run: Run, files: list[Path]) -> Prediction:
    """Predictions for image files; DataError that names every file that does not fit."""
    run.dataset.require_pictures("the command predict")
    method = require(run.method, run.config.method.name, "class_log_probs", "the command predict")
    pixels = read_images(files, run.dataset.shape, run.dataset.fit).to(run.device)
    with for_evaluation(run):
        log_probs = predict(method, pixels)
    outputs = output_names(run.task, run.terms)
    probabilities = [dict(zip(outputs, row.tolist(), strict=True)) for row in log_probs.exp()]
    names = [str(file) for file in files]
    if not isinstance(run.task, HasConstraint):
        return Prediction(names, probabilities, None, {}, {})
    constraint = run.task.constraint
    wanted = sorted({len(each.slots) for each in constraint.constraints})
    answers, readings = dict[str, dict[str, float]](), dict[str, dict[str, Reading]]()
    for query, asked in constraint.ask(log_probs).items():
        answers[query] = {_text(answer): probability for answer, probability in asked.probabilities.items()}
        readings[query] = {
            _text(answer): Reading([outputs[index] for index in classes], posterior)
            for answer, (classes, posterior) in asked.readings.items()
        }
    return Prediction(
        names, probabilities, run.task.facts().get("query"), answers, readings, " or ".join(map(str, wanted))
    )


def _text(answer: tuple[str, ...]) -> str:
    return ", ".join(answer) or "holds"


def read_images(files: list[Path], shape: Shape, fit: Fit | None = None) -> torch.Tensor:
    """uint8 images (images, channels, height, width); every unfit file is named in one error.

    Args:
        fit: how training made images of any size and kind fit; None refuses those of another size or kind.
    """
    faults: list[UserError] = []
    images = []
    for file in files:
        try:
            images.append(_read_image(file, shape, fit))
        except DataError as error:
            faults.append(error)
    if faults:
        raise DataError("\n".join(str(fault) for fault in faults))
    return torch.stack(images)


def _read_image(file: Path, shape: Shape, fit: Fit | None) -> torch.Tensor:
    image = open_image(file)
    if fit is not None and not is_deep(image):
        return fit(image)
    if not fits(image, shape):
        raise DataError(
            f"{file} is {describe(image)}; the run was trained on {describe_shape(shape)}. "
            "Convert it first, for example with Pillow's convert and resize"
        )
    return pixels_of(image)
