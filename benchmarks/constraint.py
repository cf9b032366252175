"""Examples per second, forward and backward, of a constraint alone: `python benchmarks/constraint.py`.

Three routes to the same loss, in one process, measured in turns so that a busy machine slows all of them alike:

    circuit      our compiled circuit
    literal      the formula that a person would write for this one program: outer product, matrix product, log
    deepproblog  DeepProbLog's exact engine with its cache warm, one query an example; it has no batches, so it is
                 measured on a few examples and its rate holds for any number of them

Circuit and DeepProbLog start from class log-probabilities, the literal formula from class probabilities; all end with
the gradient of the mean of -log p(query) with respect to their input.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gedi_nesy.logic.circuit_constraint import build_constraint
from gedi_nesy.logic.constraint import Constraint
from gedi_nesy.logic.program import load_program
from gedi_nesy.logic.query import QueryTemplate

PROGRAMS = Path(__file__).parents[1] / "programs"
DIGITS = 10
BACKENDS = ("circuit", "literal", "deepproblog")


@dataclass(frozen=True)
class Case:
    """A program, its query, and the same thing as a formula of class probabilities (examples, slots, classes)."""

    name: str
    file: str
    query: str
    roles: dict[str, str]
    literal: Callable[[Tensor, Tensor, Tensor], Tensor]
    num_sums: int


def _literal_triple(probs: Tensor, answer: Tensor, is_sum: Tensor) -> Tensor:
    pairs = (probs[:, 0, :, None] * probs[:, 1, None, :]).flatten(1)
    return ((pairs @ is_sum) * probs[:, 2]).sum(1).log()


def _literal_addition(probs: Tensor, answer: Tensor, is_sum: Tensor) -> Tensor:
    pairs = (probs[:, 0, :, None] * probs[:, 1, None, :]).flatten(1)
    return (pairs @ is_sum).gather(1, answer[:, None]).squeeze(1).log()


CASES = (
    Case("sum triple", "mnist_addition.pl", "sum_holds(A,B,C)", dict.fromkeys("ABC", "image"), _literal_triple, 10),
    Case(
        "addition with label", "addition_with_label.pl", "addition(A,B,T)", {"A": "image", "B": "image", "T": "label"},
        _literal_addition, 19,
    ),
)  # fmt: skip


def main() -> None:
    """Measure and print."""
    options = _options()
    torch.set_num_threads(options.threads)
    _print_machine(options)
    for case in CASES:
        program, template = load_program(PROGRAMS / case.file), QueryTemplate.parse(case.query, case.roles)
        start = time.perf_counter()
        circuit = build_constraint(program, template, DIGITS)
        print(
            f"\n{case.name}: {circuit.circuit.num_nodes} nodes, {circuit.circuit.num_edges} edges,"
            f" {len(circuit.answers)} answers, ready in {time.perf_counter() - start:.2f} s"
        )
        print(
            f"{'route':<13}{'batch':>6}{'min':>12}{'median':>12}{'max':>12}"
            f"   ex/s {'x literal':>11}{'x deepproblog':>15}"
        )
        slow = _deepproblog(case, options) if "deepproblog" in options.backends else None
        for batch in options.batch:
            _print_rows(_measure_batch(case, circuit, batch, options), slow, batch)
        if slow:
            _print_rows({"deepproblog": slow}, slow, options.deepproblog_batch)


def _measure_batch(case: Case, circuit: Constraint, batch: int, options: argparse.Namespace) -> dict[str, list[float]]:
    """Rates of the batched routes, measured in turns."""
    log_probs, answer = _inputs(case, circuit, batch, options.device)
    probs = log_probs.exp()
    is_sum = _sum_table(case.num_sums).to(options.device)
    circuit = circuit.to(options.device)
    losses = {
        "circuit": lambda leaf: circuit.loss(leaf, answer),
        "literal": lambda leaf: -case.literal(leaf, answer, is_sum).mean(),
    }
    leaves = {"circuit": log_probs.requires_grad_(), "literal": probs.requires_grad_()}
    chosen = [route for route in losses if route in options.backends]
    rates: dict[str, list[float]] = {route: [] for route in chosen}
    inner = max(1, 20_000 // batch)  # enough work for the clock
    for repeat in range(options.repeats + 1):
        for route in chosen:
            rate = _rate(losses[route], leaves[route], batch, inner)
            if repeat:  # the first round warms up
                rates[route].append(rate)
    return rates


def _deepproblog(case: Case, options: argparse.Namespace) -> list[float]:
    """DeepProbLog's rates, its cache warm."""
    from gedi_nesy_plugins.backends import deepproblog

    constraint = deepproblog.build_constraint(
        load_program(PROGRAMS / case.file), QueryTemplate.parse(case.query, case.roles), DIGITS
    )
    log_probs, answer = _inputs(case, constraint, options.deepproblog_batch, "cpu")
    leaf = log_probs.requires_grad_()
    rates = [
        _rate(lambda leaf: constraint.loss(leaf, answer), leaf, len(leaf), 1)
        for _ in range(options.deepproblog_repeats + 1)
    ]
    return rates[1:]


def _rate(loss: Callable[[Tensor], Tensor], leaf: Tensor, batch: int, inner: int) -> float:
    """Examples per second of `inner` forward and backward passes."""
    _synchronize(leaf)
    start = time.perf_counter()
    for _ in range(inner):
        leaf.grad = None
        loss(leaf).backward()
    _synchronize(leaf)
    return batch * inner / (time.perf_counter() - start)


def _synchronize(tensor: Tensor) -> None:
    if tensor.is_cuda:
        torch.cuda.synchronize()


def _inputs(case: Case, constraint: Constraint, batch: int, device: str) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(batch, len(constraint.slots), DIGITS, generator=generator)
    answer = torch.randint(len(constraint.answers), (batch,), generator=generator)
    return logits.log_softmax(2).to(device), answer.to(device)


def _sum_table(num_sums: int) -> Tensor:
    """(100, sums): 1 where the pair of digits has the sum."""
    totals = torch.arange(DIGITS)[:, None] + torch.arange(DIGITS)
    return (totals.flatten()[:, None] == torch.arange(num_sums)).float()


def _print_rows(rates: dict[str, list[float]], slow: list[float] | None, batch: int) -> None:
    literal = statistics.median(rates["literal"]) if "literal" in rates else None
    for route, values in rates.items():
        median = statistics.median(values)
        against_literal = f"{median / literal:.2f}" if literal else "-"
        against_slow = f"{median / statistics.median(slow):,.0f}" if slow else "-"
        low, high = (f"{value:,.1f}" if value < 100 else f"{value:,.0f}" for value in (min(values), max(values)))
        middle = f"{median:,.1f}" if median < 100 else f"{median:,.0f}"
        print(f"{route:<13}{batch:>6}{low:>12}{middle:>12}{high:>12}        {against_literal:>11}{against_slow:>15}")


def _print_machine(options: argparse.Namespace) -> None:
    device = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    print(
        f"python {platform.python_version()}, torch {torch.__version__}, {os.cpu_count()} CPUs,"
        f" load {os.getloadavg()[0]:.1f}, threads {options.threads}, device {device}, {options.repeats} repeats"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Examples per second of a constraint, forward and backward.")
    parser.add_argument("--batch", type=int, nargs="+", default=[60, 1024])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--deepproblog-batch", type=int, default=4)
    parser.add_argument("--deepproblog-repeats", type=int, default=5)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
