"""Images alone."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.tasks.pretraining import Pretraining

from gedi_nesy import DataError, ImageDataset, TaskContext
from gedi_nesy.data.dataset import Images
from gedi_nesy.registry import Registry


def make(**options):
    images = Images(torch.zeros(10, 1, 2, 2, dtype=torch.uint8), torch.arange(10) % 2)
    dataset = ImageDataset(images, images, ("a", "b"))
    return Pretraining(Pretraining.Options(**options), TaskContext(dataset, Registry(), frozenset(), torch.Generator()))


def test_an_epoch_is_whole_batches_of_distinct_images():
    task = make()
    batches = [selection.images for selection in task.epoch(4, torch.Generator().manual_seed(0))]
    assert [len(batch) for batch in batches] == [4, 4] == [4] * task.num_steps(4)
    assert len(torch.cat(batches).unique()) == 8 and task.num_classes == 2


def test_the_number_of_clusters_is_free_and_too_large_a_batch_is_refused():
    assert make(clusters=7).num_classes == 7
    with pytest.raises(DataError, match="batch_size is 11 and there are 10"):
        make().num_steps(11)


def test_a_config_of_images_alone_trains(tiny_config, cli):
    code, _, err = cli(
        "train",
        tiny_config,
        "--run-id",
        "r",
        "task={name: pretraining}",
        "weights={gen: 1}",
        "evaluators=[classification]",
    )
    assert code == 0, err
