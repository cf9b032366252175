"""CelebA in its published format: partition, attributes, hair colour."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from gedi_nesy_plugins.datasets.celeba import HAIR_COLOURS, CelebA
from PIL import Image

from gedi_nesy import ConfigError, DataError
from gedi_nesy.data.image_files import open_image

NAMES = ["Male", "Smiling", *HAIR_COLOURS]
# Name, part of the partition, attributes that the image has.
FACES = [
    ("000001.jpg", 0, {"Male", "Black_Hair"}),
    ("000002.jpg", 1, {"Male"}),
    ("000003.jpg", 0, {"Smiling", "Blond_Hair", "Brown_Hair"}),
    ("000004.jpg", 2, {"Gray_Hair"}),
    ("000005.jpg", 0, {"Male"}),
    ("000006.jpg", 2, {"Male", "Bald", "Smiling"}),
]


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    rows = [f"{name}  " + " ".join(" 1" if key in has else "-1" for key in NAMES) for name, _, has in FACES]
    (folder / "list_attr_celeba.txt").write_text("\n".join([str(len(FACES)), " ".join(NAMES) + " ", *rows]) + "\n")
    (folder / "list_eval_partition.txt").write_text("".join(f"{name} {part}\n" for name, part, _ in FACES))
    for number, (name, _, _) in enumerate(FACES):
        Image.new("RGB", (178, 218), (40 * number,) * 3).save(folder / "img_align_celeba" / name, quality=100)
    return tmp_path


def read(root, **options):
    return CelebA(CelebA.Options(root=str(root), **{"verify": False, "size": 4} | options)).read()


def test_the_published_partition_and_a_binary_attribute(root):
    dataset = read(root)
    assert dataset.classes == ("not Male", "Male") and dataset.shape == (3, 4, 4)
    assert dataset.train.labels.tolist() == [1, 0, 1] and dataset.test.labels.tolist() == [0, 1]
    for images, expected in ((dataset.train, [0, 80, 160]), (dataset.test, [120, 200])):
        assert np.allclose(images.pixels.float().mean(dim=(1, 2, 3)).numpy(), expected, atol=2)


def test_a_later_image_is_cropped_as_those_of_training_were(root):
    dataset = read(root, crop=0.5)
    assert torch.equal(dataset.fit(open_image(root / "celeba/img_align_celeba/000005.jpg")), dataset.train.pixels[2])


def test_hair_colour_is_known_where_exactly_one_is_said(root):
    dataset = read(root, target="hair_colour")
    assert dataset.classes == ("Bald", "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
    assert dataset.train.labels.tolist() == [1, -1, -1] and dataset.test.labels.tolist() == [4, 0]


def test_every_image_carries_all_attributes_also_in_a_subset(root):
    test = read(root).test
    assert set(test.attributes) == {*NAMES, "hair_colour"}
    assert test.attributes["Smiling"].tolist() == [0, 1] and test.attributes["hair_colour"].tolist() == [4, 0]
    few = read(root, train_images=2).train
    assert len(few) == 2 and all(len(values) == 2 for values in few.attributes.values())


def test_an_unknown_attribute_is_refused_with_the_nearest(root):
    with pytest.raises(
        ConfigError, match=r'data\.target "Smilling" is no attribute of CelebA\. Did you mean "Smiling"'
    ):
        read(root, target="Smilling")


def test_a_missing_image_and_a_missing_folder_are_named(root):
    (root / "celeba/img_align_celeba/000006.jpg").unlink()
    with pytest.raises(DataError, match=r"000006\.jpg is missing"):
        read(root)
    (root / "celeba/img_align_celeba").rename(root / "away")
    with pytest.raises(DataError, match=r"no .*celeba/img_align_celeba"):
        read(root)


def test_checksums_of_the_texts_are_checked(root):
    digest = hashlib.md5((root / "celeba/list_attr_celeba.txt").read_bytes()).hexdigest()
    with pytest.raises(DataError, match=rf"list_attr_celeba\.txt has md5 {digest}, published is 75e246fa"):
        read(root, verify=True)
