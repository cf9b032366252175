"""A fingerprint changes with whatever training sees, and with nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gedi_nesy import ImageDataset
from gedi_nesy.data.dataset import Images, fingerprint
from gedi_nesy.data.table import Table


def pictures(count=20):
    pixels = torch.randint(0, 256, (count, 1, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return Images(pixels, torch.arange(count) % 3)


def dataset(**changes):
    table = Table("/here/train.csv", (2, 3), {"A": ((0,), (1,))}, {"total": ("1", "2")})
    return replace(ImageDataset(pictures(), pictures(5), ("a", "b", "c"), table, table), **changes)


def test_the_same_data_have_the_same_fingerprint_wherever_they_lie():
    moved = replace(dataset().train_table, file="/there/train.csv")
    assert fingerprint(dataset()) == fingerprint(dataset(train_table=moved, test=pictures(4)))


@pytest.mark.parametrize(
    "changes",
    [
        {"train": pictures(19)},
        {"train": Images(pictures().pixels.flip(0), pictures().labels)},
        {"train": Images(pictures().pixels, pictures().labels.flip(0))},
        {"classes": ("a", "c", "b")},
        {"train_table": None},
        {"train_table": replace(dataset().train_table, values={"total": ("1", "3")})},
    ],
)
def test_what_training_sees_changes_it(changes):
    assert fingerprint(dataset(**changes)) != fingerprint(dataset())


def test_many_images_are_looked_at_here_and_there():
    many = pictures(5000)
    changed = many.pixels.clone()
    changed[-1] += 1
    one, other = (fingerprint(dataset(train=Images(pixels, many.labels))) for pixels in (many.pixels, changed))
    assert one != other


def test_points_are_the_same_but_for_their_last_digits():
    points = Images(torch.full((4, 2, 1, 1), 0.25), torch.zeros(4, dtype=torch.long))
    nearly = Images(points.pixels + 1e-7, points.labels)
    other = Images(points.pixels + 0.01, points.labels)
    of = [fingerprint(dataset(train=each)) for each in (points, nearly, other)]
    assert of[0] == of[1] != of[2]
