"""A part of the training images in place of the test images: for settings that are chosen, on images that are not the test's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from ..errors import DataError
from .dataset import ImageDataset, Images
from .table import Table

SEED = 0  # the same images whatever the seed of a run, so that runs can be compared


def hold_out(dataset: ImageDataset, share: float) -> ImageDataset:
    """The data set with so much of its training images, drawn at random, in place of its test images.

    Rows of a table of examples stay whole, and go together where they share an image: no image is on both sides.

    Args:
        share: of the images, or of the rows of a table, between 0 and 1.

    Raises:
        DataError: nothing would be left on one side.
    """
    generator = torch.Generator().manual_seed(SEED)
    if dataset.train_table is None:
        order = torch.randperm(len(dataset.train), generator=generator)
        count = _count(share, len(order), "training images")
        return replace(
            dataset,
            train=dataset.train.at(order[count:].sort().values),
            test=dataset.train.at(order[:count].sort().values),
        )
    groups = _connected(dataset.train_table)
    wanted = _count(share, len(dataset.train_table.lines), "rows of the table")
    held_out = list[int]()
    for place in torch.randperm(len(groups), generator=generator).tolist():
        if len(held_out) + len(groups[place]) <= wanted:
            held_out += groups[place]
    if not held_out:
        raise DataError(
            f"validation: {share} cannot be held out: rows of {dataset.train_table.file} that share images belong together, and"
            f" the smallest such group is of {min(map(len, groups))} of {len(dataset.train_table.lines)} rows",
            key="validation",
        )
    rest = sorted(set(range(len(dataset.train_table.lines))) - set(held_out))
    train, test = (_with_rows(dataset, dataset.train_table, rows) for rows in (rest, sorted(held_out)))
    return replace(dataset, train=train[0], train_table=train[1], test=test[0], test_table=test[1])


def _count(share: float, total: int, what: str) -> int:
    count = round(share * total)
    if not 0 < count < total:
        raise DataError(
            f"validation: {share} of {total} {what} leaves {count} to evaluate on and {total - count} to train on",
            key="validation",
        )
    return count


def _connected(table: Table) -> list[list[int]]:
    """Rows in groups that have no image in common."""
    rows_of: dict[int, list[int]] = {}
    images_of = [[image for cells in table.images.values() for image in cells[row]] for row in range(len(table.lines))]
    for row, images in enumerate(images_of):
        for image in images:
            rows_of.setdefault(image, []).append(row)
    groups, seen = list[list[int]](), set[int]()
    for start in range(len(table.lines)):
        group, waiting = list[int](), [start]
        while waiting:
            if (row := waiting.pop()) not in seen:
                seen.add(row)
                group.append(row)
                waiting += [other for image in images_of[row] for other in rows_of[image]]
        groups += [sorted(group)] if group else []
    return groups


def _with_rows(dataset: ImageDataset, table: Table, rows: Sequence[int]) -> tuple[Images, Table]:
    """The images that some rows name, and these rows over them."""
    used = sorted({image for cells in table.images.values() for row in rows for image in cells[row]})
    place = {image: number for number, image in enumerate(used)}
    kept = Table(
        table.file,
        tuple(table.lines[row] for row in rows),
        {
            name: tuple(tuple(place[image] for image in cells[row]) for row in rows)
            for name, cells in table.images.items()
        },
        {name: tuple(values[row] for row in rows) for name, values in table.values.items()},
    )
    return dataset.train.at(torch.tensor(used)), kept
