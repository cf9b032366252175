"""Sets in MNIST's format: read from the folder the user names, unpacked or not; what is wrong with the files is said."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import torch
from gedi_nesy_plugins.datasets.mnist import FashionMnist, Kmnist, Mnist, NotMnist

from gedi_nesy import DataError

SETS = [Mnist, FashionMnist, Kmnist, NotMnist]


def read(kind, root, **options):
    return kind(kind.Options(root=str(root), **options)).read()


@pytest.fixture
def write_set(tmp_path, write_idx):
    """Write both splits of a set; gives the pixels and labels written."""

    def write(kind, splits=("train", "t10k")):
        random, written = np.random.default_rng(0), {}
        for prefix in splits:
            count = 20 if prefix == "train" else 5
            arrays = random.integers(0, 256, (count, 28, 28)), random.integers(0, 10, count)
            for array, name in zip(arrays, ("images-idx3", "labels-idx1"), strict=True):
                write_idx(tmp_path / kind.FOLDER / f"{prefix}-{name}-ubyte", array)
            written[prefix] = arrays
        return written

    return write


@pytest.mark.parametrize("kind", SETS)
def test_what_was_written_is_read(kind, tmp_path, write_set):
    written = write_set(kind)
    dataset = read(kind, tmp_path)
    for images, prefix in ((dataset.train, "train"), (dataset.test, "t10k")):
        assert images.pixels.dtype == torch.uint8 and images.pixels.shape[1:] == (1, 28, 28)
        assert np.array_equal(images.pixels[:, 0].numpy(), written[prefix][0])
        assert images.labels.tolist() == written[prefix][1].tolist()
    assert len(dataset.classes) == 10


def test_torchvision_reads_the_same(tmp_path, write_set):
    from torchvision.datasets import MNIST

    write_set(Mnist)
    theirs, ours = MNIST(str(tmp_path), train=False), read(Mnist, tmp_path).test
    assert torch.equal(theirs.data, ours.pixels[:, 0]) and torch.equal(theirs.targets, ours.labels)


def test_the_folder_may_come_from_the_variable(tmp_path, monkeypatch, write_set):
    write_set(Mnist)
    monkeypatch.setenv("GEDI_NESY_DATA", str(tmp_path))
    assert len(Mnist(Mnist.Options()).read().train) == 20


def test_a_set_without_training_files_has_an_empty_training_split(tmp_path, write_set):
    write_set(Kmnist, splits=["t10k"])
    reader = Kmnist(Kmnist.Options(root=str(tmp_path)))
    dataset = reader.read()
    assert dataset.train.pixels.shape == (0, 1, 28, 28) and len(dataset.test) == 5
    assert dataset.shape == (1, 28, 28) and "test split only" in reader.status()
    text = str(reader.no_training_images())
    assert str(tmp_path / "KMNIST/raw/train-images-idx3-ubyte") in text and "data fetch kmnist" in text


def test_training_without_training_files_says_which_are_missing(tmp_path, write_set, cli, tiny_config):
    write_set(Kmnist, splits=["t10k"])
    code, _, err = cli("config", "check", tiny_config, f"data={{name: kmnist, root: {tmp_path}}}")
    assert (
        code == 2 and "only the test split" in err and "train-labels-idx1-ubyte" in err and "data fetch kmnist" in err
    )


def test_a_training_split_of_which_a_file_is_missing_is_no_empty_one(tmp_path, write_set):
    write_set(Mnist)
    (tmp_path / "MNIST/raw/train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"no .*train-labels-idx1-ubyte"):
        read(Mnist, tmp_path)


def test_a_missing_set_names_the_folder_and_the_command(tmp_path):
    with pytest.raises(DataError) as caught:
        read(Mnist, tmp_path / "nowhere")
    text = str(caught.value)
    assert str(tmp_path / "nowhere/MNIST/raw/t10k-images-idx3-ubyte") in text and "data.root" in text
    assert "GEDI_NESY_DATA" in text and f"gedi-nesy data fetch mnist --root {tmp_path / 'nowhere'}" in text


def pack(folder):
    for path in list(folder.iterdir()):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()


def test_gzipped_files_are_checked_and_read(tmp_path, write_set):
    written = write_set(Mnist)
    pack(tmp_path / "MNIST/raw")
    with pytest.raises(DataError, match=r"(?s)train-images.*has md5 \w+, published is f68b3c2d.*data\.verify=false"):
        read(Mnist, tmp_path)
    dataset = read(Mnist, tmp_path, verify=False)
    assert np.array_equal(dataset.test.pixels[:, 0].numpy(), written["t10k"][0])


def test_nobody_published_checksums_of_notmnist(tmp_path, write_set):
    write_set(NotMnist)
    pack(tmp_path / "notMNIST/MNIST/raw")
    assert read(NotMnist, tmp_path).classes == tuple("ABCDEFGHIJ")


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda data: data[:-3], "says 5 x 28 x 28 bytes and has 3917"),
        (lambda data: b"GIF8" + data, "begins with 47 49 46 38, not with 00 00 08 03"),
        (lambda data: b"", "begins with nothing"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(damage, why, tmp_path, write_set):
    write_set(Mnist)
    file = tmp_path / "MNIST/raw/t10k-images-idx3-ubyte"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DataError) as caught:
        read(Mnist, tmp_path)
    assert str(file) in str(caught.value) and why in str(caught.value) and "data fetch" in str(caught.value)


def test_images_without_labels_and_labels_without_class_are_refused(tmp_path, write_set, write_idx):
    write_set(Mnist)
    labels = tmp_path / "MNIST/raw/t10k-labels-idx1-ubyte"
    write_idx(labels, np.zeros(4))
    with pytest.raises(DataError, match="5 images and 4 labels"):
        read(Mnist, tmp_path)
    write_idx(labels, np.full(5, 10))
    with pytest.raises(DataError, match="labels beyond the 10 classes"):
        read(Mnist, tmp_path)


def test_a_subset_is_the_same_every_time_and_in_the_files_order(tmp_path, write_set):
    write_set(Mnist)
    whole, few = read(Mnist, tmp_path), read(Mnist, tmp_path, train_images=8, test_images=3)
    places = [0, 1, 3, 5, 7, 15, 16, 17], [0, 3, 4]  # drawn once and for all: published numbers hang on them
    for kept, all_images, rows in zip((few.train, few.test), (whole.train, whole.test), places, strict=True):
        assert torch.equal(kept.pixels, all_images.pixels[rows]) and torch.equal(kept.labels, all_images.labels[rows])
    assert len(read(Mnist, tmp_path, train_images=100, test_images=2).train) == 20
