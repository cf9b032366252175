"""Read image files with a trained run, and ask its constraint about them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from ..errors import DataError, UserError
from ..evaluators import predict
from ..methods import require
from ..models.mode import evaluating
from ..tasks import HasConstraint
from .run import Run

SHOWN_ANSWERS = 5
MODES = {1: "L", 3: "RGB"}


@dataclass(frozen=True)
class Prediction:
    """Class probabilities of each image, and of the query's answers when the images fill its slots.

    Attributes:
        probabilities: one dict an image, class name -> probability.
        query: the query template's text; None for a task without a constraint.
        answers: label values, joined by commas ("holds" for a query without labels) -> probability; empty when the number of
            images is not the number of slots.
        num_slots: images that the query wants.
    """

    images: list[str]
    probabilities: list[dict[str, float]]
    query: str | None
    answers: dict[str, float]
    num_slots: int = 0

    def plain(self) -> dict[str, Any]:
        """JSON-able form."""
        pairs = zip(self.images, self.probabilities, strict=True)
        return {
            "images": [{"file": image, "probabilities": probabilities} for image, probabilities in pairs],
            "query": self.query,
            "answers": self.answers,
        }

    def text(self) -> str:
        """A line for each image, best classes first, then the query."""
        lines = []
        for image, probabilities in zip(self.images, self.probabilities, strict=True):
            best = sorted(probabilities.items(), key=lambda item: -item[1])[:3]
            lines.append(f"{image}: " + "  ".join(f"{name} {probability:.4f}" for name, probability in best))
        if self.query and not self.answers:
            lines.append(
                f"{self.query} is asked with as many images as it has slots: {self.num_slots}, not {len(self.images)}"
            )
        elif self.query:
            best = sorted(self.answers.items(), key=lambda item: -item[1])[:SHOWN_ANSWERS]
            lines.append(f"{self.query}: " + "  ".join(f"{name} {probability:.4f}" for name, probability in best))
        return "\n".join(lines)


def predict_files(run: Run, files: list[Path]) -> Prediction:
    """Predictions for image files; DataError that names every file that does not fit."""
    method = require(run.method, "class_log_probs", "predict")
    pixels = read_images(files, run.dataset.shape).to(run.device)
    with evaluating(run.method):
        log_probs = predict(method, pixels)
    classes = run.dataset.classes if len(run.dataset.classes) == run.task.num_classes else range(run.task.num_classes)
    probabilities = [dict(zip(map(str, classes), row.tolist(), strict=True)) for row in log_probs.exp()]
    names = [str(file) for file in files]
    if not isinstance(run.task, HasConstraint):
        return Prediction(names, probabilities, None, {})
    constraint, query = run.task.constraint, run.task.facts().get("query")
    if len(files) != len(constraint.slots):
        return Prediction(names, probabilities, query, {}, len(constraint.slots))
    copies = log_probs[None].expand(len(constraint.answers), -1, -1)
    with torch.no_grad():
        values = constraint(copies, torch.arange(len(constraint.answers), device=run.device)).exp().tolist()
    answers = {", ".join(answer) or "holds": value for answer, value in zip(constraint.answers, values, strict=True)}
    return Prediction(names, probabilities, query, answers, len(constraint.slots))


def read_images(files: list[Path], shape: tuple[int, int, int]) -> torch.Tensor:
    """uint8 images (images, channels, height, width); every unfit file is named in one error."""
    faults: list[UserError] = []
    images = []
    for file in files:
        try:
            images.append(_read_image(file, shape))
        except DataError as error:
            faults.append(error)
    if faults:
        raise DataError("\n".join(str(fault) for fault in faults))
    return torch.stack(images)


def _read_image(file: Path, shape: tuple[int, int, int]) -> torch.Tensor:
    channels, height, width = shape
    try:
        with Image.open(file) as opened:
            image = opened.copy()
    except FileNotFoundError:
        raise DataError(f"{file} does not exist") from None
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(f"{file} is no readable image: {error}") from None
    if image.size != (width, height) or image.mode != MODES.get(channels):
        raise DataError(
            f"{file} is {image.size[0]}x{image.size[1]} of mode {image.mode}; the run was trained on {width}x{height} of mode "
            f"{MODES.get(channels)}. Convert it first, for example with Pillow's convert and resize"
        )
    return torch.from_numpy(np.array(image)).view(height, width, channels).permute(2, 0, 1).contiguous()
