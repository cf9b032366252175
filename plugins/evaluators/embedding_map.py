"""Where held-out images lie in the embedding, as a map to look at."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from jaxtyping import Int
from pydantic import Field
from torch import Tensor

from gedi_nesy import Evaluation, Evaluator, ImageGrid, Method, Options, Task
from gedi_nesy.data.dataset import Images
from gedi_nesy.evaluation.plane import neighbour_plane, principal_plane, trustworthiness
from gedi_nesy.evaluators import embed, output_names, predict
from gedi_nesy.methods import capabilities

COLUMNS = 25


class EmbeddingMap(Evaluator):
    """Embeddings of some test images on a plane, with their classes, the predictions and the images themselves.

    Protocol: t-SNE (van der Maaten and Hinton 2008) begun with the two principal components, or those components. Labels colour
    the points in the report and have no part in where they lie.
    Chance: which images, drawn from the run's seed.
    """

    REQUIRES = ("embed",)

    class Options(Options):
        images: Annotated[int, Field(gt=1, le=1000)] = 500
        """Test images on the map at most."""
        projection: Literal["tsne", "pca"] = "tsne"

    options: Options

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Places, classes, predictions and images; how far the map can be trusted."""
        images = self._some(task.dataset.test)
        features = embed(method, images.pixels).cpu()
        places = self._places(features)
        classifies = "class_log_probs" in capabilities(method)
        table = {
            "x": [round(value, 3) for value in places[:, 0].tolist()],
            "y": [round(value, 3) for value in places[:, 1].tolist()],
            "labels": images.labels.tolist(),
            "predictions": predict(method, images.pixels).argmax(dim=1).tolist() if classifies else None,
            "classes": list(task.dataset.classes),
            "outputs": output_names(task, self.context.terms),
            "columns": COLUMNS,
            "projection": "t-SNE" if self.options.projection == "tsne" else "two principal components",
        }
        meaning = (
            f"how far the ten nearest on the map of {len(images)} test images are near in the embedding too; "
            "1 if all are, 0.5 for a random map"
        )
        caption = "The images of the embedding map, in the order of its points"
        sheet = {"images": ImageGrid(images.pixels, caption, COLUMNS)} if task.dataset.is_pictures else {}
        return Evaluation(
            {"trustworthiness": trustworthiness(features, places)},
            {"trustworthiness": meaning},
            {"embedding_map": table},
            sheet,
        )

    def _places(self, features: Any) -> Any:
        if self.options.projection == "pca":
            return principal_plane(features)
        return neighbour_plane(features, self.context.generator("embedding_map").initial_seed())

    def _some(self, images: Images) -> Images:
        chosen = self._rows(len(images)).to(images.pixels.device)
        return Images(images.pixels[chosen], images.labels[chosen])

    def _rows(self, count: int) -> Int[Tensor, " rows"]:
        return torch.randperm(count, generator=self.context.generator("embedding_map"))[: self.options.images]
