"""What evaluators find ends up in the run folder: numbers in results.json, images as files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from gedi_nesy import Evaluation, ImageGrid
from gedi_nesy.engine.evaluate import save_images
from gedi_nesy.engine.run_folder import RunFolder

SHOWING = """
import torch
from gedi_nesy import Evaluation, Evaluator, ImageGrid, hookimpl

class Showing(Evaluator):
    def evaluate(self, method, task):
        pixels = task.dataset.test.pixels[:4]
        grid = ImageGrid(pixels, "four test images", columns=2, rows=("first", "second"))
        return Evaluation({}, {}, images={"some_digits": grid})

@hookimpl
def register(registry):
    registry.add_evaluator("showing", Showing)
"""


def test_images_of_an_evaluator_become_files_that_results_name(tiny_config, cli, tmp_path):
    (tmp_path / "showing.py").write_text(SHOWING)
    text = tiny_config.read_text().replace("plugins: [", f"plugins: [{tmp_path / 'showing.py'}, ")
    tiny_config.write_text(text)
    code, _, err = cli("train", tiny_config, "--run-id", "r", "evaluators=[showing]")
    assert code == 0, err
    run = Path("runs/tiny/r")
    (found,) = json.loads((run / "results.json").read_text())["images"]["showing"].values()
    assert found == {
        "file": "figures/showing-some_digits.png",
        "caption": "four test images",
        "rows": ["first", "second"],
    }
    with Image.open(run / found["file"]) as picture:
        assert picture.format == "PNG"


FAILING = """
from gedi_nesy import DataError, DivergenceError, Evaluator, hookimpl

class Diverging(Evaluator):
    def evaluate(self, method, task):
        raise DivergenceError("the score of some image is not finite")

class Starving(Evaluator):
    def evaluate(self, method, task):
        raise DataError("one image cannot be split")

@hookimpl
def register(registry):
    registry.add_evaluator("diverging", Diverging)
    registry.add_evaluator("starving", Starving)
"""
REASONS = {"diverging": "the score of some image is not finite", "starving": "one image cannot be split"}


@pytest.mark.parametrize("failing", REASONS)
def test_an_evaluator_that_fails_after_training_leaves_the_others_their_numbers(failing, tiny_config, cli, tmp_path):
    (tmp_path / "failing.py").write_text(FAILING)
    text = tiny_config.read_text().replace("plugins: [", f"plugins: [{tmp_path / 'failing.py'}, ")
    tiny_config.write_text(text)
    code, out, err = cli("train", tiny_config, "--run-id", "r", f"evaluators=[{failing}, classification]")
    assert code == 0, err
    assert f"no numbers of {failing}: {REASONS[failing]}" in out
    run = Path("runs/tiny/r")
    results = json.loads((run / "results.json").read_text())
    assert set(results["numbers"]) == {"classification"}
    assert [evaluator["name"] for evaluator in results["evaluators"]] == [failing, "classification"]
    assert results["missing"] == {failing: REASONS[failing]}
    note = f"no numbers of the evaluator {failing}: {REASONS[failing]}"
    assert results["notes"][-1] == note and note in (run / "report.html").read_text()
    assert json.loads((run / "state.json").read_text())["state"] == "finished"


CARELESS = """
import torch
from gedi_nesy import Evaluation, Evaluator, hookimpl

class Careless(Evaluator):
    def evaluate(self, method, task):
        return GIVEN

@hookimpl
def register(registry):
    registry.add_evaluator("careless", Careless)
"""


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("None", "its evaluate gives NoneType, not an Evaluation: correct the plugin of careless"),
        ("Evaluation({'a': torch.ones(())}, {'a': 'one'})", "its number a is a Tensor: give float(a)"),
        ("Evaluation({'a': 1.0}, {})", "its number a has no definition: say in definitions what it is, in a line"),
    ],
)
def test_an_evaluation_that_cannot_be_written_is_missing_with_the_reason(given, reason, tiny_config, cli, tmp_path):
    (tmp_path / "careless.py").write_text(CARELESS.replace("GIVEN", given))
    text = tiny_config.read_text().replace("plugins: [", f"plugins: [{tmp_path / 'careless.py'}, ")
    tiny_config.write_text(text)
    code, _, err = cli("train", tiny_config, "--run-id", "r", "evaluators=[careless]")
    assert code == 0, err
    assert json.loads(Path("runs/tiny/r/results.json").read_text())["missing"] == {"careless": reason}


def test_a_name_that_is_no_file_name_is_refused(tmp_path):
    grid = ImageGrid(torch.zeros(1, 1, 2, 2, dtype=torch.uint8), "one")
    with pytest.raises(ValueError, match=r"evaluator bad names its images '\.\./up'"):
        save_images(RunFolder(tmp_path), {"bad": Evaluation({}, {}, images={"../up": grid})})
    assert list(tmp_path.iterdir()) == []


def results():
    return json.loads(Path("runs/tiny/r/results.json").read_text())


def test_other_evaluators_look_at_a_finished_run_and_what_it_has_stays(tiny_config, cli):
    looked = ("training.evaluate_every=2", "training.evaluate_with=[classification]")
    assert cli("train", tiny_config, "--run-id", "r", "evaluators=[classification, knn]", *looked)[0] == 0
    before = results()
    code, out, err = cli("evaluate", "runs/tiny", "evaluators=[{name: knn, metrics: [cosine]}, embedding_rank]")
    assert code == 0 and "effective_rank" in out and "accuracy" in out, err
    after = results()
    assert list(after["numbers"]) == ["classification", "knn", "embedding_rank"]
    assert after["numbers"]["classification"] == before["numbers"]["classification"]
    assert "knn_euclidean" in before["numbers"]["knn"] and after["numbers"]["knn"].keys() == {
        "knn_cosine",
        "knn_cosine_k",
    }
    assert [component["name"] for component in after["evaluators"]] == ["classification", "knn", "embedding_rank"]
    assert after["main"][:-3] == [place for place in before["main"] if place != "knn.knn_euclidean"]
    assert "embedding_rank.effective_rank" in after["main"][-3:]
    assert "effective rank" in Path("runs/tiny/r/report.html").read_text().lower()
    assert cli("evaluate", "runs/tiny")[0] == 0
    assert results()["numbers"] == after["numbers"] | {"knn": before["numbers"]["knn"]}


def test_numbers_of_another_step_do_not_stay(tiny_config, cli):
    assert cli("train", tiny_config, "--run-id", "r", "evaluators=[knn]", "training.learning_rate=5e-2")[0] == 0
    last = results()["training"]["steps"]
    assert cli("evaluate", "runs/tiny", "--checkpoint", "best", "evaluators=[embedding_rank]")[0] == 0
    assert results()["training"]["steps"] < last and list(results()["numbers"]) == ["embedding_rank"]


def test_a_damaged_results_file_is_written_anew(tiny_config, cli):
    assert cli("train", tiny_config, "--run-id", "r")[0] == 0
    Path("runs/tiny/r/results.json").write_text("{")
    assert cli("evaluate", "runs/tiny", "evaluators=[embedding_rank]")[0] == 0
    assert list(results()["numbers"]) == ["embedding_rank"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=3", "is trained: seed=3 cannot be changed any more, only its evaluators can"),
        ("evaluators=[nearest]", 'command line: evaluators=[nearest]  unknown evaluator "nearest"'),
        ("evaluators=[reconstruction]", "the evaluator reconstruction needs decode"),
    ],
)
def test_what_cannot_be_evaluated_is_said(tiny_config, cli, override, message):
    assert cli("train", tiny_config, "--run-id", "r", "training.epochs=1")[0] == 0
    code, _, err = cli("evaluate", "runs/tiny", override)
    assert code == 2 and message in err and err.count("error:") == 1
