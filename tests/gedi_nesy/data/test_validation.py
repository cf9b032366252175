"""A part of the training images in place of the test images: nothing on both sides, the same for every seed, said wherever numbers are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from gedi_nesy import ConfigError, DataError, ImageDataset, load_data
from gedi_nesy.config.loader import load_tree
from gedi_nesy.config.validate import validate
from gedi_nesy.data.dataset import Images
from gedi_nesy.data.table import Table
from gedi_nesy.data.validation import hold_out
from gedi_nesy.engine.build import build_run
from gedi_nesy.engine.run_folder import RunFolder
from gedi_nesy.evaluation.components import OtherData
from gedi_nesy.evaluators import EvaluatorContext
from gedi_nesy.plugin_manager import load_plugins


def numbered(count, start=0):
    """Images of one pixel, which says which one it is, as the label does."""
    values = torch.arange(start, start + count)
    return Images(values.byte().view(-1, 1, 1, 1), values, {"twice": 2 * values})


def drawn(share=0.25, count=40, **more):
    return hold_out(ImageDataset(numbered(count), numbered(10, start=200), ("a", "b"), **more), share)


def test_every_training_image_is_on_one_side_and_no_test_image_on_any():
    made = drawn()
    assert (len(made.train), len(made.test)) == (30, 10)
    for images in (made.train, made.test):
        assert images.labels.tolist() == images.pixels.flatten().tolist() == sorted(images.labels.tolist())
        assert torch.equal(images.attributes["twice"], 2 * images.labels)
    assert sorted([*made.train.labels.tolist(), *made.test.labels.tolist()]) == list(range(40))
    assert made.test.labels.tolist() != list(range(10)), "not the first ones"


@pytest.mark.parametrize("share", [0.2, 1 / 3, 0.9])
def test_each_class_has_its_share_on_both_sides(share):
    """Images without a class, -1, are as one class; not the first of each are held out."""
    labels = torch.tensor([-1] * 60 + [0] * 300 + [1] * 30 + [2] * 90)[torch.randperm(480)]
    images = Images(torch.arange(480).view(-1, 1, 1, 1), labels)
    made = hold_out(ImageDataset(images, numbered(10), ("a", "b", "c")), share)
    assert abs(len(made.test) - share * 480) <= 0.5
    for label, count in ((-1, 60), (0, 300), (1, 30), (2, 90)):
        assert abs(int((made.test.labels == label).sum()) - share * count) <= 1
        places = torch.nonzero(labels == label).flatten()
        held_out = torch.isin(places, made.test.pixels.flatten())
        assert held_out[: len(places) // 2].any() and held_out[len(places) // 2 :].any()
    assert torch.equal(labels[made.test.pixels.flatten()], made.test.labels)


def test_the_split_is_the_same_each_time():
    assert torch.equal(drawn().test.labels, drawn().test.labels)


@pytest.mark.parametrize(("share", "count"), [(0.1, 4), (0.9, 3)])
def test_nothing_left_on_one_side_is_an_error(share, count):
    with pytest.raises(
        DataError, match=rf"validation: {share} of {count} training images leaves \d+ to evaluate on and \d+ to"
    ):
        drawn(share, count)


ROWS = ((0, 1), (2,), (3, 4), (1, 5), (6,), (7,), (8,), (9,))  # the first and the fourth share an image


def table(cells=ROWS, lines=tuple(range(2, 10))):
    return Table("t.csv", lines, {"images": cells}, {"sum": tuple(f"of line {line}" for line in lines)})


def test_rows_of_a_table_stay_whole_and_together_with_those_that_share_an_image():
    made = drawn(0.5, 10, train_table=table(), test_table=table(((0,),), (99,)))
    sides = [(made.train, made.train_table), (made.test, made.test_table)]
    assert sorted(line for _, rows in sides for line in rows.lines) == list(range(2, 10))
    assert len(made.test_table.lines) in (3, 4), "half of the rows, or one less for the pair that goes together"
    for images, rows in sides:
        assert set(image for cells in rows.images["images"] for image in cells) == set(range(len(images)))
        for line, cells, said in zip(rows.lines, rows.images["images"], rows.values["sum"], strict=True):
            assert tuple(images.labels[list(cells)].tolist()) == ROWS[line - 2] and said == f"of line {line}"
    assert not set(made.train.labels.tolist()) & set(made.test.labels.tolist())
    assert (2 in made.test_table.lines) == (5 in made.test_table.lines)


def test_rows_that_hang_together_cannot_be_parted():
    with pytest.raises(
        DataError, match=r"would hold out 0 of 3 rows of t\.csv: rows that share images belong together, and 3 rows"
    ):
        drawn(0.4, 4, train_table=table(((0, 1), (1, 2), (2, 3)), (2, 3, 4)))
    mostly = table((*(((0, number)) for number in range(1, 8)), (8,)), tuple(range(2, 10)))
    with pytest.raises(DataError, match=r"validation: 0\.5 would hold out 1 of 8 rows .* and 7 rows do"):
        drawn(0.5, 9, train_table=mostly)


@pytest.fixture
def results(tiny_config, cli):
    def trained(*overrides):
        code, out, err = cli(
            "train", tiny_config, "--run-id", "r", "task.examples=10", "task.test_examples=2", *overrides
        )
        assert code == 0, err
        return json.loads(Path("runs/tiny/r/results.json").read_text()), out

    return trained


COMPARE = "compare={table: gedi-table6, row: '1000', column: GEDI & NeSy}"


@pytest.fixture
def built(tiny_config, tmp_path):
    """What the reader reads, and a run made of it."""

    def build(*changes):
        plugins = load_plugins()
        config = validate(load_tree(str(tiny_config), changes), plugins)
        raw = plugins.registry.find("dataset", config.data.name).load()(config.data.options).read()
        return raw, build_run(config, plugins, RunFolder(tmp_path / "run"))

    return build


def is_among(images, others):
    """Whether each image is one of the others; no two are alike."""
    known = {image.numpy().tobytes() for image in others}
    return {image.numpy().tobytes() in known for image in images}


def test_training_and_evaluation_share_the_training_images_and_leave_the_test_images_alone(built):
    raw, run = built("validation=0.3")
    trained, held_out = run.task.train_pixels, run.task.dataset.test.pixels
    assert len(held_out) == 180 and len(run.task.dataset.train) == 420 == len(raw.train) - 180
    assert is_among(held_out, raw.train.pixels) == is_among(trained, raw.train.pixels) == {True}
    assert (
        is_among(held_out, trained)
        == is_among(held_out, raw.test.pixels)
        == is_among(trained, raw.test.pixels)
        == {False}
    )


def test_without_it_all_training_images_are_trained_on_and_test_images_evaluated_on(built):
    raw, run = built()
    assert torch.equal(run.task.dataset.train.pixels, raw.train.pixels) and torch.equal(
        run.task.dataset.test.pixels, raw.test.pixels
    )


def test_examples_are_as_many_fewer_as_there_are_fewer_images(built):
    """Of 600 and 200 images 450 and 150 are left."""
    whole, part = (built(*changes)[1].task for changes in ([], ["validation=0.25"]))
    assert (len(whole.train_examples), len(whole.test_examples)) == (40, 10)
    assert (len(part.train_examples), len(part.test_examples)) == (30, 7)


def test_other_data_sets_that_evaluators_read_are_held_out_in_the_same_way():
    """A transfer's test images are as little looked at as the run's own."""
    context = EvaluatorContext(registry=load_plugins().registry, validation=0.25)
    whole, part = (
        OtherData(name="digits").read(each, "a test") for each in (replace(context, validation=None), context)
    )
    assert len(part.test) == round(0.25 * len(whole.train)) and len(part.train) + len(part.test) == len(whole.train)
    assert is_among(part.test.pixels, whole.train.pixels) == {True}


def test_another_data_set_without_training_images_is_left_as_it_is(monkeypatch):
    """Such as notMNIST, to tell from which is all it is here for."""
    context = EvaluatorContext(registry=load_plugins().registry, validation=0.25)
    only_test = ImageDataset(numbered(0), numbered(10), ("a",))
    monkeypatch.setattr(OtherData, "make", lambda *ignored: SimpleNamespace(read=lambda: only_test))
    assert OtherData(name="digits").read(context, "a test") is only_test


def test_an_evaluator_that_misses_what_training_images_do_not_have_says_whose_they_are(built, monkeypatch):
    """The tutorial's training images have no classes; its test images have."""
    monkeypatch.setattr(
        "gedi_nesy_plugins.evaluators.classification.Classification.check",
        lambda *ignored: (_ for _ in ()).throw(ConfigError("needs classes of test images", key="evaluators")),
    )
    with pytest.raises(
        ConfigError, match="validation is set, so test images are training images held out, and have what"
    ):
        built("validation=0.3", "evaluators=[classification]")
    with pytest.raises(ConfigError, match=r"needs classes of test images$"):
        built("evaluators=[classification]")


def test_a_run_with_validation_says_so_wherever_its_numbers_are_and_stands_beside_no_paper(results, cli):
    found, out = results("validation=0.3", COMPARE)
    data = load_data("runs/tiny/r")
    assert found["validation"] == {"images": len(data.test), "of": len(data.test) + len(data.train)}
    assert found["compare"] is None and found["training"]["train_images"] <= len(data.train)
    about = f"evaluated on {len(data.test)} of {len(data.test) + len(data.train)} training images"
    assert f"validation: {about}" in " ".join(out.split()) and "published" not in out
    assert f"E{about[1:]}" in Path("runs/tiny/r/report.html").read_text()
    assert "finished, validation" in cli("runs")[1]


def test_a_run_without_is_evaluated_on_test_images(results, cli):
    found, out = results(COMPARE)
    assert found["validation"] is None and found["compare"]["table"] == "gedi-table6"
    assert "validation" not in out and "published" in out and "validation" not in cli("runs")[1]


def test_a_comparison_says_whose_numbers_are_not_of_test_images(tiny_config, cli):
    for run_id, *more in (("a",), ("b", "validation=0.3", "task.examples=10", "task.test_examples=2")):
        assert cli("train", tiny_config, "--run-id", run_id, "training.epochs=1", *more)[0] == 0
    assert cli("report", "runs/tiny/a", "runs/tiny/b", "--out", "both.html")[0] == 0
    page = Path("both.html").read_text()
    assert "are of images held out of the training split, not of test images (validation)" in page
    assert "Numbers of all runs" not in page


def test_weights_of_a_run_that_saw_everything_are_noted(tiny_config, cli):
    """They may know the images that are held out."""
    assert cli("train", tiny_config, "--run-id", "whole", "training.epochs=1")[0] == 0
    note = "who trained these weights may have seen the images held out here"
    for run_id, changes, expected in (("a", ["validation=0.3"], True), ("b", [], False)):
        code, _, err = cli(
            "train", tiny_config, "--run-id", run_id, "training.epochs=1", "start_from.path=runs/tiny/whole", *changes
        )
        assert code == 0, err
        notes = json.loads(Path(f"runs/tiny/{run_id}/results.json").read_text())["notes"]
        assert any(line.startswith(note) for line in notes) == expected


def test_a_published_table_is_about_test_images(cli):
    code, _, err = cli("reproduce", "gedi-table2", "--scale", "small", "--set", "validation=0.2")
    assert code == 2 and "--set validation=0.2 does not fit" in err and "a published table is about test images" in err
