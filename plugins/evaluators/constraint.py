"""How far the knowledge holds on examples that training has not seen."""

from __future__ import annotations

from gedi_nesy import ConfigError, Evaluation, Evaluator, Method, Task
from gedi_nesy.evaluators import predict
from gedi_nesy.tasks import HasConstraint


class ConstraintSatisfaction(Evaluator):
    """Share of held-out examples whose most probable classes satisfy the query, and the mean probability of the query."""

    REQUIRES = ("class_log_probs",)

    def check(self, method: Method, task: Task) -> None:
        """The task has a constraint."""
        if not isinstance(task, HasConstraint):
            raise ConfigError(
                f"the evaluator constraint needs a task with a constraint; {type(task).__name__} has none",
                key="evaluators",
            )

    def evaluate(self, method: Method, task: Task) -> Evaluation:
        """Satisfaction by argmax and by probability, on examples made of test images only."""
        assert isinstance(task, HasConstraint)  # checked before training
        examples = task.test_examples.to(task.dataset.test.pixels.device)
        log_probs = predict(method, task.dataset.test.pixels)
        satisfied = task.constraint.satisfied(log_probs, examples)
        probability = task.constraint.log_probability(log_probs, examples).exp()
        numbers = {"satisfaction": float(satisfied.float().mean()), "query_probability": float(probability.mean())}
        definitions = {
            "satisfaction": f"share of {len(examples)} held-out examples whose most probable classes satisfy the query",
            "query_probability": f"mean probability of the query over {len(examples)} held-out examples",
        }
        return Evaluation(numbers, definitions)
