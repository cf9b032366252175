"""An evaluator of one's own as a file beside a config: scikit-learn's logistic regression on frozen embeddings.

plugins: [./regression_evaluator.py]
evaluators: [{name: regression, penalty: 0.1}]
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sklearn.linear_model import LogisticRegression

from gedi_nesy import Evaluation, Evaluator, Method, Options, Task, hookimpl


class Regression(Evaluator):
    """Fitted to the training split, scored on the test split; images without a class (-1) do not count."""

    REQUIRES = ("embed",)  # a method without it is refused before training

    class Options(Options):
        """What may stand beside the name in a config."""

        penalty: Annotated[float, Field(gt=0)] = 1.0
        """Weight of the L2 term."""

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Each number has a line that says exactly what it is."""
        (features, labels), (test_features, test_labels) = (
            self._labelled(method, images) for images in (task.dataset.train, task.dataset.test)
        )
        probe = LogisticRegression(C=1 / self.options.penalty, max_iter=1000).fit(features, labels)
        accuracy = float(probe.score(test_features, test_labels))
        meaning = f"accuracy on test images of logistic regression on {len(labels)} labelled training images"
        return Evaluation({"regression": accuracy}, {"regression": meaning})

    def _labelled(self, method, images):
        # The context keeps embeddings for all evaluators, so that each image is embedded once.
        features, known = self.context.embeddings.of(method, images.pixels), images.labels >= 0
        return features[known].cpu(), images.labels[known].cpu()


@hookimpl
def register(registry) -> None:
    """Give it a name."""
    registry.add_evaluator("regression", Regression)
