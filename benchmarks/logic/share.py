"""Which share of a training step a constraint takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from gedi_nesy.config.loader import load_tree
from gedi_nesy.config.validate import validate
from gedi_nesy.data.dataset import to_unit_range
from gedi_nesy.engine.build import build_run
from gedi_nesy.engine.run import Run
from gedi_nesy.engine.run_folder import RunFolder
from gedi_nesy.plugin_manager import load_plugins
from gedi_nesy.types import Batch, MethodOutput

ROOT = Path(__file__).parents[2]
CONFIGS = ["mnist_addition", "two_digit_addition", "parity", "sudoku", "sorting", "shortest_path"]


def print_shares(configs: list[str], device: str, repeats: int) -> None:
    """The table: milliseconds of a step (medians), of its constraint forward and backward, and the share's spread."""
    print(
        f"\n{'config':<22}{'examples':>9}{'images':>8}{'step ms':>10}{'constraint ms':>15}{'share':>8}{'min':>8}{'max':>8}"
    )
    plugins = load_plugins()
    for name in configs:
        tree = load_tree(str(ROOT / "configs" / f"{name}.yaml"), [f"device={device}"])
        run = build_run(validate(tree, plugins), plugins, RunFolder(ROOT / "runs" / "never_written"))
        step, constraint, images = _parts(run)
        pairs = [(_seconds(step, run), _seconds(constraint, run)) for _ in range(repeats + 1)][1:]
        shares = sorted(part / whole for whole, part in pairs)
        whole, part = (statistics.median(times) * 1e3 for times in zip(*pairs, strict=True))
        spread = "".join(f"{share:>8.1%}" for share in (statistics.median(shares), shares[0], shares[-1]))
        batch = run.config.training.batch_size
        print(f"{name:<22}{batch:>9}{images:>8}{whole:>10.1f}{part:>15.2f}{spread}")


def _parts(run: Run) -> tuple[Callable[[], None], Callable[[], None], int]:
    """The step of the first batch on plain images, what the constraint does in it, and how many images there are."""
    selection = next(run.task.epoch(run.config.training.batch_size, run.generators["order"]))
    images = to_unit_range(run.task.train_pixels[selection.images])
    batch, weights = Batch(torch.stack([images] * run.config.num_views), selection.examples), run.weights()
    active = frozenset(weights)
    with torch.no_grad():
        log_probs = run.method.losses(batch, active).class_log_probs
    assert log_probs is not None
    leaf = log_probs.detach().requires_grad_()

    def step() -> None:
        output = run.method.losses(batch, active)
        terms = output.terms | run.task.losses(output, batch, active)
        run.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack([weights[name] * term for name, term in terms.items()]).sum())
        run.optimizer.step()

    def constraint() -> None:
        leaf.grad = None
        torch.autograd.backward(run.task.losses(MethodOutput({}, leaf), batch, active)["nesy"])

    return step, constraint, len(images)


def _seconds(work: Callable[[], None], run: Run) -> float:
    _synchronize(run)
    start = time.perf_counter()
    for _ in range(5):
        work()
    _synchronize(run)
    return (time.perf_counter() - start) / 5


def _synchronize(run: Run) -> None:
    if run.device.type == "cuda":
        torch.cuda.synchronize()
