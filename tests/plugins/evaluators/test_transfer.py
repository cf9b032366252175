"""Probes and neighbours on another data set: its own training split, its own test split, in the run's shape."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from gedi_nesy_plugins.evaluators.knn import NearestNeighbours
from gedi_nesy_plugins.evaluators.probes import LinearProbe
from pydantic import ValidationError

from gedi_nesy import ConfigError, DatasetReader, ImageDataset, PluginError
from gedi_nesy.data.dataset import Images
from gedi_nesy.evaluation.components import Named, OtherData
from gedi_nesy.evaluators import EvaluatorContext
from gedi_nesy.registry import Registrar, Registry

QUICK = {"optimizer": "adam", "learning_rate": 0.05, "epochs": 20, "batch_size": 10}


class Halves(DatasetReader):
    """Colour images of 4 by 4 that are bright above (0) or below (1)."""

    ABOUT = "halves"

    class Options(DatasetReader.Options):
        labelled: bool = True

    def read(self):
        labels = torch.arange(24) % 2
        pixels = torch.full((24, 3, 4, 4), 60, dtype=torch.uint8)
        pixels[labels == 0, :, :2] = 180
        pixels[labels == 1, :, 2:] = 180
        images = Images(pixels, labels if self.options.labelled else labels.fill_(-1))
        return ImageDataset(images, images, ("above", "below"))


def evaluate(kind, method, task, **options):
    registry = Registry()
    Registrar(registry, "test").add_dataset("halves", Halves)
    evaluator = kind(kind.Options.model_validate(options), EvaluatorContext(registry))
    evaluator.check(method, task)
    return evaluator.evaluate(method, task)


@pytest.mark.parametrize("kind, options", [(LinearProbe, QUICK), (NearestNeighbours, {"metrics": ("euclidean",)})])
def test_numbers_of_another_data_set_stand_beside_the_run_s_own(kind, options, flat, forty):
    own = evaluate(kind, flat(), forty, **options)
    found = evaluate(kind, flat(), forty, transfer=({"name": "halves"},), **options)
    assert own.numbers.items() < found.numbers.items()
    name = next(iter(own.numbers)) + "_on_halves"
    assert found.numbers[name] == 1.0 and "24" in found.definitions[name] and "of halves" in found.definitions[name]
    assert set(found.numbers) == set(found.definitions) and len(found.numbers) == 2 * len(own.numbers)


def test_another_data_set_is_looked_for_where_the_run_s_own_is(tmp_path, monkeypatch):
    """Unless it names a folder of its own."""
    monkeypatch.delenv("GEDI_NESY_DATA", raising=False)
    found = []

    class Somewhere(Halves):
        def read(self):
            found.append(self.root)
            return super().read()

    registry = Registry()
    Registrar(registry, "test").add_dataset("somewhere", Somewhere)
    context = EvaluatorContext(registry, data_root=str(tmp_path / "run"))
    OtherData(name="somewhere").read(context, "the evaluator knn")
    OtherData(name="somewhere", root=str(tmp_path / "own")).read(context, "the evaluator knn")
    OtherData(name="somewhere").read(EvaluatorContext(registry), "the evaluator knn")
    assert found == [tmp_path / "run", tmp_path / "own", Path("data").resolve()]


def test_another_data_set_without_classes_is_an_error_before_training(flat, forty):
    with pytest.raises(ConfigError, match="the evaluator knn on halves needs classes of training images"):
        evaluate(NearestNeighbours, flat(), forty, transfer=({"name": "halves", "labelled": False},))


def test_options_of_another_data_set_are_checked(flat, forty):
    with pytest.raises(ConfigError, match=r"options of halves in the evaluator linear_probe: labeled: .*not permitted"):
        evaluate(LinearProbe, flat(), forty, transfer=({"name": "halves", "labeled": False},))
    with pytest.raises(ValidationError, match="each once, not halves, halves"):
        evaluate(LinearProbe, flat(), forty, transfer=({"name": "halves"}, {"name": "halves"}))


def test_a_name_that_nothing_is_registered_by_lists_what_is():
    registry = Registry()
    Registrar(registry, "test").add_dataset("halves", Halves)
    with pytest.raises(PluginError, match="halves"):
        Named(name="halfs").make("dataset", registry, "the evaluator knn")
