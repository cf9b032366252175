"""What is said about runs that train: each start once, then how far they are, a line a minute."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import pytest
from rich.console import Console

from gedi_nesy.engine.state import working
from gedi_nesy.reproduction import progress
from gedi_nesy.reproduction.job import Job
from gedi_nesy.reproduction.progress import Shown, Watch, last_epoch

JOB = Job("x.yaml", (), "x", "abc", "[]", 0)


@pytest.fixture
def folder(tmp_path: Path):  # type: ignore[no-untyped-def]
    folder = JOB.folder(tmp_path)
    folder.checkpoints.mkdir(parents=True)
    folder.config.write_text("training: {epochs: 10}")
    return folder


def log(path: Path, epoch: float) -> None:
    with path.open("a") as file:
        file.write(json.dumps({"step": int(10 * epoch), "epoch": epoch}) + "\n")


def test_a_run_is_followed_from_its_start_to_its_end(folder, tmp_path: Path) -> None:
    said: list[str] = []
    now = [0.0]
    watch = Watch({JOB: "Moons, seed 0"}, tmp_path, said.append, lambda: now[0])
    assert watch.look() == [] and said == []
    with working(folder):
        assert watch.look() == ["Moons, seed 0: under way"] and said == ["Moons, seed 0: starts"]
        log(folder.metrics, 2.5)
        now[0] = 50.0
        assert watch.look() == ["Moons, seed 0: epoch 3 of 10, about 2 min 30 s left"]
        watch.say_how_far()
        assert len(said) == 1, "a minute is not over"
        now[0] = 70.0
        watch.say_how_far()
        watch.say_how_far()
        assert said[1:] == ["Moons, seed 0: epoch 3 of 10, about 3 min 30 s left"]
        log(folder.metrics, 10)
        assert watch.look() == ["Moons, seed 0: trained, evaluating"]
    watch.end(JOB)
    assert watch.look() == [] and len(said) == 2


def test_an_attempt_that_was_given_up_is_no_part_of_the_pace(folder, tmp_path: Path) -> None:
    now = [0.0]
    watch = Watch({JOB: "Moons"}, tmp_path, lambda text: None, lambda: now[0])
    with working(folder):
        watch.look()
        for now[0], epoch in ((50.0, 5), (60.0, 0.5), (65.0, 1)):
            log(folder.metrics, epoch)
            lines = watch.look()
    assert lines == ["Moons: epoch 2 of 10, about 1 min 30 s left"], "half an epoch in five seconds"


@pytest.mark.parametrize(
    ("epoch", "words"), [(4, "goes on from epoch 4 of 10"), (10, "is trained and evaluated again")]
)
def test_a_run_goes_on_from_its_last_checkpoint(folder, tmp_path: Path, epoch: int, words: str) -> None:
    log(folder.metrics, 5.2)
    header = json.dumps({"__metadata__": {"values": json.dumps({"epoch": epoch})}}).encode()
    saved = folder.checkpoints / "step-01-000000040.safetensors"
    saved.write_bytes(len(header).to_bytes(8, "little") + header + b"tensors")
    said: list[str] = []
    Watch({JOB: "Moons"}, tmp_path, said.append).end(JOB)
    assert said == [f"Moons: {words}"], "said at the end if the run was over in no time"


def test_a_damaged_checkpoint_is_no_way_on(folder, tmp_path: Path) -> None:
    (folder.checkpoints / "step-01-000000040.safetensors").write_bytes(b"?" * 20)
    said: list[str] = []
    Watch({JOB: "Moons"}, tmp_path, said.append).end(JOB)
    assert said == ["Moons: starts"]


def test_a_terminal_shows_in_place_and_keeps_starts_and_ends(folder, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(progress, "LOOK_EVERY", 0.01)
    text = io.StringIO()
    with working(folder), Shown({JOB: "Moons"}, tmp_path, Console(file=text, force_terminal=True, width=80)) as shown:
        end = time.monotonic() + 5
        while "under way" not in text.getvalue() and time.monotonic() < end:
            time.sleep(0.01)
        shown.end(JOB, "Moons: finished")
    assert "Moons: under way" in text.getvalue() and "under way" not in text.getvalue().partition("finished")[2]


def test_a_line_that_is_being_written_is_passed_over(folder) -> None:
    assert last_epoch(folder) == 0
    log(folder.metrics, 3)
    with folder.metrics.open("a") as file:
        file.write('{"step": 31, "ep')
    assert last_epoch(folder) == 3
