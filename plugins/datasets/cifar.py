"""CIFAR-10 and CIFAR-100: pickled batches of 32x32 colour images."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from gedi_nesy.data.dataset import Images
from gedi_nesy.data.published import Download, PublishedDataset, PublishedFile, Split, torchvision_class


class Cifar10(PublishedDataset):
    """CIFAR-10 from ROOT/cifar-10-batches-py. File names and checksums are torchvision's."""

    NAME = "cifar10"
    ABOUT = "CIFAR-10, 50,000 + 10,000 photographs of 10 classes, 32x32 colour"
    TORCHVISION: ClassVar[str] = "CIFAR10"
    LABELS: ClassVar[str] = "labels"

    def files(self) -> list[PublishedFile]:
        """The batches of each split, and the names of the classes."""
        known = torchvision_class(self.TORCHVISION)
        return [
            *(PublishedFile(f"{known.base_folder}/{name}", ("train",), md5) for name, md5 in known.train_list),
            *(PublishedFile(f"{known.base_folder}/{name}", ("test",), md5) for name, md5 in known.test_list),
            PublishedFile(f"{known.base_folder}/{known.meta['filename']}", md5=known.meta["md5"]),
        ]

    def downloads(self) -> list[Download]:
        """One archive."""
        known = torchvision_class(self.TORCHVISION)
        gives = tuple(file.path for file in self.files())
        return [Download(known.filename, gives, (known.url,), known.tgz_md5, unpack=True)]

    def class_names(self) -> tuple[str, ...]:
        """From the file that holds them."""
        known = torchvision_class(self.TORCHVISION)
        return tuple(read_plain_pickle(self.root / known.base_folder / known.meta["filename"])[known.meta["key"]])

    def read_split(self, split: Split) -> Images:
        """Pixels and labels of all batches."""
        batches = [read_plain_pickle(self.root / file.path) for file in self.files() if file.splits == (split,)]
        pixels = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)
        labels = [label for batch in batches for label in batch[self.LABELS]]
        return Images(torch.from_numpy(pixels), torch.tensor(labels))


class Cifar100(Cifar10):
    """CIFAR-100 from ROOT/cifar-100-python, with its 100 fine classes."""

    NAME = "cifar100"
    ABOUT = "CIFAR-100, 50,000 + 10,000 photographs of 100 classes, 32x32 colour"
    TORCHVISION = "CIFAR100"
    LABELS = "fine_labels"


def read_plain_pickle(file: Path) -> Any:
    """What a pickle holds if that is numbers, texts and numpy arrays; unlike `pickle.load` it runs nothing from the file.

    Raises:
        pickle.UnpicklingError: it holds anything else.
    """
    with open(file, "rb") as opened:
        return _PlainUnpickler(opened, encoding="latin1").load()


class _PlainUnpickler(pickle.Unpickler):
    """Knows the functions that numpy's arrays are rebuilt with, under the names that numpy 1 and 2 have for them."""

    def find_class(self, module: str, name: str) -> Any:
        empty = np.empty(0)
        allowed = {
            "multiarray._reconstruct": empty.__reduce__()[0],
            "numeric._frombuffer": empty.__reduce_ex__(5)[0],
            "numpy.ndarray": np.ndarray,
            "numpy.dtype": np.dtype,
            "_codecs.encode": _encode,
        }
        short = module.removeprefix("numpy.core.").removeprefix("numpy._core.")
        if (found := allowed.get(f"{short}.{name}")) is None:
            raise pickle.UnpicklingError(f"it asks to run {module}.{name}, which no data needs")
        return found


def _encode(text: str, encoding: str) -> bytes:
    """How Python 2's byte strings are written by Python 3."""
    return text.encode(encoding)
