"""Batch norm over processes against torch's own on the whole batch."""

from __future__ import annotations

import torch
from split_batches import normalised
from torch import nn
from two_processes import both

from gedi_nesy.models.batch_norm import synchronise_batch_norm


def test_unequal_parts_give_outputs_gradients_and_statistics_of_the_whole_batch(tmp_path):
    outcomes = both(tmp_path, normalised)
    assert [outcome.exit_code for outcome in outcomes] == [0, 0], outcomes
    whole = normalised()
    for outcome in outcomes:
        assert outcome.result.keys() == whole.keys()
        for key, value in whole.items():
            torch.testing.assert_close(outcome.result[key], value, msg=lambda text, key=key: f"{key}: {text}")


def test_one_process_keeps_torch_s_own_layer():
    layers = nn.Sequential(nn.BatchNorm1d(2))
    synchronise_batch_norm(layers)
    assert type(layers[0]) is nn.BatchNorm1d
