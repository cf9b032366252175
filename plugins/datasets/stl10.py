"""STL-10: photographs of ten classes, most of them without a label, 96x96 colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from gedi_nesy.data.dataset import Images
from gedi_nesy.data.published import Download, PublishedDataset, PublishedFile, Split, torchvision_class

SHAPE = (3, 96, 96)


class Stl10(PublishedDataset):
    """STL-10 from ROOT/stl10_binary. File names and checksums are torchvision's; its ten folds are not used.

    The unlabelled images come after the labelled ones and have the label -1: training sees all of them, probes the labelled
    ones only. They take 2.8 GB of memory.
    """

    NAME = "stl10"
    ABOUT = "STL-10, 5,000 + 8,000 photographs of 10 classes and 100,000 unlabelled ones for training, 96x96 colour"

    class Options(PublishedDataset.Options):
        unlabelled: bool = True
        """Whether the training split has the 100,000 unlabelled images too."""

    options: Options

    def files(self) -> list[PublishedFile]:
        """Pixels and labels of each split, and the names of the classes."""
        known = torchvision_class("STL10")
        train = known.train_list if self.options.unlabelled else known.train_list[:2]
        return [
            *(PublishedFile(f"{known.base_folder}/{name}", ("train",), md5) for name, md5 in train),
            *(PublishedFile(f"{known.base_folder}/{name}", ("test",), md5) for name, md5 in known.test_list),
            PublishedFile(f"{known.base_folder}/{known.class_names_file}"),
        ]

    def downloads(self) -> list[Download]:
        """One archive of 2.6 GB."""
        known = torchvision_class("STL10")
        gives = tuple(file.path for file in self.files())
        return [Download(known.filename, gives, (known.url,), known.tgz_md5, unpack=True)]

    def class_names(self) -> tuple[str, ...]:
        """From the file that holds them."""
        known = torchvision_class("STL10")
        return tuple((self.root / known.base_folder / known.class_names_file).read_text().split())

    def read_split(self, split: Split) -> Images:
        """Pixels and labels, 0 to 9; the files count from 1."""
        paths = {file.path.rpartition("/")[2]: self.root / file.path for file in self.files()}
        pixels, labels = self._pixels(paths[f"{split}_X.bin"]), np.fromfile(paths[f"{split}_y.bin"], np.uint8)
        targets = torch.from_numpy(labels.astype(np.int64)) - 1
        if split == "train" and self.options.unlabelled:
            pixels = torch.cat([pixels, self._pixels(paths["unlabeled_X.bin"])])
            targets = torch.cat([targets, targets.new_full((len(pixels) - len(targets),), -1)])
        return Images(pixels.contiguous(), targets)

    def _pixels(self, file: Path) -> torch.Tensor:
        """The images of a file, which writes them column by column; read from disk when they are looked at."""
        columns = np.memmap(file, np.uint8, mode="c").reshape(-1, *SHAPE)
        return torch.from_numpy(columns).transpose(2, 3)
