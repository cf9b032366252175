"""scikit-learn's digits: small, real, and there already."""

from __future__ import annotations

import torch

from gedi_nesy import DatasetReader, ImageDataset
from gedi_nesy.data.dataset import Images

NUM_TEST = 360
SPLIT_SEED = 2_026


class Digits(DatasetReader):
    """1,797 digits of 8x8 pixels with 17 grey values, 1,437 to train and 360 to test, the same split for every run.

    Source: Alpaydin and Kaynak 1998, the test part of "Optical Recognition of Handwritten Digits", as scikit-learn has it.
    """

    ABOUT = "1,437 + 360 digits from the package scikit-learn, 8x8 grey; no files needed"

    def read(self) -> ImageDataset:
        """Grey values of 0 to 16 become 0 to 255."""
        from sklearn.datasets import load_digits  # slow to import

        found = load_digits()
        pixels = (torch.from_numpy(found.images) * 255 / 16).round().to(torch.uint8)[:, None]
        labels = torch.from_numpy(found.target).long()
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(SPLIT_SEED))
        train, test = (Images(pixels[rows], labels[rows]) for rows in (order[NUM_TEST:], order[:NUM_TEST]))
        return ImageDataset(train, test, tuple(map(str, range(10))))
