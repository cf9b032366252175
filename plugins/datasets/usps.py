"""USPS: digits of envelopes, 16x16 grey."""

from __future__ import annotations

import torch

from gedi_nesy.data.dataset import Images
from gedi_nesy.data.published import PublishedDataset, PublishedFile, Split, torchvision_class


class Usps(PublishedDataset):
    """USPS from ROOT/usps.bz2 and ROOT/usps.t.bz2, read by torchvision."""

    NAME = "usps"
    ABOUT = "USPS, 7,291 + 2,007 digits, 16x16 grey"

    def files(self) -> list[PublishedFile]:
        """One of each split."""
        lists = torchvision_class("USPS").split_list
        return [PublishedFile(lists[split][1], (split,), lists[split][2]) for split in ("train", "test")]

    def class_names(self) -> tuple[str, ...]:
        """The digits."""
        return tuple(map(str, range(10)))

    def read_split(self, split: Split) -> Images:
        """Pixels from -1..1 to 0..255, labels from 1..10 to 0..9."""
        read = torchvision_class("USPS")(str(self.root), train=split == "train")
        return Images(torch.from_numpy(read.data)[:, None], torch.tensor(read.targets))
