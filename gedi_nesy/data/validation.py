"""A part of the training images in place of the test images: for settings that are chosen, on images that are not the test's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from ..errors import DataError
from .dataset import ImageDataset, Images
from .table import Table

SEED = 0  # the same images whatever the seed of a run, so that runs can be compared


def hold_out(dataset: ImageDataset, share: float) -> ImageDataset:
    """The data set with so much of its training images, drawn at random, in place of its test images; copied to memory.

    Each class has its share on both sides, as far as whole images allow; images without a class are as one. Rows of a table of
    examples stay whole, and go together where they share an image: no image is on both sides.

    Args:
        share: of the images, or of the rows of a table, between 0 and 1.

    Raises:
        DataError: nothing would be left on one side, or rows hang together so that far fewer than wanted can be held out.
    """
    generator = torch.Generator().manual_seed(SEED)
    dataset = replace(dataset, before=(len(dataset.train), len(dataset.test)))
    if dataset.train_table is not None:
        return _hold_out_rows(dataset, dataset.train_table, share, generator)
    _count(share, len(dataset.train), "training images")
    is_held_out = _of_each_class(dataset.train.labels.cpu(), share, generator)
    return replace(dataset, train=dataset.train.at(~is_held_out), test=dataset.train.at(is_held_out))


def _of_each_class(labels: Int[Tensor, " images"], share: float, generator: torch.Generator) -> Bool[Tensor, " images"]:
    """Every fifth image, say, of all images put class by class: the classes in a random order, and so the images of each."""
    shuffled = torch.randperm(len(labels), generator=generator)
    _, number = torch.unique(labels[shuffled], return_inverse=True)
    place = torch.randperm(int(number.max()) + 1, generator=generator)[number]
    by_class = shuffled[place.argsort(stable=True)]
    passed = (torch.arange(len(labels) + 1, dtype=torch.float64) * share + 0.5).floor()
    return torch.zeros(len(labels), dtype=torch.bool).index_fill(0, by_class[passed.diff() > 0], True)


def _hold_out_rows(dataset: ImageDataset, table: Table, share: float, generator: torch.Generator) -> ImageDataset:
    groups, total = _connected(table), len(table.lines)
    wanted = _count(share, total, "rows of the table")
    held_out = list[int]()
    for place in torch.randperm(len(groups), generator=generator).tolist():
        if len(held_out) + len(groups[place]) <= wanted:
            held_out += groups[place]
    if len(held_out) < wanted / 2:
        raise DataError(
            f"validation: {share} would hold out {len(held_out)} of {total} rows of {table.file}: rows that share images belong together,"
            f" and {max(map(len, groups))} rows do",
            key="validation",
        )
    rest = sorted(set(range(total)) - set(held_out))
    train, test = (_with_rows(dataset, table, rows) for rows in (rest, sorted(held_out)))
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
