"""Scalars and images for TensorBoard, beside the display and the report.

    gedi-nesy train mnist_addition --tensorboard
    tensorboard --logdir runs

Needs the extra `tensorboard`. Files go to tensorboard/ in the run folder; nothing there is read again by gedi-nesy.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from gedi_nesy import ConfigError, Options, hookimpl
from gedi_nesy.watchers import Watcher

if TYPE_CHECKING:
    from gedi_nesy.engine.run import Run


class TensorBoard(Watcher):
    """Terms of each logged step and their means over epochs; at the end the numbers, samples and pictures of evaluators.

    A resumed run goes on where its last checkpoint was; what an interrupted one wrote beyond that is purged.
    """

    class Options(Options):
        images: bool = True
        """Samples and what evaluators show, too."""

    options: Options

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise ConfigError(
                f"the watcher tensorboard needs the package tensorboard ({error}): pip install 'gedi-nesy[tensorboard]', "
                "or train without it",
                key="watchers",
            ) from None
        self._open: Any = SummaryWriter
        self._writer: Any = None

    @hookimpl
    def run_started(self, run: Run) -> None:
        """Begin a file of events."""
        purged = run.step + 1 if run.step else None
        self._writer = self._open(str(run.folder.path / "tensorboard"), purge_step=purged)

    @hookimpl
    def step_finished(self, run: Run, step: int, terms: dict[str, float]) -> None:
        """As often as metrics.jsonl has a line."""
        if step % run.config.training.log_every == 0:
            self._scalars("step", terms | {"learning_rate": run.optimizer.param_groups[0]["lr"]}, step)

    @hookimpl
    def epoch_finished(self, run: Run, terms: dict[str, float]) -> None:
        """Means of the terms, over the steps so far so that they line up with single steps."""
        self._scalars("epoch", terms, run.step)
        self._writer.flush()

    @hookimpl
    def evaluated_on_the_way(self, run: Run, numbers: dict[str, float]) -> None:
        """Where the numbers at the end go too, so that they make curves."""
        for name, value in numbers.items():
            self._scalars(name.partition(".")[0], {name.partition(".")[2]: value}, run.step)

    @hookimpl
    def run_finished(self, run: Run, results: dict[str, Any]) -> None:
        """The numbers, by evaluator, and pictures."""
        for evaluator, numbers in results["numbers"].items():
            self._scalars(evaluator, numbers, run.step)
        if self.options.images:
            pictures = sorted([*run.folder.samples.glob("*.png"), *run.folder.figures.glob("*.png")])
            for path in pictures:
                self._writer.add_image(f"{path.parent.name}/{path.stem}", _pixels(path), run.step, dataformats="HWC")
        self._writer.close()

    @hookimpl
    def run_failed(self) -> None:
        """Keep what was written."""
        if self._writer is not None:
            self._writer.close()

    def _scalars(self, group: str, values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(f"{group}/{name}", value, step)


def _pixels(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))
