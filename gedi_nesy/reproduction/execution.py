"""Carry out the runs of a plan: those that are missing or half done, several at once, here or on a cluster."""

from __future__ import annotations

import json
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..config.writing import to_yaml
from ..engine.run_folder import RunFolder
from ..engine.state import Standing, State, standing
from ..errors import GediNesyError, UserError
from ..files import write_atomic
from .job import Job

# A run in one of these is not started again: its numbers are there, will be, or cannot be had.
SETTLED = (State.finished, State.diverged, State.running)


@dataclass(frozen=True)
class Outcome:
    """How one run ended here; a reason when it did not finish."""

    job: Job
    state: State
    reason: str = ""
    seconds: float = 0.0


Work = Callable[[Job, Path, int | None, int | None], Outcome]


def stand_of(job: Job, runs: Path) -> Standing | None:
    """Where a run stands; None if it has not been started."""
    folder = job.folder(runs)
    return standing(folder) if folder.config.is_file() else None


def is_open(job: Job, runs: Path) -> bool:
    """Whether there is something left to do for a run: to train it, or to evaluate it with what another table did not ask for."""
    stand = stand_of(job, runs)
    if stand is not None and stand.state is State.finished:
        return bool(to_evaluate(job, runs))
    return stand is None or stand.state not in SETTLED


def to_evaluate(job: Job, runs: Path) -> list[dict[str, Any]]:
    """The evaluators of a job that the results of its run were not made with, or with other options.

    The config does not tell: it has them as soon as an evaluation begins.
    """
    wanted: list[dict[str, Any]] = json.loads(job.evaluators)
    results = job.folder(runs).results
    if not results.is_file():
        return wanted
    try:
        known = list(json.loads(results.read_text(encoding="utf-8")).get("evaluators") or [])
    except (OSError, ValueError, AttributeError, TypeError):
        return []  # whoever reads the numbers says what is damaged
    return [evaluator for evaluator in wanted if evaluator not in known]


def carry_out(job: Job, runs: Path, threads: int | None = None, parent: int | None = None) -> Outcome:
    """Train and evaluate a run, from its last checkpoint if it has been started; whatever goes wrong is in the outcome.

    Args:
        threads: of this process; torch's own choice by default.
        parent: the process whose end this one must not outlive.
    """
    import torch  # slow to import

    if parent is not None and parent != os.getpid():
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if threads is not None:
        torch.set_num_threads(threads)
    started = time.perf_counter()
    try:
        _train(job, runs)
    except GediNesyError as error:
        stand = stand_of(job, runs)
        state = stand.state if stand and stand.state is State.diverged else State.failed
        return Outcome(job, state, str(error), time.perf_counter() - started)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(last.filename).name}:{last.lineno}"
        return Outcome(job, State.failed, f"{type(error).__name__}: {error} ({where})", time.perf_counter() - started)
    return Outcome(job, State.finished, "", time.perf_counter() - started)


def threads_each(workers: int) -> int | None:
    """This machine's share of cores for each of several workers, no more than OMP_NUM_THREADS; torch's own choice for one."""
    if workers == 1:
        return None
    from joblib import cpu_count

    allowed = os.environ.get("OMP_NUM_THREADS", "")
    share: int = max(1, cpu_count() // workers)
    return min(share, int(allowed)) if allowed.isdigit() and int(allowed) else share


def carry_out_all(
    jobs: Sequence[Job], runs: Path, workers: int, threads: int | None, work: Work = carry_out
) -> Iterator[Outcome]:
    """Outcomes as they come, from processes of this machine.

    A process that is killed (out of memory, say) takes all processes with it. The runs that were under way go on alone, one after
    the other, so that only the one whose process is killed again is given up.
    """
    if workers == 1:
        yield from (work(job, runs, threads, None) for job in jobs)
        return
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    left, suspects = list(jobs), list[Job]()
    while left:
        try:
            for outcome in _in_parallel(left, runs, min(workers, len(left)), threads, work):
                left.remove(outcome.job)
                yield outcome
        except TerminatedWorkerError:
            cut_off = [job for job in left if (stand := stand_of(job, runs)) and stand.state is State.killed]
            suspects += cut_off or left
            left = [job for job in left if job not in suspects]
    for job in suspects:
        try:
            yield from _in_parallel([job], runs, 1, threads, work)
        except TerminatedWorkerError:
            yield Outcome(job, State.killed, "its process was killed (out of memory?)")


def carry_out_on_cluster(jobs: Sequence[Job], runs: Path, workers: int, options: dict[str, Any]) -> Iterator[Outcome]:
    """Outcomes in the order of the jobs, from a cluster's queue through submitit.

    Args:
        workers: jobs at once.
        options: submitit's parameters, such as slurm_partition, cpus_per_task or timeout_min, and `cluster` itself.

    Raises:
        UserError: submitit is not installed, or it refuses an option.
    """
    try:
        import submitit
    except ImportError:
        raise UserError(
            'the engine submitit is not installed: pip install "gedi-nesy[cluster]", or leave --engine out'
        ) from None
    options = dict(options)
    try:
        executor = submitit.AutoExecutor(folder=str(runs / ".cluster"), cluster=options.pop("cluster", None))
        parallel = {} if executor.cluster in ("local", "debug") else {f"{executor.cluster}_array_parallelism": workers}
        executor.update_parameters(**parallel, **options)
    except (NameError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"submitit refuses its options: {error}") from None
    with executor.batch():
        queued = [executor.submit(carry_out, job, runs.resolve()) for job in jobs]
    for job, task in zip(jobs, queued, strict=True):
        try:
            yield task.result()
        except Exception as error:
            yield Outcome(job, State.failed, f"the cluster's job {task.job_id} failed: {error}")


def _in_parallel(jobs: Sequence[Job], runs: Path, workers: int, threads: int | None, work: Work) -> Iterator[Outcome]:
    from joblib import Parallel, delayed, parallel_config

    # With one worker joblib would not leave this process. With more dispatched than there are workers an interrupt shows its traceback.
    with parallel_config("loky", n_jobs=max(2, workers), inner_max_num_threads=threads):
        parallel = Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch="n_jobs")
        yield from parallel(delayed(work)(job, runs, threads, os.getpid()) for job in jobs)


def _train(job: Job, runs: Path) -> None:
    from ..config.loader import load_tree, locating
    from ..config.validate import validate
    from ..engine.complete import complete
    from ..engine.start import start
    from ..plugin_manager import load_plugins

    folder = job.folder(runs)
    begun = folder.config.is_file()
    if begun:
        load_tree(str(folder.config))  # says what is damaged
        _add_evaluators(folder, to_evaluate(job, runs))
    # A run that has been started goes on with its own config: it may have been started for another table.
    tree = load_tree(str(folder.config)) if begun else load_tree(job.config, job.all_overrides())
    plugins = load_plugins()
    checked = validate(tree, plugins)
    with locating(tree):
        run = start(
            checked,
            plugins,
            runs=runs,
            run_id=job.run_id,
            resume=begun,
            folder=folder if begun else None,
            command=["gedi-nesy", "train", job.config, *job.all_overrides(), "--run-id", job.run_id],
        )
    complete(run, _Silent())


def _add_evaluators(folder: RunFolder, wanted: list[dict[str, Any]]) -> None:
    """Write evaluators into the config of a run that has been started, in the place of those of the same name."""
    if not wanted:
        return
    text = folder.config.read_text(encoding="utf-8")
    config = yaml.safe_load(text)
    names = {evaluator["name"] for evaluator in wanted}
    config["evaluators"] = [old for old in config.get("evaluators") or [] if old["name"] not in names] + wanted
    header = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    write_atomic(folder.config, (header + to_yaml(config)).encode())


class _Silent:
    """A display that shows nothing: several runs share the terminal."""

    def step(self, run: object, terms: dict[str, float], images: int) -> None:
        """Nothing is shown."""

    def epoch(self, run: object, terms: dict[str, float], diagnosis: object) -> None:
        """Nothing is shown."""

    def note(self, text: str) -> None:
        """The run's results have it too."""


def _end_with(parent: int) -> None:
    """End this process when its parent is gone, so that nobody trains unseen what the next call would train again."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
