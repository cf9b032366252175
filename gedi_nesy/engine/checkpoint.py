"""Save and load everything that a resumed run needs to end with the same numbers.

Of several processes the main one writes. What each has a part of (replay buffers, random states) is joined along the first axis, so
that a single process can evaluate the run; to go on with it takes as many processes as before.

One safetensors file holds the tensors (weights, replay buffer, optimiser, generators) and, as JSON in its header, the rest;
a .sha256 stands beside it. Loading executes nothing from the file. The last two and the best are kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ..distributed import from_main, is_anywhere, is_main, joined, own_names, own_part, rank
from ..errors import DivergenceError, RunError
from ..files import write_atomic
from .run import Run
from .run_folder import RunFolder

SUFFIX = ".safetensors"
PATTERN = f"step-*{SUFFIX}"
KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """What a file held: tensors by name, and plain values."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with a prefix, by the rest of their names."""
        named = self.tensors.items()
        return {name.removeprefix(prefix): tensor for name, tensor in named if name.startswith(prefix)}


def save(run: Run, monitored: float | None) -> Path:
    """Write a checkpoint of the run as it is now; keep the newest two and the one with the lowest monitored value.

    Every process calls this.

    Raises:
        DivergenceError: a weight is not finite: such a state is not worth keeping, the one before is.
    """
    bad = [name for name, tensor in run.method.state_dict().items() if not torch.isfinite(tensor).all()]
    if is_anywhere(bool(bad)):
        what = f"the weights {bad[0]}" if bad else "another process's weights"
        raise DivergenceError(f"training diverged at step {run.step}: {what} are not finite")
    folder = run.folder.checkpoints
    path = folder / f"step-{run.attempt:02d}-{run.step:09d}{SUFFIX}"
    best = run.extra.get("best")
    if monitored is not None and (best is None or monitored <= best["monitored"]):
        run.extra["best"] = {"file": path.name, "monitored": monitored}
    tensors = _tensors(run)
    if not is_main():
        return path
    run.plugins.hook.checkpoint_saving(run=run, extra=run.extra)
    folder.mkdir(parents=True, exist_ok=True)
    for file, data in encoded(path, Checkpoint(tensors, _values(run))).items():
        write_atomic(file, data)
    kept = {*_newest_first(folder)[:KEPT], folder / run.extra.get("best", {"file": path.name})["file"]}
    for old in set(_newest_first(folder)) - kept:
        old.unlink(missing_ok=True)
        _checksum(old).unlink(missing_ok=True)
    return path


def encoded(path: Path, checkpoint: Checkpoint) -> dict[Path, bytes]:
    """The files of a checkpoint, in the order in which to write them.

    The checksum goes last: a checkpoint without a matching one is an unfinished checkpoint.
    """
    data = safetensors.torch.save(checkpoint.tensors, {"values": json.dumps(checkpoint.values)})
    return {path: data, _checksum(path): (hashlib.sha256(data).hexdigest() + "\n").encode()}


def sweep(run: Run) -> None:
    """Remove what a killed save has left; for whoever takes the run over, since a living process may be saving."""
    for unfinished in run.folder.checkpoints.glob(".*.tmp"):
        unfinished.unlink(missing_ok=True)


def forget_best(run: Run) -> None:
    """Nothing so far counts as best: another attempt begins."""
    run.extra.pop("best", None)


def best(folder: RunFolder) -> Path:
    """The file of the best checkpoint, as the newest sound one knows it; RunError when there is none."""
    for path in _newest_first(folder.checkpoints):
        try:
            known = read(path).values["extra"].get("best")
        except RunError:
            continue
        if known:
            return folder.checkpoints / str(known["file"])
        break
    raise RunError(f"{folder.path} has no best checkpoint: no term with a known minimum was trained from the start")


def restore_latest(run: Run, how: Callable[[Run, Checkpoint], None] | None = None) -> list[str]:
    """Put the run into the state of its newest sound checkpoint; gives a line for each damaged one that was passed over.

    A run without any checkpoint stays in its initial state. Of several processes the main one chooses, since a folder on another
    machine may look different to each.

    Raises:
        RunError: there are checkpoints, and all of them are damaged; or this process cannot restore the one that was chosen.
    """
    use = partial(how or restore, run)
    name, complaints = from_main(newest_sound(run.folder, use) if is_main() else (None, []))
    if name is not None and not is_main():
        try:
            use(read(run.folder.checkpoints / name))
        except RunError as error:
            raise RunError(
                f"{error}. The main process goes on from it, process {rank()} cannot: all need the same folder of runs"
            ) from None
    return complaints


def newest_sound(folder: RunFolder, use: Callable[[Checkpoint], None]) -> tuple[str | None, list[str]]:
    """Use the newest checkpoint that is sound, which is one that `use` takes without a RunError.

    Returns:
        The name of its file, None if there is no checkpoint at all; and a line for each damaged one that was passed over.

    Raises:
        RunError: there are checkpoints, and all of them are damaged.
    """
    complaints: list[str] = []
    candidates = _newest_first(folder.checkpoints)
    for path in candidates:
        try:
            use(read(path))
        except RunError as error:
            complaints.append(str(error))
        else:
            return path.name, complaints
    if candidates:
        raise RunError(
            "\n".join([*complaints, f"no sound checkpoint is left in {folder.checkpoints}: train the run anew"])
        )
    return None, complaints


def read(path: Path) -> Checkpoint:
    """A checkpoint file, verified; RunError when it is missing or damaged."""
    try:
        data = path.read_bytes()
        expected = _checksum(path).read_bytes().strip()
    except OSError as error:
        raise RunError(f"checkpoint {path} cannot be read: {error.strerror}") from None
    if hashlib.sha256(data).hexdigest().encode() != expected:
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


def epoch_of(path: Path) -> int:
    """After which epoch a checkpoint was saved, without reading its tensors; 0 if its header is damaged."""
    try:
        with open(path, "rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return int(json.loads(header["__metadata__"]["values"])["epoch"])
    except (OSError, ValueError, KeyError, TypeError, MemoryError, OverflowError):
        return 0


def restore(run: Run, checkpoint: Checkpoint) -> None:
    """Put the run into the state of a checkpoint; RunError when it is another network's.

    On another kind of device than the one it was saved on, the generators keep their fresh state and a note says so: the
    run goes on soundly, with other random numbers than an uninterrupted one.
    """
    restore_weights(run, checkpoint)
    values = checkpoint.values
    try:
        _restore_optimizer(run.optimizer, checkpoint)
        run.attempt, run.rate_factor = values["attempt"], values["rate_factor"]
        if values["device"] == run.device.type:
            _restore_generators(run, checkpoint)
        else:
            run.notes.append(f"moved from {values['device']} to {run.device.type} at step {run.step}")
    except (KeyError, ValueError) as error:
        raise from_another_version(error) from None


def restore_weights(run: Run, checkpoint: Checkpoint) -> None:
    """Load what the method needs to be used, its weights and buffers, and what results say about the training."""
    load_state(run.method, checkpoint.under("method/"))
    load_state(run.task.trained, checkpoint.under("task/"))
    if run.average is not None:
        try:
            run.average.load(checkpoint.under("average/"))
        except KeyError as error:
            raise _misfit(error) from None
    values = checkpoint.values
    try:
        run.epoch, run.step, run.seconds, run.images = (values[name] for name in ("epoch", "step", "seconds", "images"))
        run.notes, run.extra = values["notes"], values["extra"]
    except KeyError as error:
        raise from_another_version(error) from None


def load_state(module: nn.Module, state: dict[str, Tensor]) -> None:
    """Put a saved state into a module, of joined tensors this process's part; RunError when it does not fit."""
    own = own_names(module)
    try:
        module.load_state_dict({name: own_part(value) if name in own else value for name, value in state.items()})
    except RuntimeError as error:
        raise _misfit(error) from None


def evaluated_weights(checkpoint: Checkpoint, part: str = "") -> dict[str, Tensor]:
    """The method's state as it is evaluated, with averaged weights where the run kept an average; or that of a part ("backbone.")."""
    return checkpoint.under(f"method/{part}") | checkpoint.under(f"average/{part}")


def _misfit(error: Exception) -> RunError:
    return RunError(f"the checkpoint does not fit the configured network: {' '.join(str(error).split())}")


def from_another_version(error: Exception) -> RunError:
    return RunError(f"the checkpoint lacks {error}: another version of gedi-nesy wrote it")


def _tensors(run: Run) -> dict[str, Tensor]:
    tensors = {f"method/{name}": tensor for name, tensor in run.method.state_dict().items()}
    tensors |= {f"task/{name}": tensor for name, tensor in run.task.trained.state_dict().items()}
    if run.average is not None:
        tensors |= {f"average/{name}": tensor for name, tensor in run.average.tensors.items()}
    for index, state in run.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": torch.as_tensor(value) for name, value in state.items()}
    tensors |= {f"generator/{name}": generator.get_state() for name, generator in run.generators.items()}
    tensors["generator/torch"] = torch.get_rng_state()
    if run.device.type == "cuda":
        tensors["generator/cuda"] = torch.cuda.get_rng_state(run.device)
    own = {f"method/{name}" for name in own_names(run.method)}
    # safetensors wants plain memory; clones also keep tensors apart that share it.
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    return {
        name: joined(value) if name in own or name.startswith("generator/") else value for name, value in plain.items()
    }


def _values(run: Run) -> dict[str, Any]:
    return {
        "device": run.device.type,
        "shape": run.task.dataset.shape,
        "num_classes": run.task.num_classes,
        "epoch": run.epoch,
        "step": run.step,
        "seconds": run.seconds,
        "images": run.images,
        "attempt": run.attempt,
        "rate_factor": run.rate_factor,
        "notes": run.notes,
        "extra": run.extra,
    }


def _restore_optimizer(optimizer: torch.optim.Optimizer, checkpoint: Checkpoint) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in checkpoint.tensors.items():
        if name.startswith("optimizer/"):
            _, index, key = name.split("/")
            state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    # Checkpoints hold plain memory; fused optimisers want moments laid out as the weights are, channels last on a GPU.
    for parameter, moments in optimizer.state.items():
        laid_out = {name: value for name, value in moments.items() if value.shape == parameter.shape}
        moments.update({name: torch.empty_like(parameter).copy_(value) for name, value in laid_out.items()})


def _restore_generators(run: Run, checkpoint: Checkpoint) -> None:
    for name, generator in run.generators.items():
        generator.set_state(own_part(checkpoint.tensors[f"generator/{name}"]))
    torch.set_rng_state(own_part(checkpoint.tensors["generator/torch"]))
    if run.device.type == "cuda":
        torch.cuda.set_rng_state(own_part(checkpoint.tensors["generator/cuda"]), run.device)


def _checksum(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob(PATTERN), reverse=True)
