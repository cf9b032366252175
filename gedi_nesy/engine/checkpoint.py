"""Save and load everything that a resumed run needs to end with the same numbers.

One safetensors file holds the tensors (weights, replay buffer, optimiser, generators) and, as JSON in its header, the rest;
a .sha256 stands beside it. Loading executes nothing from the file. The last two and the best are kept.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ..errors import RunError
from ..files import write_atomic
from .run import Run

SUFFIX = ".safetensors"
KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """What a file held: tensors by name, and plain values."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


def save(run: Run, monitored: float | None) -> Path:
    """Write a checkpoint of the run as it is now; keep the newest two, and the one with the lowest monitored value as best."""
    run.folder.checkpoints.mkdir(parents=True, exist_ok=True)
    best = run.extra.get("best_monitored")
    is_best = monitored is not None and (best is None or monitored <= best)
    if is_best:
        run.extra["best_monitored"] = monitored
    run.plugins.hook.checkpoint_saving(run=run, extra=run.extra)
    path = run.folder.checkpoints / f"step-{run.attempt:02d}-{run.step:09d}{SUFFIX}"
    data = safetensors.torch.save(_tensors(run), {"values": json.dumps(_values(run))})
    _write(path, data)
    if is_best:
        _write(run.folder.checkpoints / f"best{SUFFIX}", data)
    for old in _newest_first(run.folder.checkpoints)[KEPT:]:
        _checksum(old).unlink(missing_ok=True)
        old.unlink(missing_ok=True)
    return path


def restore_latest(run: Run) -> list[str]:
    """Put the run into the state of its newest sound checkpoint; gives a line for each damaged one that was passed over.

    A run without any checkpoint stays in its initial state.

    Raises:
        RunError: there are checkpoints, and all of them are damaged.
    """
    complaints: list[str] = []
    candidates = _newest_first(run.folder.checkpoints)
    for path in candidates:
        try:
            restore(run, read(path))
        except RunError as error:
            complaints.append(str(error))
        else:
            return complaints
    if candidates:
        raise RunError(
            "\n".join(
                [*complaints, f"no sound checkpoint is left in {run.folder.checkpoints}: start again without --resume"]
            )
        )
    return complaints


def read(path: Path) -> Checkpoint:
    """A checkpoint file, verified; RunError when it is missing or damaged."""
    try:
        data = path.read_bytes()
        expected = _checksum(path).read_text().strip()
    except OSError as error:
        raise RunError(f"checkpoint {path} cannot be read: {error.strerror}") from None
    if hashlib.sha256(data).hexdigest() != expected:
        raise RunError(f"checkpoint {path} is damaged: its SHA-256 differs from the one beside it")
    try:
        length = int.from_bytes(data[:8], "little")
        values = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["values"])
        return Checkpoint(safetensors.torch.load(data), values)
    except (ValueError, KeyError, safetensors.SafetensorError) as error:
        raise RunError(f"checkpoint {path} is no checkpoint of this program: {error}") from None


def newest(folder: Path) -> Path | None:
    """The newest checkpoint file of a folder, sound or not."""
    return next(iter(_newest_first(folder)), None)


def restore(run: Run, checkpoint: Checkpoint) -> None:
    """Put the run into the state of a checkpoint."""
    _load_weights(run, checkpoint)
    _restore_optimizer(run.optimizer, checkpoint)
    for name, generator in run.generators.items():
        generator.set_state(checkpoint.tensors[f"generator/{name}"])
    torch.set_rng_state(checkpoint.tensors["generator/torch"])
    values = checkpoint.values
    run.epoch, run.step, run.seconds = values["epoch"], values["step"], values["seconds"]
    run.attempt, run.rate_factor, run.notes, run.extra = (
        values[name] for name in ("attempt", "rate_factor", "notes", "extra")
    )


def _tensors(run: Run) -> dict[str, Tensor]:
    tensors = {f"method/{name}": tensor for name, tensor in run.method.state_dict().items()}
    for index, state in run.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": torch.as_tensor(value) for name, value in state.items()}
    tensors |= {f"generator/{name}": generator.get_state() for name, generator in run.generators.items()}
    tensors["generator/torch"] = torch.get_rng_state()
    # safetensors wants plain memory; clones also keep tensors apart that share it.
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}


def _values(run: Run) -> dict[str, Any]:
    return {
        "epoch": run.epoch,
        "step": run.step,
        "seconds": run.seconds,
        "attempt": run.attempt,
        "rate_factor": run.rate_factor,
        "notes": run.notes,
        "extra": run.extra,
    }


def _load_weights(run: Run, checkpoint: Checkpoint) -> None:
    state = {
        name.removeprefix("method/"): tensor
        for name, tensor in checkpoint.tensors.items()
        if name.startswith("method/")
    }
    try:
        run.method.load_state_dict(state)
    except RuntimeError as error:
        raise RunError(f"the checkpoint does not fit the configured network: {' '.join(str(error).split())}") from None


def _restore_optimizer(optimizer: torch.optim.Optimizer, checkpoint: Checkpoint) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in checkpoint.tensors.items():
        if name.startswith("optimizer/"):
            _, index, key = name.split("/")
            state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _write(path: Path, data: bytes) -> None:
    # The checksum goes last: a checkpoint without one is an unfinished checkpoint.
    _checksum(path).unlink(missing_ok=True)
    write_atomic(path, data)
    write_atomic(_checksum(path), (hashlib.sha256(data).hexdigest() + "\n").encode())


def _checksum(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"step-*{SUFFIX}"), reverse=True)
