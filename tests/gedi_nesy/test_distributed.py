"""What processes ask each other; that methods train alike in one and in two is tested with every method."""

from __future__ import annotations

import math

import pytest
import torch
from split_batches import collectives, refusals
from two_processes import both

from gedi_nesy import distributed


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    found = both(tmp_path_factory.mktemp("two"), collectives)
    assert [outcome.exit_code for outcome in found] == [0, 0], found
    return [outcome.result for outcome in found]


def test_the_whole_batch_has_the_rows_of_all_in_the_order_of_processes(outcomes):
    for outcome in outcomes:
        assert outcome["whole"].tolist() == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    assert outcomes[0]["own"].tolist() == [[0, 1], [2, 3]]
    assert outcomes[1]["own"].tolist() == [[4, 5], [6, 7], [8, 9]]


def test_what_flows_back_is_the_sum_of_all_losses(outcomes):
    """Losses sum w^2 in the first and 2 sum w^2 in the second process: 6 w."""
    assert torch.equal(outcomes[0]["gradient"], 6 * outcomes[0]["own"])
    assert torch.equal(outcomes[1]["gradient"], 6 * outcomes[1]["own"])


def test_gradients_are_averaged_and_one_that_a_process_lacks_counts_as_zero(outcomes):
    for outcome in outcomes:
        assert outcome["averaged"].tolist() == [[0.5, 0.5], [0.5, 0.5]]
        assert outcome["third"]


def test_all_decide_by_the_same_numbers(outcomes):
    for outcome in outcomes:
        mean, broken = outcome["mean"].tolist()
        assert mean == 0.5 and math.isnan(broken)
        assert outcome["anywhere"].tolist() == [True, False]
        assert outcome["main"] == 5 and outcome["buffer"] == 0


def test_one_process_says_what_went_wrong(outcomes):
    assert sorted(outcome["failures"].item() for outcome in outcomes) == [False, True]


@pytest.mark.skipif(torch.cuda.is_available(), reason="counts the GPUs of this machine")
def test_what_cannot_be_shared_names_the_key_and_the_way_out(tmp_path):
    outcome = both(tmp_path, refusals)[0]
    assert outcome.exit_code == 0, outcome.err
    assert outcome.result["share"] == (
        "method.chains: method.chains is 5, which 2 processes cannot share evenly: make it a multiple of 2"
    )
    assert outcome.result["part"].startswith(
        "training.batch_size: a step of 5 examples cannot be cut into 2 equal parts"
    )
    assert outcome.result["gpu"].startswith(
        "device: torchrun has started 2 processes on this machine, which has 0 CUDA devices"
    )
    assert "is a single GPU, and torchrun has started several processes: use device=cuda" in outcome.result["one gpu"]
    assert outcome.result["batch norm"].startswith("backbone.name: 0 is a _OwnKind, whose statistics")


def test_a_single_process_gets_everything_back():
    rows = torch.rand(3, 2)
    assert distributed.whole_batch(rows) is rows and distributed.own_rows(rows, 3) is rows
    assert distributed.share(5, "method.chains") == 5
    assert distributed.is_main() and distributed.from_main(rows) is rows
    assert distributed.joined(rows) is rows and torch.equal(distributed.own_part(rows), rows)
