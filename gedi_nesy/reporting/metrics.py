"""metrics.jsonl: one line for each logged step and each epoch, append-only, readable while the run goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import finite, write_atomic, write_failed

if TYPE_CHECKING:
    from ..engine.diagnosis import Diagnosis
    from ..engine.run import Run


class MetricsLog:
    """Appends to a run's metrics file; on resumption, lines after the checkpoint are cut off first."""

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        self.cut(step)

    def cut(self, step: int) -> None:
        """Drop lines of steps after this one, and a last line that a kill has left unfinished."""
        kept = [line for line in read_metrics(self.path) if line["step"] <= step]
        write_atomic(self.path, "".join(json.dumps(line) + "\n" for line in kept).encode())

    def step(self, run: Run, terms: dict[str, float]) -> None:
        """The terms of a step, every `training.log_every` steps."""
        if run.step % run.config.training.log_every:
            return
        epoch = run.step / run.steps_per_epoch
        rate = run.optimizer.param_groups[0]["lr"]
        self._append({"step": run.step, "epoch": round(epoch, 4), "terms": terms, "learning_rate": rate})

    def epoch(self, run: Run, terms: dict[str, float], diagnosis: Diagnosis) -> None:
        """An epoch's mean terms and the model's health."""
        line = {
            "step": run.step,
            "epoch": run.epoch,
            "epoch_terms": terms,
            "diagnosis": diagnosis.plain(),
            "seconds": run.seconds,
        }
        self._append(line)

    def numbers(self, run: Run, numbers: dict[str, float]) -> None:
        """What evaluators found on the way, as `evaluator.number`."""
        self._append({"step": run.step, "epoch": run.epoch, "numbers": numbers})

    def _append(self, line: dict[str, Any]) -> None:
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(finite(line)) + "\n")
        except OSError as error:
            raise write_failed(self.path, error) from error


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """All whole lines of a metrics file; none if there is no file."""
    if not path.exists():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue  # the line being written when the process was killed
        if isinstance(line, dict) and "step" in line:
            lines.append(line)
    return lines
