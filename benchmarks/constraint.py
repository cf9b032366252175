"""What a constraint costs, beside its peers: `python benchmarks/constraint.py`.

    circuit           our compiled circuit
    literal           the formula that a person would write for this one program: outer product, matrix product, log
    enumeration       sum over the satisfying worlds
    klay              KLay (PyPI klaycircuits) on PySDD's circuit, on probabilities
    klay-log          the same on log-probabilities
    klay-diagram      KLay on our own diagram, on probabilities; what remains is evaluation alone
    klay-diagram-log  the same on log-probabilities
    deeplog           DeepLog 5 (PyPI pydeeplog with mv-sdd), on probabilities
    deepproblog       DeepProbLog's exact engine with its cache warm, one query an example; it has no batches, so it is
                      measured on a few examples and its rate holds for any number of them

All but DeepProbLog start from one ground program. Each runs in a process of its own and they take turns, so that a busy
machine slows all of them alike and one that does not finish can be ended. A pass is forward and backward, to the gradient
of the mean of -log P(answer) with respect to class log-probabilities, or class probabilities where the route wants those.
Before that, loss and gradient of a few examples are compared. On probabilities, long products underflow: the deviation tells.

The last table says which share of a training step a config's constraint takes.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
from importlib.metadata import PackageNotFoundError, version

import torch
from logic.competitors import BACKENDS, Competitor
from logic.problems import SCALE, SPEED, NotPossible, Problem
from logic.share import CONFIGS, print_shares

HEADER = ("route", "build s", "size", "batch", "min", "median", "max ex/s", "x first", "deviation")
FORM = "  {:<17}{:>8}  {:<28}{:>6}{:>11}{:>11}{:>11}{:>11}{:>11}"


def main() -> None:
    """Measure and print."""
    options = _options()
    torch.set_num_threads(options.threads)
    _print_machine(options)
    for problems, batches in ((SPEED, options.batch), (SCALE, options.scale_batch)):
        for problem in problems:
            if options.only in problem.name:
                _compare(problem, batches, options)
    if options.share:
        print_shares(options.share, options.device, options.repeats)


def _compare(problem: Problem, batches: list[int], options: argparse.Namespace) -> None:
    """Print the table of one problem."""
    print(f"\n{problem.name}: {problem.shape[0]} images of {problem.shape[1]} classes")
    field, missing = _field(problem, options)
    if field:
        print(f"  ground in {field[0].ground_seconds:.2f} s")
    print(FORM.format(*HEADER))
    for batch in batches:
        _measure(field, missing, batch, options.repeats)
        for competitor in field:
            print(_row(competitor, field[0]))
    for backend, reason in missing.items():
        print(f"  {backend:<17}{reason}")
    for competitor in field:
        competitor.stop()


def _field(problem: Problem, options: argparse.Namespace) -> tuple[list[Competitor], dict[str, str]]:
    """Those that can take part, and why the others cannot."""
    field, missing = [], {}
    for backend in options.backends:
        try:
            field.append(Competitor(backend, problem, options))
        except NotPossible as reason:
            missing[backend] = str(reason)
    return field, missing


def _measure(field: list[Competitor], missing: dict[str, str], batch: int, repeats: int) -> None:
    """Let all take turns; who does not finish moves from the field to the missing."""
    for turn in range(repeats + 1):
        for competitor in tuple(field):
            try:
                competitor.take_turn() if turn else competitor.prepare(batch)
            except NotPossible as reason:
                field.remove(competitor)
                missing[competitor.backend] = f"batch of {batch}: {reason}"


def _row(competitor: Competitor, first: Competitor) -> str:
    rates = competitor.rates
    ratio = statistics.median(rates) / statistics.median(first.rates)
    figures = (_figure(value) for value in (min(rates), statistics.median(rates), max(rates)))
    return FORM.format(
        competitor.backend, f"{competitor.build_seconds:.2f}", competitor.size, competitor.examples, *figures,
        f"{ratio:.2g}" if ratio < 0.1 else f"{ratio:.2f}", f"{competitor.deviation(first):.0e}",
    )  # fmt: skip


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _print_machine(options: argparse.Namespace) -> None:
    device = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    print(
        f"python {platform.python_version()}, torch {torch.__version__}, klay {_version('klaycircuits')},"
        f" {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, threads {options.threads}, device {device},"
        f" {options.repeats} turns"
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What a constraint costs, beside its peers.")
    parser.add_argument("--batch", type=int, nargs="+", default=[60, 1024], help="examples at once, two small programs")
    parser.add_argument(
        "--scale-batch", type=int, nargs="+", default=[60], help="examples at once, the larger programs"
    )
    parser.add_argument("--repeats", type=int, default=15, help="turns of each route")
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--only", default="", help="problems whose name has this in it")
    parser.add_argument("--share", nargs="*", default=CONFIGS, help="configs of the last table; none leaves it out")
    parser.add_argument("--limit", type=float, default=60, help="seconds for grounding and building, and for a turn")
    parser.add_argument(
        "--deeplog",
        help="folder with DeepLog, which needs Python 3.12 and an older KLay than the one measured:"
        " pip install --target FOLDER --no-deps pydeeplog mv-sdd 'klaycircuits<0.1' lark",
    )
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
