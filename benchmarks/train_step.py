"""Images per second of a training step, beside what one would take instead: `python benchmarks/train_step.py`.

    simclr, barlow_twins   our engine's step against lightly's CIFAR-10 recipe (ResNet-18 with the CIFAR stem): both start from
                           uint8 images, ours on the device, theirs in the workers of a DataLoader
    gedi                   our engine's step against a loop written as JEM's: same network (GEDI's table 8; ours does a
                           convolution and the average after it as one, theirs layer by layer), same number of sampler steps,
                           same batch; `gedi, sampler alone` leaves out all but the chains' moves

All end with moved weights and run under the backend flags that our engine trains with (cudnn.benchmark, TF32). Besides the
images' way, ours has channels_last and, on a GPU, a fused optimiser. The routes of a method take turns in one process, so that a
busy machine slows them alike; a turn is some steps, timed by the clock, after the theirs' workers have been emptied of what they
made in the meantime. An image counts once, however many views are made of it. Arithmetic is that of the products and convolutions
of a step, counted by torch's FlopCounterMode; the peak is given by --peak, or measured by a large matrix product in the same
precision.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
import torchvision
from steps import jem_loop, lightly_recipe, ours
from steps.table8 import Table8
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from gedi_nesy.engine.arithmetic import for_training, mixed_precision
from gedi_nesy.models.mode import evaluating, frozen
from gedi_nesy.models.precision import tf32
from gedi_nesy.samplers import sgld

METHODS = ("simclr", "barlow_twins", "gedi")
HEADER = ("route", "images/s: min", "median", "max", "ms/step", "x theirs", "GFLOP/step", "TFLOP/s", "of peak")
FORM = "  {:<10}{:>14}{:>10}{:>10}{:>10}{:>10}{:>12}{:>9}{:>9}"


@dataclass
class Route:
    """One way to take a step; `prepare` comes before each turn, untimed."""

    step: Callable[[], Any]
    images: int
    prepare: Callable[[], Any] = lambda: None
    flops: int = 0
    rates: list[float] = field(default_factory=list)


def main() -> None:
    """Measure and print."""
    options = _options()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    peak = options.peak * 1e12 if options.peak else _measured_peak(options)
    _print_machine(options, peak)
    for method in options.methods:
        for title, routes in (_gedi(options) if method == "gedi" else _against_lightly(method, options)).items():
            _measure(routes, options)
            _print_table(title, routes, peak)


def _against_lightly(method: str, options: argparse.Namespace) -> dict[str, dict[str, Route]]:
    run = ours.make_run(method, options)
    network = _plain(ours.network_of(run))
    theirs = lightly_recipe.Recipe(method, network, options)
    routes = {
        "ours": Route(ours.make_step(run), options.batch),
        "lightly" if lightly_recipe.HAS_LIGHTLY else "its recipe": Route(theirs.step, options.batch, theirs.drain),
    }
    return {f"{method}, ResNet-18, batch {options.batch}": routes}


def _gedi(options: argparse.Namespace) -> dict[str, dict[str, Route]]:
    run = ours.make_run("gedi", options)
    network = Table8(options.channels, options.width).to(options.device)
    network.load_state_dict(ours.network_of(run).state_dict())
    theirs = jem_loop.JemLoop(network, options.width, options)
    batch = options.gedi_batch
    title = f"table 8 at width {options.width}, batch {batch}, {options.sampler_steps} sampler steps"
    start = theirs.buffer[:batch].to(options.device)
    return {
        f"gedi, {title}": {
            "ours": Route(ours.make_step(run), batch),
            "jem loop": Route(theirs.step, batch, theirs.drain),
        },
        f"gedi, sampler alone, {title}": {
            "ours": Route(_our_sampler(run, start), batch),
            "jem loop": Route(lambda: theirs._samples(batch), batch),
        },
    }


def _our_sampler(run: Any, start: Tensor) -> Callable[[], Tensor]:
    def move() -> Tensor:
        method = run.method
        with for_training(run), mixed_precision(run), evaluating(method), frozen(method):
            return sgld.sample(method.log_density, start, method.options.sgld, method.generator)

    return move


def _plain(network: nn.Module) -> nn.Module:
    """A copy in torch's own layout of memory, not compiled."""
    return deepcopy(network).to(memory_format=torch.contiguous_format)


def _measure(routes: dict[str, Route], options: argparse.Namespace) -> None:
    torch.backends.cudnn.benchmark = True
    with tf32(True):
        _take_turns(routes, options)


def _take_turns(routes: dict[str, Route], options: argparse.Namespace) -> None:
    for route in routes.values():
        route.flops = _flops(route.step)  # warms up, too
        for _ in range(options.warmup):
            route.step()
    for _ in range(options.turns):
        for route in routes.values():
            route.prepare()
            _wait(options.device)
            start = time.perf_counter()
            for _ in range(options.steps):
                route.step()
            _wait(options.device)
            route.rates.append(route.images * options.steps / (time.perf_counter() - start))


class _NoModules(nullcontext[None]):
    """Stands in for the tracker of modules, whose hooks refuse a sampler's gradient with respect to images alone."""

    parents = frozenset({"Global"})


def _flops(step: Callable[[], Any]) -> int:
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = _NoModules()
    with counter:
        step()
    return int(counter.get_total_flops())


def _print_table(title: str, routes: dict[str, Route], peak: float) -> None:
    print(f"\n{title}\n" + FORM.format(*HEADER))
    reference = statistics.median(list(routes.values())[-1].rates)
    for name, route in routes.items():
        median = statistics.median(route.rates)
        speed = route.flops * median / route.images
        figures = [f"{rate:,.1f}" for rate in (min(route.rates), median, max(route.rates))]
        print(
            FORM.format(
                name, *figures, f"{1e3 * route.images / median:,.1f}", f"{median / reference:.2f}",
                f"{route.flops / 1e9:,.1f}", f"{speed / 1e12:,.3f}", f"{speed / peak:.1%}",
            ),
            flush=True,
        )  # fmt: skip


def _measured_peak(options: argparse.Namespace) -> float:
    """Arithmetic per second of a large square product; with float32 on a GPU in TF32, as training uses it by default."""
    size = 8192 if options.device == "cuda" else 2048
    matrix = torch.rand(size, size, device=options.device)
    if options.precision == "bf16":
        matrix = matrix.bfloat16()
    with tf32(True):
        times = []
        for _ in range(6):
            _wait(options.device)
            start = time.perf_counter()
            matrix @ matrix
            _wait(options.device)
            times.append(time.perf_counter() - start)
    return float(2 * size**3 / min(times[1:]))


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _print_machine(options: argparse.Namespace, peak: float) -> None:
    device = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    peer = (
        "lightly's parts" if lightly_recipe.HAS_LIGHTLY else "lightly is missing: its recipe from torchvision's parts"
    )
    print(
        f"python {platform.python_version()}, torch {torch.__version__}, torchvision {torchvision.__version__}, {peer},"
        f" {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, threads {options.threads}, workers {options.workers},"
        f" device {device}, {options.precision}{', ours compiled' if options.compile else ''},"
        f" {options.turns} turns of {options.steps} steps, peak {peak / 1e12:,.2f} TFLOP/s"
        f" {'(given)' if options.peak else '(measured by a matrix product)'}",
        flush=True,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Images per second of a training step, beside lightly and JEM.")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--batch", type=int, default=256, help="images a step of simclr and barlow_twins")
    parser.add_argument("--gedi-batch", type=int, default=64, help="images and chains a step of gedi")
    parser.add_argument("--width", type=int, default=128, help="of gedi's network")
    parser.add_argument("--sampler-steps", type=int, default=20)
    parser.add_argument(
        "--channels", type=int, choices=[1, 3], default=3, help="of gedi's images; the others are in colour"
    )
    parser.add_argument("--side", type=int, default=32, help="height and width of the images")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument(
        "--steps",
        type=int,
        help="steps of a turn; 1 on a CPU by default; on a GPU 4 for each worker, which keeps 2 batches ready",
    )
    parser.add_argument(
        "--warmup", type=int, help="untimed steps after the first one; 0 on a CPU, 5 on a GPU by default"
    )
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32", help="of all routes")
    parser.add_argument("--compile", action="store_true", help="compile the backbone of ours")
    parser.add_argument("--peak", type=float, help="the card's TFLOP/s in this precision")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="of each DataLoader")
    options = parser.parse_args()
    on_gpu = options.device == "cuda"
    options.steps = options.steps or (4 * options.workers if on_gpu else 1)
    options.warmup = (5 if on_gpu else 0) if options.warmup is None else options.warmup
    return options


if __name__ == "__main__":
    main()
