"""A part of the training images in place of the test images: nothing on both sides, the same for every seed, said wherever numbers are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from gedi_nesy import DataError, ImageDataset, load_data
from gedi_nesy.data.dataset import Images
from gedi_nesy.data.table import Table
from gedi_nesy.data.validation import hold_out


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


def test_rows_that_all_hang_together_cannot_be_parted():
    with pytest.raises(DataError, match=r"rows of t\.csv that share images belong together, .* is of 3 of 3 rows"):
        drawn(0.4, 4, train_table=table(((0, 1), (1, 2), (2, 3)), (2, 3, 4)))


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


def test_other_data_sets_are_held_out_too(tiny_config, cli, monkeypatch):
    """A transfer's test images are as little looked at as the run's own."""
    seen = []
    monkeypatch.setattr(
        "gedi_nesy.evaluation.components.hold_out", lambda data, share: seen.append(share) or hold_out(data, share)
    )
    knn = "evaluators=[{name: knn, transfer: [{name: digits}]}]"
    for run_id, more in (("a", ["validation=0.3"]), ("b", [])):
        code, _, err = cli(
            "train",
            tiny_config,
            "--run-id",
            run_id,
            "training.epochs=1",
            "task.examples=10",
            "task.test_examples=2",
            knn,
            *more,
        )
        assert code == 0, err
        assert set(seen) == {0.3}


def test_a_published_table_is_about_test_images(cli):
    code, _, err = cli("reproduce", "gedi-table2", "--scale", "small", "--set", "validation=0.2")
    assert code == 2 and "--set validation=0.2 does not fit" in err and "a published table is about test images" in err
