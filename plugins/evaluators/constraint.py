"""How far the knowledge holds on examples that training has not seen."""

from __future__ import annotations

import torch

from gedi_nesy import ConfigError, Evaluation, Evaluator, Method, Task
from gedi_nesy.evaluators import predict
from gedi_nesy.tasks import HasConstraint


class ConstraintSatisfaction(Evaluator):
    """Share of held-out examples whose most probable classes satisfy the query, and its mean log-probability."""

    REQUIRES = ("class_log_probs",)

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Satisfaction by argmax and by probability, on examples made of test images only."""
        if not isinstance(task, HasConstraint):
            raise ConfigError(
                f"the evaluator constraint needs a task with a constraint; {type(task).__name__} has none"
            )
        examples = task.test_examples.to(task.dataset.test.pixels.device)
        log_probs, answer = predict(method, task.dataset.test.pixels)[examples.slots], examples.answer
        log_query = task.constraint(log_probs, answer)
        # The query under certainty of each slot's most probable class has probability 1 or 0.
        certain = torch.nn.functional.one_hot(log_probs.argmax(dim=2), log_probs.shape[2]).float().log()
        satisfied = task.constraint(certain, answer) > -1e-3
        numbers = {"satisfaction": float(satisfied.float().mean()), "query_probability": float(log_query.exp().mean())}
        definitions = {
            "satisfaction": f"share of {len(examples)} held-out examples whose most probable classes satisfy the query",
            "query_probability": f"mean probability of the query over {len(examples)} held-out examples",
        }
        return Evaluation(numbers, definitions)
