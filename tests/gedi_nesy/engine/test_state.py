"""A run's state: what is written while it works, and what is read when the writer is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from gedi_nesy.engine.run_folder import RunFolder
from gedi_nesy.engine.state import State, _process_started, standing, working
from gedi_nesy.errors import DataError, DivergenceError


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def test_running_then_finished(folder: RunFolder) -> None:
    with working(folder):
        assert standing(folder).state is State.running
        folder.results.write_text("{}")
        assert standing(folder).state is State.running, "an evaluation again is under way"
    assert standing(folder) == standing(folder).__class__(State.finished)


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (DivergenceError("inv is nan"), State.diverged, "inv is nan"),
        (DataError("no file"), State.failed, "DataError: no file"),
        (KeyboardInterrupt(), State.killed, "stopped by hand"),
    ],
)
def test_how_it_ended_is_kept(folder: RunFolder, error: BaseException, state: State, reason: str) -> None:
    with pytest.raises(type(error)), working(folder):
        raise error
    assert (standing(folder).state, standing(folder).reason) == (state, reason)


def test_a_process_that_is_gone_was_killed(folder: RunFolder) -> None:
    code = (
        "import os, pathlib, signal, sys; from gedi_nesy.engine.run_folder import RunFolder; "
        "from gedi_nesy.engine.state import working; work = working(RunFolder(pathlib.Path(sys.argv[1]))); "
        "work.__enter__(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(folder.path)], check=False)
    assert standing(folder).state is State.killed and "is gone" in standing(folder).reason
    assert standing(folder).text == f"killed: {standing(folder).reason}"
    folder.results.write_text("{}")
    assert standing(folder).state is State.finished, "results are written as a whole"


def change(folder: RunFolder, **values: Any) -> None:
    folder.state.write_text(json.dumps(json.loads(folder.state.read_text()) | values))


def test_a_process_number_given_to_another_is_no_sign_of_life(folder: RunFolder) -> None:
    work = working(folder)
    work.__enter__()
    assert standing(folder).state is State.running
    change(folder, process_started="1")
    assert standing(folder).state is State.killed
    change(folder, host="another")
    assert standing(folder).state is State.running, "another machine's processes cannot be asked"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": "asleep"}', '{"state": "running", "process": "x"}'])
def test_a_damaged_state_file_counts_as_none(folder: RunFolder, text: str) -> None:
    folder.state.write_text(text)
    if "running" not in text:
        assert standing(folder).state is State.killed
    folder.results.write_text("{}")
    assert standing(folder).state in (State.finished, State.running)


def test_a_number_that_no_process_can_have_is_no_sign_of_life(folder: RunFolder) -> None:
    with working(folder):
        change(folder, process=10**30)
        assert standing(folder).state is State.killed


def test_a_process_is_not_signalled_to_see_whether_it_is_there(folder: RunFolder, monkeypatch: Any) -> None:
    """On Windows signal 0 is that of Ctrl+C."""
    signalled: list[int] = []
    monkeypatch.setattr(os, "kill", lambda process, signal: signalled.append(process))
    with working(folder):
        for there in (True, False):
            monkeypatch.setattr(psutil, "pid_exists", lambda process, there=there: there)
            assert standing(folder).state is (State.running if there else State.killed)
    assert not signalled


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_process_that_waits_to_be_reaped_is_gone(folder: RunFolder) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with working(folder):
        change(folder, process=child.pid, process_started=_process_started(child.pid))
        assert standing(folder).state is State.running
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert standing(folder).state is State.killed
    child.communicate()
