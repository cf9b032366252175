"""What torchrun's variables mean."""

from __future__ import annotations

import pytest

from gedi_nesy.cli import processes
from gedi_nesy.launch import is_launched, local_processes, local_rank

TORCHRUN = {"WORLD_SIZE": "4", "RANK": "3", "MASTER_ADDR": "localhost", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in TORCHRUN:
        monkeypatch.delenv(name, raising=False)


def test_torchrun_says_who_is_who_on_this_machine(monkeypatch):
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    assert is_launched() and (local_rank(), local_processes()) == (1, 2)


@pytest.mark.parametrize("missing", ["WORLD_SIZE", "RANK", "MASTER_ADDR"])
def test_without_one_of_the_variables_there_is_one_process(monkeypatch, missing):
    """Other schedulers set some of them for purposes of their own."""
    for name, value in TORCHRUN.items():
        if name != missing:
            monkeypatch.setenv(name, value)
    assert not is_launched() and (local_rank(), local_processes()) == (0, 1)
    processes.join_processes()
    assert processes.is_first_to_fail()
