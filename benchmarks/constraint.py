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
from gedi_nesy_plugins.backends.deepproblog import build_constraint as build_reference
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


@dataclass(frozen=True, eq=False)
class Route:
    """One way to a loss: `passes` forward and backward passes from `leaf` make one measurement."""

    name: str
    leaf: Tensor
    loss: Callable[[Tensor], Tensor]
    passes: int


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
            f"{'route':<13}{'batch':>6}{'min':>12}{'median':>12}{'max ex/s':>12}{'x literal':>12}{'x DeepProbLog':>15}"
        )
        slow = build_reference(program, template, DIGITS) if "deepproblog" in options.backends else None
        for batch in options.batch:
            _print_rates(_measure(_routes(case, circuit, slow, batch, options), options.repeats))


def _routes(
    case: Case, circuit: Constraint, slow: Constraint | None, batch: int, options: argparse.Namespace
) -> list[Route]:
    """What to measure at a batch size."""
    log_probs, answer = _inputs(circuit, batch, options.device)
    is_sum = _sum_table(case.num_sums).to(options.device)
    circuit = circuit.to(options.device)
    passes = max(1, 20_000 // batch)  # enough work for the clock
    routes = [
        Route("circuit", log_probs.clone().requires_grad_(), lambda leaf: circuit.loss(leaf, answer), passes),
        Route(
            "literal", log_probs.exp().requires_grad_(), lambda leaf: -case.literal(leaf, answer, is_sum).mean(), passes
        ),
    ]
    if slow is not None:
        few, few_answer = _inputs(slow, options.deepproblog_batch, "cpu")
        routes.append(Route("deepproblog", few.requires_grad_(), lambda leaf: slow.loss(leaf, few_answer), 1))
    return [route for route in routes if route.name in options.backends]


def _measure(routes: list[Route], repeats: int) -> dict[Route, list[float]]:
    """Examples per second of each route; all take a turn in each round, and the first round warms up."""
    rates: dict[Route, list[float]] = {route: [] for route in routes}
    for repeat in range(repeats + 1):
        for route in routes:
            rate = _rate(route)
            if repeat:
                rates[route].append(rate)
    return rates


def _rate(route: Route) -> float:
    """Examples per second of the route's forward and backward passes."""
    _synchronize(route.leaf)
    start = time.perf_counter()
    for _ in range(route.passes):
        route.leaf.grad = None
        route.loss(route.leaf).backward()
    _synchronize(route.leaf)
    return len(route.leaf) * route.passes / (time.perf_counter() - start)


def _synchronize(tensor: Tensor) -> None:
    if tensor.is_cuda:
        torch.cuda.synchronize()


def _inputs(constraint: Constraint, batch: int, device: str) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(batch, len(constraint.slots), DIGITS, generator=generator)
    answer = torch.randint(len(constraint.answers), (batch,), generator=generator)
    return logits.log_softmax(2).to(device), answer.to(device)


def _sum_table(num_sums: int) -> Tensor:
    """(100, sums): 1 where the pair of digits has the sum."""
    totals = torch.arange(DIGITS)[:, None] + torch.arange(DIGITS)
    return (totals.flatten()[:, None] == torch.arange(num_sums)).float()


def _print_rates(rates: dict[Route, list[float]]) -> None:
    medians = {route.name: statistics.median(values) for route, values in rates.items()}
    for route, values in rates.items():
        spread = "".join(
            f"{value:>12,.{0 if value >= 100 else 1}f}" for value in (min(values), medians[route.name], max(values))
        )
        ratios = [
            medians[route.name] / medians[other] if other in medians else None for other in ("literal", "deepproblog")
        ]
        literal, deepproblog = ("-" if ratio is None else f"{ratio:,.{2 if ratio < 100 else 0}f}" for ratio in ratios)
        print(f"{route.name:<13}{len(route.leaf):>6}{spread}{literal:>12}{deepproblog:>15}")


def _print_machine(options: argparse.Namespace) -> None:
    device = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    print(
        f"python {platform.python_version()}, torch {torch.__version__}, {os.cpu_count()} CPUs,"
        f" load {os.getloadavg()[0]:.1f}, threads {options.threads}, device {device}, {options.repeats} repeats"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Examples per second of a constraint, forward and backward.")
    parser.add_argument("--batch", type=int, nargs="+", default=[60, 1024])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--deepproblog-batch", type=int, default=4)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
