"""SVHN: digits of house numbers, 32x32 colour."""

from __future__ import annotations

import torch

from gedi_nesy.data.dataset import Images
from gedi_nesy.data.published import Download, PublishedDataset, PublishedFile, Split, torchvision_class


class Svhn(PublishedDataset):
    """SVHN, cropped digits, from ROOT/train_32x32.mat and ROOT/test_32x32.mat, read by torchvision; without the "extra" images."""

    NAME = "svhn"
    ABOUT = "SVHN, 73,257 + 26,032 digits of house numbers, 32x32 colour"

    def files(self) -> list[PublishedFile]:
        """One of each split."""
        lists = torchvision_class("SVHN").split_list
        return [PublishedFile(lists[split][1], (split,), lists[split][2]) for split in ("train", "test")]

    def downloads(self) -> list[Download]:
        """The files as they are."""
        lists = torchvision_class("SVHN").split_list
        return [Download(name, (name,), (url,), md5) for url, name, md5 in (lists["train"], lists["test"])]

    def class_names(self) -> tuple[str, ...]:
        """The digits."""
        return tuple(map(str, range(10)))

    def read_split(self, split: Split) -> Images:
        """Pixels and labels; the files write 0 as 10."""
        published = torchvision_class("SVHN")
        # The files are checked already, or shall not be.
        unchecked = {name: [*entry[:2], None] for name, entry in published.split_list.items()}
        read = type("Svhn", (published,), {"split_list": unchecked})(str(self.root), split=split)
        return Images(torch.from_numpy(read.data).contiguous(), torch.from_numpy(read.labels))
