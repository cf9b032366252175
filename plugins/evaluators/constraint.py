"""How far the knowledge holds on examples that training has not seen."""

from __future__ import annotations

from gedi_nesy import ConfigError, Evaluation, Evaluator, Examples, Method, Task
from gedi_nesy.evaluators import predict
from gedi_nesy.logic.constraint import LOG_HALF
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
        limits = _limits(task, examples)
        definitions = {
            "satisfaction": f"share of {len(examples)} held-out examples whose most probable classes satisfy the query",
            "query_probability": f"mean probability of the query over {len(examples)} held-out examples",
        }
        return Evaluation(numbers, {name: text + limits.get(name, "") for name, text in definitions.items()})


def _limits(task: HasConstraint, examples: Examples) -> dict[str, str]:
    """What to know of the numbers where the program's own chance may keep them below 1."""
    if not task.constraint.has_chance:
        return {}
    satisfied = ", which is to make it more likely than not"
    best = task.constraint.best(examples)
    if best is None:
        fault = "the program's own chance may keep it below 1"
        return {"satisfaction": f"{satisfied}; {fault}", "query_probability": f"; {fault}"}
    numbers = {"satisfaction": (best > LOG_HALF).float().mean(), "query_probability": best.exp().mean()}
    limits = {name: f"; the program's own chance leaves at most {number:.4f}" for name, number in numbers.items()}
    return limits | {"satisfaction": satisfied + limits["satisfaction"]}
