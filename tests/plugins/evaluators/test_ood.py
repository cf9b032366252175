"""Out-of-distribution scores against formulas, and data sets found by their registered name."""

from __future__ import annotations

import json

import pytest
import torch
from gedi_nesy_plugins.evaluators.ood import OutOfDistribution
from gedi_nesy_plugins.methods.gedi import Gedi
from pydantic import Field, ValidationError

from gedi_nesy import ConfigError, DatasetReader, DivergenceError, ImageDataset, PluginError
from gedi_nesy.data.dataset import Images, to_unit_range
from gedi_nesy.evaluation.ood_scores import gradient_norm, neighbour_similarity, possible, score
from gedi_nesy.evaluators import EvaluatorContext
from gedi_nesy.registry import Registrar, Registry
from gedi_nesy.testing import make_method


class Bright(DatasetReader):
    """White colour images of another size, far from any training image."""

    ABOUT = "white"

    class Options(DatasetReader.Options):
        count: int = Field(default=30, gt=0)
        channels: int = 3

    def read(self):
        pixels = torch.full((self.options.count, self.options.channels, 5, 5), 255, dtype=torch.uint8)
        images = Images(pixels, torch.full((len(pixels),), -1))
        return ImageDataset(images, images, ("white",))


def evaluator(**options):
    registry = Registry()
    Registrar(registry, "test").add_dataset("bright", Bright)
    options = {"datasets": [{"name": "bright"}]} | options
    return OutOfDistribution(
        OutOfDistribution.Options.model_validate_json(json.dumps(options)), EvaluatorContext(registry)
    )


def evaluate(method, task, **options):
    chosen = evaluator(**options)
    chosen.check(method, task)
    return chosen.evaluate(method, task)


def test_images_far_from_training_are_told_apart_by_density_and_gradient(energy, forty):
    found = evaluate(energy, forty)
    for name in ("log_density", "gradient_norm"):
        assert found.numbers[f"bright_{name}_auroc"] == 1.0
        assert found.numbers[f"bright_{name}_fpr95"] == 0.0
        assert found.numbers[f"bright_{name}_aupr"] == pytest.approx(1.0)
    assert found.numbers["bright_max_softmax_auroc"] == 1.0  # white is all classes alike
    assert set(found.definitions) == set(found.numbers) and len(found.numbers) == 12
    assert "bright (30 test images)" in found.definitions["bright_log_density_auroc"]


def test_the_gradient_norm_is_that_of_the_formula(energy, forty):
    """The gradient of -|x|^2 / 2 is -x."""
    images = to_unit_range(forty.dataset.test.pixels)
    with torch.no_grad():
        assert torch.allclose(gradient_norm(energy.log_density, images), images.flatten(start_dim=1).norm(dim=1))
    norms = score(energy, "gradient_norm", forty.dataset.test.pixels)
    assert norms.numpy() == pytest.approx(-images.flatten(start_dim=1).norm(dim=1).numpy())


def test_the_gradient_norm_agrees_with_finite_differences():
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3)
    ).double()

    class Energy:
        def log_density(self, images):
            return network(images).logsumexp(dim=1)

    image = torch.randn(1, 1, 2, 2, dtype=torch.float64)
    slopes = []
    for place in range(4):
        step = torch.zeros(4, dtype=torch.float64)
        step[place] = 1e-6
        ahead, behind = (Energy().log_density(image + sign * step.view(1, 1, 2, 2)).item() for sign in (1, -1))
        slopes.append((ahead - behind) / 2e-6)
    assert gradient_norm(Energy().log_density, image).item() == pytest.approx(
        sum(s**2 for s in slopes) ** 0.5, rel=1e-6
    )


def test_scores_are_those_that_the_method_can_give(energy, flat, forty):
    energy.lacks = frozenset({"log_density"})
    names = ("max_softmax", "outputs_gradient_norm", "neighbour_similarity")
    kinds = ("auroc", "aupr", "fpr95")
    assert set(evaluate(energy, forty).numbers) == {f"bright_{name}_{kind}" for name in names for kind in kinds}
    with pytest.raises(
        ConfigError, match=r"Energy offers class_log_probs, embed, so it cannot be used with gradient_norm"
    ):
        evaluate(energy, forty, scores=["gradient_norm"])
    assert set(evaluate(flat(), forty).tables["score_histograms"]) == {"outputs_gradient_norm", "neighbour_similarity"}


def test_a_method_with_no_capability_gets_no_score(flat, forty):
    nothing = flat()
    nothing.lacks = frozenset({"embed"})
    with pytest.raises(ConfigError, match="Flat offers nothing, so it cannot be used with any"):
        evaluate(nothing, forty)


def test_the_outputs_of_a_network_are_read_as_logits(flat, forty):
    """The embedding is the image itself: the gradient of its logsumexp is its softmax."""
    images = to_unit_range(forty.dataset.test.pixels).flatten(start_dim=1)
    found = score(flat(), "outputs_gradient_norm", forty.dataset.test.pixels)
    assert found.numpy() == pytest.approx(-images.softmax(dim=1).norm(dim=1).numpy(), rel=1e-5)


def test_gedi_without_gen_is_scored_by_the_density_of_its_equation_6(forty):
    """Its clusters' logits in place of its embedding, which stands one linear layer before them."""
    method = make_method(Gedi, {"inv", "prior"}, shape=forty.dataset.shape).eval()
    chosen = [name for name in possible(method) if name.endswith("gradient_norm")]
    assert chosen == ["logits_gradient_norm"] and "log_density" not in possible(method)
    images = to_unit_range(forty.dataset.test.pixels)
    density = lambda some: method.clusters(method.projector(method.backbone(some))).logsumexp(dim=1)  # noqa: E731
    found = score(method, "logits_gradient_norm", forty.dataset.test.pixels)
    assert found.numpy() == pytest.approx(-gradient_norm(density, images).numpy(), rel=1e-6)


def test_neighbours_are_those_of_the_smallest_angle():
    features, references = torch.randn(7, 3), torch.randn(20, 3)
    cosines = torch.nn.functional.cosine_similarity(features[:, None], references[None], dim=2).sort(dim=1).values
    assert torch.allclose(neighbour_similarity(features, references, 5), cosines[:, -5])
    assert torch.allclose(neighbour_similarity(features, references, 50), cosines[:, 0])


def test_options_of_the_other_data_set_reach_it(energy, forty):
    found = evaluate(energy, forty, datasets=[{"name": "bright", "count": 7}])
    assert "bright (7 test images)" in found.definitions["bright_log_density_auroc"]


def test_only_so_many_images_are_looked_at(energy, forty):
    found = evaluate(energy, forty, max_images=5)
    assert "bright (5 test images)" in found.definitions["bright_log_density_auroc"]


def test_a_data_set_that_nobody_provides_is_named_before_training(energy, forty):
    with pytest.raises(PluginError, match=r'unknown dataset "brigth"\. Did you mean "bright"') as error:
        evaluator(datasets=[{"name": "brigth"}]).check(energy, forty)
    assert error.value.key == "evaluators"


def test_an_option_that_the_other_data_set_does_not_have_is_named(energy, forty):
    with pytest.raises(ConfigError, match=r"options of bright in the evaluator ood: cuont: .*not permitted"):
        evaluator(datasets=[{"name": "bright", "cuont": 3}]).check(energy, forty)
    with pytest.raises(ConfigError, match="count: Input should be greater than 0"):
        evaluator(datasets=[{"name": "bright", "count": 0}]).check(energy, forty)


def test_images_that_cannot_be_given_the_shape_are_found_before_training(energy, forty):
    with pytest.raises(Exception, match="2 channels cannot become images of 1"):
        evaluator(datasets=[{"name": "bright", "channels": 2}]).check(energy, forty)


def test_a_root_does_not_depend_on_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert evaluator(datasets=[{"name": "bright", "root": "data"}]).options.datasets[0].root == str(tmp_path / "data")


def test_one_data_set_twice_is_refused():
    with pytest.raises(ValidationError, match="each once"):
        evaluator(datasets=[{"name": "bright"}, {"name": "bright", "count": 3}])


def test_scores_that_are_not_numbers_are_no_result(energy, forty):
    energy.log_density = lambda images: images.sum(dim=(1, 2, 3)) * float("nan")
    with pytest.raises(DivergenceError, match=r"score log_density .* not finite"):
        evaluate(energy, forty)


def test_scores_of_every_set_are_there_as_histograms(energy, forty):
    tables = evaluate(energy, forty).tables["score_histograms"]
    assert set(tables) == {"log_density", "gradient_norm", "max_softmax", "neighbour_similarity"}
    for table in tables.values():
        assert set(table["shares"]) == {"test images", "bright"}
        assert all(sum(shares) == pytest.approx(1) for shares in table["shares"].values())
