"""MNIST and the sets in its format: idx files of 28x28 grey images, unpacked or gzipped."""

from __future__ import annotations

import gzip
import math
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from gedi_nesy.data.dataset import Images
from gedi_nesy.data.published import Download, PublishedDataset, PublishedFile, Split, torchvision_class

NOT_MNIST = "https://github.com/davidflanagan/notMNIST-to-MNIST/raw/master"
UINT8 = 8  # the code of the type in an idx file's header


class Mnist(PublishedDataset):
    """MNIST from ROOT/MNIST/raw. File names and checksums are torchvision's."""

    NAME = "mnist"
    ABOUT = "MNIST, 60,000 + 10,000 digits, 28x28 grey"
    FOLDER: ClassVar[str] = "MNIST/raw"
    TORCHVISION: ClassVar[str] = "MNIST"

    def files(self) -> list[PublishedFile]:
        """Images and labels of each split; the published checksums are those of the gzipped files."""
        found = []
        for archive, md5 in torchvision_class(self.TORCHVISION).resources:
            split: Split = "train" if archive.startswith("train") else "test"
            unpacked = f"{self.FOLDER}/{archive.removesuffix('.gz')}"
            is_packed = not (self.root / unpacked).is_file() and (self.root / self.FOLDER / archive).is_file()
            found.append(
                PublishedFile(
                    f"{self.FOLDER}/{archive}" if is_packed else unpacked, (split,), md5 if is_packed else None
                )
            )
        return found

    def downloads(self) -> list[Download]:
        """Each file by itself, gzipped."""
        published = torchvision_class(self.TORCHVISION)
        return [
            Download(
                archive,
                gives=(f"{self.FOLDER}/{archive.removesuffix('.gz')}",),
                urls=tuple(mirror + archive for mirror in published.mirrors),
                md5=md5,
                folder=self.FOLDER,
                unpack=True,
            )
            for archive, md5 in published.resources
        ]

    def class_names(self) -> tuple[str, ...]:
        """The digits."""
        return tuple(str(digit) for digit in range(10))

    def read_split(self, split: Split) -> Images:
        """Pixels and labels."""
        images, labels = (self.root / file.path for file in self.files() if split in file.splits)
        return Images(read_idx(images, axes=3)[:, None], read_idx(labels, axes=1).long())


class FashionMnist(Mnist):
    """FashionMNIST from ROOT/FashionMNIST/raw."""

    NAME = "fashion_mnist"
    ABOUT = "FashionMNIST, 60,000 + 10,000 pieces of clothing, 28x28 grey"
    FOLDER = "FashionMNIST/raw"
    TORCHVISION = "FashionMNIST"

    def class_names(self) -> tuple[str, ...]:
        """Kinds of clothing."""
        return tuple(torchvision_class(self.TORCHVISION).classes)


class Kmnist(FashionMnist):
    """Kuzushiji-MNIST from ROOT/KMNIST/raw."""

    NAME = "kmnist"
    ABOUT = "Kuzushiji-MNIST, 60,000 + 10,000 cursive Japanese characters, 28x28 grey"
    FOLDER = "KMNIST/raw"
    TORCHVISION = "KMNIST"


class NotMnist(Mnist):
    """notMNIST, letters A to J in many typefaces, from ROOT/notMNIST/MNIST/raw.

    Bulatov's letters as packed into MNIST's file format by D. Flanagan (github.com/davidflanagan/notMNIST-to-MNIST), who
    publishes no checksums.
    """

    NAME = "notmnist"
    ABOUT = "notMNIST, 60,000 + 10,000 letters A to J, 28x28 grey"
    FOLDER = "notMNIST/MNIST/raw"

    def files(self) -> list[PublishedFile]:
        """MNIST's names, without MNIST's checksums."""
        return [PublishedFile(file.path, file.splits) for file in super().files()]

    def downloads(self) -> list[Download]:
        """From that repository."""
        return [replace(download, urls=(f"{NOT_MNIST}/{download.name}",), md5=None) for download in super().downloads()]

    def class_names(self) -> tuple[str, ...]:
        """The letters."""
        return tuple("ABCDEFGHIJ")


def read_idx(file: Path, axes: int) -> Tensor:
    """The uint8 array of an idx file with so many axes, gzipped if its name ends in .gz.

    Raises:
        ValueError: it is none, or longer or shorter than its header says.
    """
    data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    header = bytes([0, 0, UINT8, axes])
    if not data.startswith(header):
        raise ValueError(
            f"{file.name} begins with {data[:4].hex(' ') or 'nothing'}, not with {header.hex(' ')} as an idx file"
        )
    start = 4 + 4 * axes
    shape = [int(size) for size in np.frombuffer(data[4:start], ">u4")]
    if len(data) - start != math.prod(shape):
        raise ValueError(f"{file.name} says {' x '.join(map(str, shape))} bytes and has {len(data) - start}")
    return torch.frombuffer(bytearray(data), dtype=torch.uint8, offset=start).view(shape)
