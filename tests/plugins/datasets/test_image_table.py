"""Images of one's own: real PNG files named by two tables, and every fault of them in one error."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from gedi_nesy_plugins.datasets.image_table import ImageTable
from PIL import Image

from gedi_nesy import ConfigError, DataError
from gedi_nesy.config.loader import load_tree
from gedi_nesy.config.validate import validate
from gedi_nesy.engine.run_folder import resolved
from gedi_nesy.plugin_manager import load_plugins

SHAPE = {"height": 6, "width": 4}


def png(folder, name, value=0, size=(4, 6), mode="L"):
    (folder / name).parent.mkdir(exist_ok=True)
    Image.new(mode, size, value).save(folder / name)


def reader(folder, train, test, **options):
    (folder / "train.csv").write_text(train)
    (folder / "test.csv").write_text(test)
    chosen = {"images": {"left": "kind", "right": None}, "classes": ("dark", "light"), **SHAPE} | options
    tables = {"train": str(folder / "train.csv"), "test": str(folder / "test.csv")}
    return ImageTable(ImageTable.Options(**tables, **chosen))


def test_images_labels_and_rows_go_together(tmp_path):
    for name, value in {"a.png": 1, "imgs/b.png": 2, "c.png": 3}.items():
        png(tmp_path, name, value)
    train, test = "left,right,kind,sum\na.png,imgs/b.png,dark,7\na.png,a.png,,8\n", "left,right,kind\nc.png,,light\n"
    dataset = reader(tmp_path, train, test).read()
    assert dataset.shape == (1, 6, 4) and dataset.classes == ("dark", "light")
    assert dataset.train.pixels.dtype == torch.uint8 and dataset.train.pixels[:, 0, 0, 0].tolist() == [1, 2]
    assert dataset.train.labels.tolist() == [0, -1] and dataset.test.labels.tolist() == [1]
    assert dataset.train_table.images == {"left": ((0,), (0,)), "right": ((1,), (0,))}
    assert dataset.train_table.values["sum"] == ("7", "8")
    assert dataset.test_table.images == {"left": ((0,),), "right": ((),)}


def test_all_faults_of_both_tables_and_all_images_come_at_once_in_the_order_of_their_lines(tmp_path):
    png(tmp_path, "good.png")
    png(tmp_path, "large.png", size=(5, 6))
    png(tmp_path, "colour.png", mode="RGB")
    (tmp_path / "broken.png").write_bytes((tmp_path / "good.png").read_bytes()[:40])
    train = "left,right,kind\nnone.png,good.png,dark\nlarge.png,colour.png,drak\nnone.png,good.png\n"
    with pytest.raises(DataError) as caught:
        reader(tmp_path, train, "left,right,kind\nbroken.png,good.png,\n").read()
    expected = [
        f'{tmp_path}/train.csv:2  column "left": {tmp_path}/none.png does not exist',
        f'{tmp_path}/train.csv:3  column "kind": "drak" is no class. Did you mean "dark"? Classes (data.classes): dark, light',
        f'{tmp_path}/train.csv:3  column "left": {tmp_path}/large.png is 5x6 of mode L, and the config says 4x6 of mode L. ',
        f'{tmp_path}/train.csv:3  column "right": {tmp_path}/colour.png is 4x6 of mode RGB, and the config says 4x6 of mode L. ',
        f"{tmp_path}/train.csv:4  number of cells is 2, the header has 3",
        f'{tmp_path}/test.csv:2  column "right": "good.png" is a training image too ({tmp_path}/train.csv:2, column "right")',
        f'{tmp_path}/test.csv:2  column "left": {tmp_path}/broken.png is no readable image: ',
    ]
    lines = str(caught.value).splitlines()
    assert len(lines) == len(expected) and all(map(str.startswith, lines, expected)), str(caught.value)
    assert lines[2].endswith("Convert it, correct data.height, data.width and data.channels, or set data.resize: true")


def test_resize_takes_images_of_any_size_and_kind_of_8_bits(tmp_path):
    png(tmp_path, "a.png", 255, size=(50, 20), mode="RGB")
    png(tmp_path, "b.png", (255, 255, 255, 0), mode="RGBA")
    png(tmp_path, "c.png", 1, mode="1")
    dataset = reader(tmp_path, "left,right,kind\na.png,b.png,\n", "left,right,kind\nc.png,c.png,\n", resize=True).read()
    assert dataset.shape == (1, 6, 4) and dataset.test.pixels.unique().tolist() == [255]
    assert torch.equal(dataset.fit(Image.open(tmp_path / "a.png")), dataset.train.pixels[0])
    assert dataset.train.pixels[0].unique().tolist() == [76] and dataset.train.pixels[1].unique().tolist() == [0]
    Image.fromarray(np.full((6, 4), 40_000, dtype=np.uint16)).save(tmp_path / "b.png")
    with pytest.raises(DataError, match=r'"right": .*b\.png is 4x6 of mode I;16, more than 8 bits a channel'):
        reader(tmp_path, "left,right,kind\na.png,b.png,\n", "left,right,kind\nc.png,c.png,\n", resize=True).read()


def test_tables_that_are_not_there_are_both_named_with_their_place(tmp_path, cli):
    data = {"train": "a.csv", "test": "b.csv", "images": {"left": None}, "classes": ["0", "1"], **SHAPE}
    check(tmp_path, data)
    code, _, err = cli("config", "check", tmp_path / "own.yaml")
    assert code == 2 and [line.partition("  ")[2] for line in err.splitlines()] == [
        f'file "{tmp_path}/{name}" does not exist' for name in ("a.csv", "b.csv")
    ]
    assert f"error: {tmp_path}/own.yaml:2:" in err


def test_colour_images(tmp_path):
    png(tmp_path, "a.png", (1, 2, 3), mode="RGB")
    png(tmp_path, "b.png", (4, 5, 6), mode="RGB")
    dataset = reader(tmp_path, "left,right,kind\na.png,a.png,\n", "left,right,kind\nb.png,b.png,\n", channels=3).read()
    assert dataset.shape == (3, 6, 4) and dataset.train.pixels[0, :, 5, 3].tolist() == [1, 2, 3]


def check(folder, data):
    (folder / "own.yaml").write_text("extends: mnist_addition\ndata: " + json.dumps({"name": "image_table"} | data))
    return validate(load_tree(str(folder / "own.yaml")), load_plugins())


def test_tables_are_found_beside_the_config_and_stay_where_they_are(tmp_path):
    (tmp_path / "t.csv").write_text("left\n")
    data = {"train": "t.csv", "test": "t.csv", "images": {"left": None}, "classes": ["0", "1"], **SHAPE}
    config = check(tmp_path, data)
    assert config.data.options.train == str(tmp_path / "t.csv")
    assert resolved(config)["data"]["train"] == str(tmp_path / "t.csv"), "images are named relative to the table"


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"images": {"left": "left"}}, 'data.images .*column "left" cannot hold images and classes'),
        ({"images": {}}, "data.images is {}"),
        ({"classes": ["0", "0"]}, 'data.classes .*"0": names are distinct'),
        ({"classes": ["0", "a;b"]}, 'data.classes .*"a;b": names are distinct, not empty, without ";"'),
        ({"classes": ["0"]}, "data.classes .*at least 2 items"),
        ({"channels": 4}, "data.channels is 4: must be 1 or 3"),
        ({"height": 0}, "data.height is 0: must be greater than 0"),
    ],
)
def test_wrong_options_are_named_with_their_place(tmp_path, wrong, message):
    (tmp_path / "t.csv").write_text("left\n")
    data = {"train": "t.csv", "test": "t.csv", "images": {"left": None}, "classes": ["0", "1"], **SHAPE}
    with pytest.raises(ConfigError, match=message):
        check(tmp_path, data | wrong)
