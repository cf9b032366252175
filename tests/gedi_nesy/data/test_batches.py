"""Whole batches in a random order."""

from __future__ import annotations

import pytest
import torch

from gedi_nesy import DataError
from gedi_nesy.data.batches import batches, num_batches


def test_batches_are_whole_and_their_images_distinct():
    made = list(batches(10, 4, torch.Generator().manual_seed(0), torch.device("cpu")))
    assert [len(rows) for rows in made] == [4, 4] == [4] * num_batches(10, 4)
    assert len(torch.cat(made).unique()) == 8


def test_too_large_a_batch_is_refused():
    with pytest.raises(DataError, match="batch_size is 11 and there are 10") as error:
        num_batches(10, 11)
    assert error.value.key == "training.batch_size"
