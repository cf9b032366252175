"""Whether the representation collapsed: how many directions the embeddings use."""

from __future__ import annotations

from gedi_nesy import Evaluation, Evaluator, Method, Task
from gedi_nesy.evaluation.rank import effective_rank, mean_cosine, spectrum


class EmbeddingRank(Evaluator):
    """The spectrum of the test images' embeddings; no label is looked at.

    Protocol: principal standard deviations of the centred embeddings; effective rank of Roy and Vetterli 2007. A constant embedding
    (representation collapse, GEDI 2024 section 4) has rank 0 and mean cosine 1. Chance: none.
    """

    REQUIRES = ("embed",)

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Effective rank, unused directions, mean cosine and the spectrum."""
        features = self.context.embeddings.of(method, task.dataset.test.pixels)
        deviations = spectrum(features)
        numbers = {
            "effective_rank": effective_rank(deviations),
            "dead_directions": float((deviations == 0).double().mean()),
            "mean_cosine": mean_cosine(features),
        }
        definitions = {
            "effective_rank": f"exp of the entropy of the singular values of the centred embeddings, of {features.shape[1]} at most",
            "dead_directions": "share of principal directions in which no test image differs from another",
            "mean_cosine": "mean cosine of the angle between the embeddings of two different test images; 1 is a collapse",
        }
        return Evaluation(numbers, definitions, {"spectrum": deviations.tolist()})
