"""Weights that a training starts with: those of an earlier run, or of a file.

A copy lies in the run's folder, so that the run can go on or begin anew whatever becomes of the place they came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor, nn

from ..config.differences import written
from ..config.loader import load_tree
from ..config.schema import RunConfig, StartFrom
from ..distributed import from_main, is_main, num_processes, own_names
from ..errors import ConfigError, RunError, UserError
from .checkpoint import PATTERN, SUFFIX, Checkpoint, encoded, evaluated_weights, load_state, newest_sound, read
from .run_folder import RunFolder, find

KEY = "start_from.path"
COPY = f"start{SUFFIX}"
SHOWN = 3


@dataclass(frozen=True)
class StartWeights:
    """The state of a part of a network.

    Attributes:
        take: which part it is, backbone or method.
        path: what the config says where they are.
        tensors: by their names in that part.
        origin: where they come from, in words.
        section: what the config of that run says about the part, in a line; empty if that is not known.
    """

    take: str
    path: str
    tensors: dict[str, Tensor]
    origin: str
    section: str = ""

    def note(self, *, frozen: bool) -> str:
        """A line for results and report."""
        return f"the {self.take} {'keeps' if frozen else 'started with'} the weights of {self.origin}"

    def put_into(self, module: nn.Module) -> None:
        """Give a freshly built part these weights; ConfigError says which do not fit."""
        misfits = _misfits(self.tensors, _shapes(module))
        if misfits:
            hint = f" The run's config says {self.take}: {self.section}." if self.section else ""
            message = (
                f"the {self.take} of {self.origin} is another network than the configured one: {'; '.join(misfits)}."
            )
            raise ConfigError(message + hint, key=KEY)
        load_state(module, self.tensors)

    def files(self, folder: RunFolder) -> dict[Path, bytes]:
        """What a run's folder keeps of them."""
        values = {"take": self.take, "path": self.path, "origin": self.origin, "section": self.section}
        return encoded(folder.checkpoints / COPY, Checkpoint(self.tensors, values))


def start_weights(config: RunConfig, *folders: RunFolder) -> StartWeights | None:
    """The weights that a run starts with; None where it starts with drawn ones.

    Args:
        folders: where a copy of them may lie: the run's own, and that of the run whose config this is.

    Raises:
        ConfigError: there are none where the config says.
        RunError: a copy is damaged.
    """
    if config.start_from is None:
        return None
    for folder in folders:
        if kept := _kept(folder, config.start_from):
            return kept
    path, take = Path(config.start_from.path), config.start_from.take
    is_file = path.is_file() or path.suffix == SUFFIX
    return _of_file(path, take) if is_file and not _is_checkpoint(path) else _of_run(path, take, config.method.name)


def _kept(folder: RunFolder, wanted: StartFrom) -> StartWeights | None:
    """A folder's copy, if it is of what is wanted: another place may have been named since."""
    copy = folder.checkpoints / COPY
    if not copy.is_file():
        return None
    found = read(copy)
    weights = StartWeights(tensors=found.tensors, **found.values)
    return weights if (weights.path, weights.take) == (wanted.path, wanted.take) else None


def _is_checkpoint(path: Path) -> bool:
    folder = RunFolder(path.parent.parent)
    return folder.config.is_file() and path.parent == folder.checkpoints and path.match(PATTERN)


def _of_file(path: Path, take: str) -> StartWeights:
    if path.suffix != SUFFIX:
        raise ConfigError(
            f"{path} is no {SUFFIX} file: write the weights of a backbone as one with safetensors.torch.save_file, or name a run",
            key=KEY,
        )
    if take == "method":
        raise ConfigError(f"{path} has the weights of a backbone: name a run to take its method", key=KEY)
    if not path.is_file():
        raise ConfigError(f"there is no file {path}", key=KEY)
    try:
        return StartWeights("backbone", str(path), safetensors.torch.load_file(path), str(path))
    except (OSError, safetensors.SafetensorError) as error:
        raise ConfigError(f"{path} cannot be read as a safetensors file: {error}", key=KEY) from None


def _of_run(path: Path, take: str, configured: str) -> StartWeights:
    """From a checkpoint, or from the newest sound one, which the main process chooses."""
    try:
        file = path if _is_checkpoint(path) else from_main(_newest_checkpoint(path) if is_main() else None)
        assert file is not None
        found = read(file)
        folder = find(file.parent.parent)
        sections = load_tree(str(folder.config)).data
    except UserError as error:
        raise ConfigError(str(error), key=KEY) from None
    method = sections["method"]["name"]
    if take == "method" and method != configured:
        fault = f"{folder.path} has the method {method} and this config {configured}; start_from.take: backbone goes with any"
        raise ConfigError(fault, key=KEY)
    weights = evaluated_weights(found, "backbone." if take == "backbone" else "")
    origin = f"{folder.path} (method {method}, epoch {found.values['epoch']})"
    return StartWeights(take, str(path), weights, origin, written(sections[take]))


def _newest_checkpoint(path: Path) -> Path:
    folder = find(path)
    name, _ = newest_sound(folder, lambda checkpoint: None)
    if name is None:
        raise RunError(f"{folder.path} has no checkpoint yet: train it first")
    return folder.checkpoints / name


def _shapes(module: nn.Module) -> dict[str, list[int]]:
    """The shape of each tensor of a module's state; of one that each process has a part of, that of the whole."""
    shapes, own = {name: list(tensor.shape) for name, tensor in module.state_dict().items()}, own_names(module)
    return {name: [size[0] * num_processes(), *size[1:]] if name in own else size for name, size in shapes.items()}


def _misfits(there: dict[str, Tensor], here: dict[str, list[int]]) -> list[str]:
    """What keeps a state from being put in the place of another one, in words."""
    shapes = [
        f"{name} is {_size(there[name].shape)} there and {_size(shape)} here"
        for name, shape in here.items()
        if name in there and list(there[name].shape) != shape
    ]
    missing, unknown = [name for name in here if name not in there], [name for name in there if name not in here]
    faults = [f"there is no {_some(missing)}"] if missing else []
    faults += [f"here is no {_some(unknown)}"] if unknown else []
    return faults + ([_some(shapes)] if shapes else [])


def _size(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "a number"


def _some(items: list[str]) -> str:
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + more
