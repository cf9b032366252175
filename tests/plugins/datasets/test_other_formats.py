"""USPS, SVHN, STL-10 and scikit-learn's digits, in the formats in which they are published."""

from __future__ import annotations

import bz2
import hashlib

import numpy as np
import pytest
import scipy.io
import torch
from gedi_nesy_plugins.datasets.digits import Digits
from gedi_nesy_plugins.datasets.stl10 import Stl10
from gedi_nesy_plugins.datasets.svhn import Svhn
from gedi_nesy_plugins.datasets.usps import Usps

from gedi_nesy import DataError

RANDOM = np.random.default_rng(0)


def read(kind, root, **options):
    return kind(kind.Options(root=str(root), verify=False, **options)).read()


def write_usps(root):
    """Rows of libsvm: label 1 to 10, then index:value with values in [-1, 1]."""
    for name, count in (("usps.bz2", 4), ("usps.t.bz2", 3)):
        rows = [
            f"{number + 7} " + " ".join(f"{index}:{(-1) ** index}" for index in range(1, 257))
            for number in range(count)
        ]
        (root / name).write_bytes(bz2.compress("\n".join(rows).encode()))


def test_usps_is_read_as_by_torchvision(tmp_path):
    from torchvision.datasets import USPS

    write_usps(tmp_path)
    dataset = read(Usps, tmp_path)
    assert dataset.shape == (1, 16, 16) and dataset.train.labels.tolist() == [6, 7, 8, 9]
    theirs = USPS(str(tmp_path), train=False)
    assert np.array_equal(theirs.data, dataset.test.pixels[:, 0].numpy()) and theirs.targets == [6, 7, 8]


@pytest.mark.parametrize("text", ["", "7 1:0.5 2:0.5", "7 " + "x" * 900])
def test_damaged_usps(tmp_path, text):
    write_usps(tmp_path)
    (tmp_path / "usps.t.bz2").write_bytes(bz2.compress(text.encode()))
    with pytest.raises(DataError, match=r"usps\.t\.bz2"):
        read(Usps, tmp_path)


def test_usps_alone_for_evaluation(tmp_path):
    write_usps(tmp_path)
    (tmp_path / "usps.bz2").unlink()
    assert len(read(Usps, tmp_path).train) == 0


def write_svhn(root):
    pixels = {}
    for name, count in (("train", 5), ("test", 2)):
        pixels[name] = RANDOM.integers(0, 256, (32, 32, 3, count), dtype=np.uint8)
        labels = np.array([[10], [1], [2], [3], [4]][:count], np.uint8)
        scipy.io.savemat(root / f"{name}_32x32.mat", {"X": pixels[name], "y": labels})
    return pixels


def test_svhn_writes_0_as_10_and_images_last(tmp_path):
    pixels = write_svhn(tmp_path)
    dataset = read(Svhn, tmp_path)
    assert dataset.train.labels.tolist() == [0, 1, 2, 3, 4] and dataset.test.labels.tolist() == [0, 1]
    assert np.array_equal(dataset.train.pixels[3].numpy(), pixels["train"][..., 3].transpose(2, 0, 1))


@pytest.mark.parametrize("content", [b"", b"no mat file at all" * 20])
def test_a_damaged_mat_file_is_a_data_error(tmp_path, content):
    write_svhn(tmp_path)
    (tmp_path / "test_32x32.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"test_32x32\.mat cannot be read"):
        read(Svhn, tmp_path)


@pytest.fixture
def stl10(tmp_path):
    """Three labelled, two unlabelled and two test images; gives the folder and the pixels, rows before columns."""
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    pixels = {}
    for name, count in (("train", 3), ("unlabeled", 2), ("test", 2)):
        pixels[name] = RANDOM.integers(0, 256, (count, 3, 96, 96), dtype=np.uint8)
        pixels[name].transpose(0, 1, 3, 2).tofile(folder / f"{name}_X.bin")
    np.array([1, 10, 3], np.uint8).tofile(folder / "train_y.bin")
    np.array([2, 5], np.uint8).tofile(folder / "test_y.bin")
    (folder / "class_names.txt").write_text("\n".join("abcdefghij") + "\n")
    return tmp_path, pixels


def test_stl10_has_its_unlabelled_images_after_the_labelled_ones(stl10):
    root, pixels = stl10
    dataset = read(Stl10, root)
    assert np.array_equal(dataset.train.pixels.numpy(), np.concatenate([pixels["train"], pixels["unlabeled"]]))
    assert dataset.train.labels.tolist() == [0, 9, 2, -1, -1] and dataset.classes == tuple("abcdefghij")
    assert np.array_equal(dataset.test.pixels.numpy(), pixels["test"]) and dataset.test.labels.tolist() == [1, 4]


def test_stl10_without_them_does_not_want_their_file(stl10):
    root, pixels = stl10
    (root / "stl10_binary/unlabeled_X.bin").unlink()
    dataset = read(Stl10, root, unlabelled=False)
    assert np.array_equal(dataset.train.pixels.numpy(), pixels["train"])
    with pytest.raises(DataError, match=r"no .*unlabeled_X\.bin"):
        read(Stl10, root)


def test_stl10_is_read_as_by_torchvision(stl10):
    from torchvision.datasets import STL10

    root, _ = stl10
    lists = {name: [[file, None] for file, _ in getattr(STL10, name)] for name in ("train_list", "test_list")}
    theirs, ours = type("Unchecked", (STL10,), lists)(str(root), split="train+unlabeled"), read(Stl10, root).train
    assert (
        np.array_equal(theirs.data, ours.pixels.numpy())
        and theirs.labels.astype(np.int8).tolist() == ours.labels.tolist()
    )


@pytest.mark.parametrize("kind", [Usps, Svhn, Stl10])
def test_changed_files_are_refused_unless_told_otherwise(kind, tmp_path, stl10):
    write_usps(tmp_path)
    write_svhn(tmp_path)
    with pytest.raises(DataError, match=r"has md5 \w{32}, published is \w{32}"):
        kind(kind.Options(root=str(tmp_path))).read()


def digest(images):
    """Of pixels and labels: numbers of runs on another split cannot be compared with ours."""
    return hashlib.sha256(images.pixels.numpy().tobytes() + images.labels.numpy().tobytes()).hexdigest()


def test_digits_are_scikit_learns_in_a_split_that_never_changes():
    from sklearn.datasets import load_digits

    dataset = Digits(Digits.Options()).read()
    assert len(dataset.train) == 1437 and len(dataset.test) == 360 and dataset.shape == (1, 8, 8)
    assert digest(dataset.train) == "529c18fbae26e99f848c2ff6c886d50fb3f373ac83a2fb460907c88d254f24b3"
    assert digest(dataset.test) == "578a152abe84d596b4aac61c655b87983839fed2ba8209cf6508fa6292009edc"
    images, found = torch.cat([dataset.train.pixels, dataset.test.pixels]), load_digits()
    assert int(images.max()) == 255 and int(images.min()) == 0
    theirs = sorted(map(bytes, (found.images * 255 / 16).round().astype(np.uint8)))
    assert sorted(image.numpy().tobytes() for image in images) == theirs
    labels = torch.cat([dataset.train.labels, dataset.test.labels])
    assert torch.bincount(labels).tolist() == np.bincount(found.target).tolist()
