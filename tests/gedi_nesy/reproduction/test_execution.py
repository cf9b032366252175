"""Runs are carried out once, resumed when half done, several at once, and failures stay with the run that failed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gedi_nesy.engine.state import State, working
from gedi_nesy.errors import UserError
from gedi_nesy.reproduction.execution import (
    Outcome,
    _add_evaluators,
    carry_out,
    carry_out_all,
    carry_out_on_cluster,
    is_open,
    stand_of,
    threads_each,
    to_evaluate,
)
from gedi_nesy.reproduction.job import Job, prepare

RUNS = Path("runs")


@pytest.fixture
def job(tiny_config: Path) -> Job:
    return prepare(str(tiny_config), {"training.epochs": 2}).job(0)


def numbers(job: Job) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = json.loads(job.folder(RUNS).results.read_text())["numbers"]
    return found


def test_a_run_is_open_until_it_is_finished(job: Job) -> None:
    assert stand_of(job, RUNS) is None and is_open(job, RUNS)
    outcome = carry_out(job, RUNS)
    assert (outcome.state, outcome.reason) == (State.finished, "")
    assert not is_open(job, RUNS) and numbers(job)


def test_a_half_done_run_goes_on_and_ends_with_the_same_numbers(
    job: Job, tiny_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert carry_out(job, RUNS).state is State.finished
    whole = numbers(job)
    elsewhere = Path("others")
    monkeypatch.setenv("TINY_STOP_AT", "6")  # in the second epoch of four steps
    with pytest.raises(BaseException) as stopped:
        carry_out(job, elsewhere)
    assert type(stopped.value).__name__ == "Stopped"
    assert is_open(job, elsewhere) and not job.folder(elsewhere).results.exists()
    monkeypatch.delenv("TINY_STOP_AT")
    assert carry_out(job, elsewhere).state is State.finished
    assert json.loads(job.folder(elsewhere).results.read_text())["numbers"] == whole


def test_a_finished_run_is_evaluated_with_what_another_table_asks_for(job: Job, tiny_config: Path) -> None:
    assert carry_out(job, RUNS).state is State.finished
    more = prepare(str(tiny_config), {"training.epochs": 2, "evaluators": [{"name": "knn", "max_neighbours": 3}]}).job(
        0
    )
    assert more.folder(RUNS) == job.folder(RUNS) and is_open(more, RUNS)
    before = max(file.stat().st_mtime_ns for file in job.folder(RUNS).checkpoints.iterdir())
    assert carry_out(more, RUNS).state is State.finished
    assert set(numbers(more)) == {"classification", "constraint", "knn"}
    assert not is_open(more, RUNS) and not is_open(job, RUNS)
    assert max(file.stat().st_mtime_ns for file in job.folder(RUNS).checkpoints.iterdir()) == before, (
        "nothing is trained"
    )


def test_an_evaluation_that_was_killed_is_made_again(job: Job, tiny_config: Path) -> None:
    assert carry_out(job, RUNS).state is State.finished
    folder, changes = job.folder(RUNS), {"training.epochs": 2, "evaluators": [{"name": "knn", "max_neighbours": 3}]}
    more = prepare(str(tiny_config), changes).job(0)
    # A kill leaves the config with the new evaluator, the old results, and a state that says nothing of an end.
    _add_evaluators(folder, to_evaluate(more, RUNS))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    said = json.loads(folder.state.read_text()) | {"state": "running", "process": ended.pid}
    folder.state.write_text(json.dumps(said))
    assert is_open(more, RUNS) and [evaluator["name"] for evaluator in to_evaluate(more, RUNS)] == ["knn"]
    assert carry_out(more, RUNS).state is State.finished
    assert "knn" in numbers(more) and not is_open(more, RUNS)


def test_divergence_is_an_outcome_and_is_not_tried_again(tiny_config: Path) -> None:
    job = prepare(str(tiny_config), {"training.max_term": 1e-9}).job(0)
    outcome = carry_out(job, RUNS)
    assert outcome.state is State.diverged and "training diverged at step 0" in outcome.reason
    assert not is_open(job, RUNS)


def test_a_fault_of_the_user_leaves_the_run_open(job: Job, tiny_config: Path) -> None:
    tiny_config.write_text(tiny_config.read_text().replace("bars", "bras"))
    outcome = carry_out(job, RUNS)
    assert outcome.state is State.failed and 'Did you mean "bars"' in outcome.reason
    assert is_open(job, RUNS)


def test_several_at_once_and_a_killed_process_takes_only_its_own_run(tmp_path: Path) -> None:
    def work(job: Job, runs: Path, threads: int | None, parent: int | None) -> Outcome:
        """Stands for a training; a function in here goes to the other process by value, and nothing heavy is imported there."""
        folder = job.folder(runs)
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.config.touch()
        with working(folder):
            if job.seed == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(0.3)
        folder.results.touch()
        return Outcome(job, State.finished, f"{threads} {parent} {os.environ['OMP_NUM_THREADS']}")

    jobs = [Job("x.yaml", (), "x", "abc", "[]", seed) for seed in range(4)]
    outcomes = {outcome.job.seed: outcome for outcome in carry_out_all(jobs, tmp_path, 2, 3, work)}
    assert {seed: outcome.state for seed, outcome in outcomes.items()} == {
        0: State.finished,
        1: State.killed,
        2: State.finished,
        3: State.finished,
    }
    assert "out of memory?" in outcomes[1].reason and is_open(jobs[1], tmp_path)
    assert outcomes[3].reason == f"3 {os.getpid()} 3"


def test_a_worker_does_not_outlive_who_started_it() -> None:
    code = (
        "import os\n"
        "from gedi_nesy.reproduction.execution import _end_with\n"
        "parent = os.getpid()\n"
        "if os.fork() == 0:\n"
        "    _end_with(parent)\n"
    )
    # The pipes are closed only when the child is gone too.
    parent = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (parent.returncode, parent.stderr) == (0, "")


INTERRUPTED = """
import signal, sys, time
from pathlib import Path
from gedi_nesy.reproduction.execution import Outcome, carry_out_all
from gedi_nesy.reproduction.job import prepare

def work(job, runs, threads, parent):
    Path(runs, str(job.seed)).touch()
    time.sleep(600)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests that run in the background inherit that it is ignored
    prepared = prepare(sys.argv[1], {})
    try:
        list(carry_out_all([prepared.job(seed) for seed in range(12)], Path(sys.argv[2]), 2, 1, work))
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_an_interrupt_ends_all_workers_without_a_traceback(tiny_config: Path, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(INTERRUPTED)
    (tmp_path / "begun").mkdir()
    command = [sys.executable, str(tmp_path / "script.py"), str(tiny_config), str(tmp_path / "begun")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "begun").iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does at Ctrl-C
    out, err = process.communicate(timeout=60)
    assert out == "interrupted\n" and "Traceback" not in err, err


def test_threads_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joblib.cpu_count", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert threads_each(1) is None and threads_each(2) == 4 and threads_each(16) == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert threads_each(2) == 1


def test_a_cluster_needs_its_extra(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "submitit", None)
    with pytest.raises(UserError, match=r"pip install \"gedi-nesy\[cluster\]\""):
        list(carry_out_on_cluster([job], RUNS, 1, {}))
