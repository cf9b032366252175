"""What evaluators are given: embeddings in chunks, and chance of their own."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch

from gedi_nesy import DivergenceError
from gedi_nesy.data.dataset import to_unit_range
from gedi_nesy.evaluators import EvaluatorContext, embed, output_names
from gedi_nesy.types import Term


class Sizes:
    """Embeds an image as its pixels in half precision, and notes how many come at a time."""

    def __init__(self, factor=1.0):
        self.factor, self.seen = factor, []

    def embed(self, images):
        self.seen.append(len(images))
        return (images.flatten(start_dim=1) * self.factor).half()


def test_embeddings_are_made_in_chunks_and_joined_in_order():
    pixels = torch.randint(0, 256, (1203, 1, 2, 2), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    method = Sizes()
    features = embed(method, pixels)
    assert method.seen == [500, 500, 203] and features.dtype == torch.float32
    assert torch.allclose(features, to_unit_range(pixels).flatten(start_dim=1), atol=1e-3)


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_embeddings_that_are_not_finite_are_no_result(factor):
    with pytest.raises(DivergenceError, match="embeddings are not finite"):
        embed(Sizes(factor), torch.full((2, 1, 2, 2), 200, dtype=torch.uint8))


def test_chance_is_the_same_for_a_seed_and_a_purpose():
    draws = [
        torch.rand(1, generator=EvaluatorContext(seed=seed).generator(purpose)).item()
        for seed, purpose in ((0, "a"), (0, "a"), (0, "b"), (1, "a"))
    ]
    assert draws[0] == draws[1] and len(set(draws)) == 3


def test_every_evaluator_runs_from_a_config(tiny_config, tiny_text, cli):
    """Data sets found by name, views and seed reach the evaluators of a run, and the report is written."""
    quick = "k_means_starts: 2, gaussian_mixture_starts: 1"
    tiny_config.write_text(
        tiny_text.replace(
            "evaluators: [classification, constraint]",
            f"""\
evaluators:
  - {{name: clustering, {quick}}}
  - {{name: ood, datasets: [{{name: mnist5k, classes: [0, 1]}}]}}
  - {{name: linear_probe, epochs: 2}}
  - {{name: mlp_probe, epochs: 2}}
  - {{name: semi_supervised, epochs: 1}}
  - alignment
  - calibration
  - embedding_rank
  - knn
""",
        )
    )
    code, _, err = cli("train", tiny_config, "--run-id", "r", "training.epochs=1")
    assert code == 0, err
    results = json.loads((tiny_config.parent / "runs/tiny/r/results.json").read_text())
    assert len(results["numbers"]) == 9
    for name, numbers in results["numbers"].items():
        assert numbers and set(numbers) == set(results["definitions"][name])
        assert all(isinstance(value, int | float) for value in numbers.values())
    assert (tiny_config.parent / "runs/tiny/r/report.html").is_file()
    assert cli("evaluate", tiny_config.parent / "runs/tiny/r")[0] == 0
    again = json.loads((tiny_config.parent / "runs/tiny/r/results.json").read_text())
    assert again["numbers"] == results["numbers"]


def test_a_data_set_of_ood_that_is_not_there_is_an_error_of_the_config(tiny_config, tiny_text, cli):
    line = "evaluators: [{name: ood, datasets: [{name: mnistk}]}]"
    tiny_config.write_text(tiny_text.replace("evaluators: [classification, constraint]", line))
    code, _, err = cli("train", tiny_config, "--run-id", "r")
    assert code == 2 and "tiny.yaml:22:" in err and 'unknown dataset "mnistk". Did you mean "mnist' in err


def test_evaluators_of_one_evaluation_share_embeddings():
    shared, method = EvaluatorContext().embeddings, Sizes()
    pixels = torch.full((3, 1, 2, 2), 200, dtype=torch.uint8)
    first, second = shared.of(method, pixels), shared.of(method, pixels)
    assert first is second and method.seen == [3]
    shared.of(Sizes(2.0), pixels), shared.of(method, pixels.clone())
    assert method.seen == [3, 3]
    assert torch.equal(shared.of(method, pixels), embed(method, pixels))


def test_outputs_are_named_by_a_term_of_the_task_that_the_run_trains_with():
    task = SimpleNamespace(TERMS={"nesy": ""}, num_classes=2, dataset=SimpleNamespace(classes=("cat", "dog")))
    assert output_names(task, {"gen": Term(""), "nesy": Term("")}) == ["cat", "dog"]
    assert output_names(task, {"gen": Term("")}) == ["cluster 0", "cluster 1"]
