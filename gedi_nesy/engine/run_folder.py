"""The folder that holds everything about one training: its layout, making one, finding one."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.differences import differences, written
from ..config.files import SourceFile
from ..config.options import Options
from ..config.schema import RunConfig, folder_name
from ..config.writing import to_yaml
from ..errors import RunError
from ..files import write_atomic, write_json
from ..reporting.text import NOTHING

if TYPE_CHECKING:
    import torch

PACKAGES = ("gedi-nesy", "torch", "torchvision", "numpy", "problog", "deepproblog", "pysdd", "pluggy", "pydantic")

# Keys that a resumed run may change: they steer the run and leave its course alone.
STEERING = frozenset(
    ["device", "watchers"]
    + [
        f"training.{key}"
        for key in (
            "compile",
            "on_divergence",
            "max_term",
            "log_every",
            "report_every",
            "checkpoint_every",
            "evaluate_every",
            "evaluate_with",
        )
    ]
)


@dataclass(frozen=True)
class RunFolder:
    """Where things are in a run folder."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def environment(self) -> Path:
        return self.path / "environment.json"

    @property
    def started(self) -> str:
        """When the run began, as an ISO date; empty if that is not known."""
        return str(self._told("started", ""))

    @property
    def processes(self) -> int:
        """How many processes train the run; 1 if that is not known."""
        return int(self._told("processes", 1))

    @property
    def training_data(self) -> str:
        """The fingerprint of the images, labels and table that the run began with; empty if that is not known."""
        return str(self._told("training_data", ""))

    def _told(self, name: str, default: Any) -> Any:
        """What environment.json says."""
        try:
            told = json.loads(self.environment.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return default
        return told.get(name, default) if isinstance(told, dict) else default

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def samples(self) -> Path:
        return self.path / "samples"

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    @property
    def results(self) -> Path:
        return self.path / "results.json"

    @property
    def state(self) -> Path:
        return self.path / "state.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"


def new_folder(config: RunConfig, runs: Path, run_id: str | None) -> RunFolder:
    """Where a new run goes; nothing is made yet.

    Raises:
        RunError: the folder is there already, or would not be below that of the config's name.
    """
    path = runs / config.name / (check_run_id(run_id) or datetime.now().strftime("%Y%m%d-%H%M%S"))
    if path.exists():
        raise RunError(f"run folder {path} exists already. Choose another --run-id, or go on with it: --resume")
    return RunFolder(path)


def check_run_id(run_id: str | None) -> str | None:
    """The id, if a folder can be called so; RunError says which can."""
    try:
        return run_id and folder_name(run_id)
    except ValueError as error:
        raise RunError(f'--run-id is "{run_id}": {error}') from None


def create(
    folder: RunFolder, config: RunConfig, environment: dict[str, Any], further: dict[Path, bytes] | None = None
) -> None:
    """Make the folder with config.yaml, the files it names, environment.json and further files: all of them or nothing."""
    unfinished = folder.path.with_name(f".{folder.path.name}.{os.getpid()}.tmp")
    files = source_files(config)
    header = f"# Resolved by gedi-nesy; run again with: gedi-nesy train {folder.config}\n"
    text = header + to_yaml(resolved(config))
    try:
        unfinished.mkdir(parents=True)
        write_json(unfinished / folder.environment.name, environment)
        for file in files:
            write_atomic(unfinished / Path(file).name, Path(file).read_bytes())
        for path, data in (further or {}).items():
            place = unfinished / path.relative_to(folder.path)
            place.parent.mkdir(exist_ok=True)
            write_atomic(place, data)
        write_atomic(unfinished / folder.config.name, text.encode())
        unfinished.rename(folder.path)
    except OSError as error:
        raise RunError(f"run folder {folder.path} cannot be made: {error.strerror}") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)  # nothing is left of it if all went well


def resolved(config: RunConfig) -> dict[str, Any]:
    """The config in plain data; files it names go by their bare name, since they are copied beside it."""
    files = {str(file) for file in source_files(config)}
    names = [Path(file).name for file in files]
    if twice := {name for name in names if names.count(name) > 1}:
        raise RunError(f"the config names two files called {', '.join(twice)}; a run folder keeps both, so rename one")
    plain: dict[str, Any] = _relative(config.plain(), files)
    return plain


def flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of plain data; lists are values."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from flat(item, f"{key}.{name}".lstrip("."))
    else:
        yield key, value


def check_same(config: RunConfig, before: RunConfig, folder: RunFolder) -> None:
    """RunError that names each difference, when a run is to be resumed with another config, changed files or other processes.

    Args:
        before: the config that lies in the folder.
    """
    changed = [
        f"{key} ({written(old) or NOTHING} then, {written(new) or NOTHING} now)"
        for key, (old, new) in differences([resolved(before), resolved(config)]).items()
        if not _steers(key)
    ]
    for file in source_files(config):
        copy = folder.path / Path(file).name
        if copy.exists() and copy.read_bytes() != Path(file).read_bytes():
            changed.append(copy.name)
    if changed:
        raise RunError(
            f"{folder.path} was started with another config and cannot be resumed with this one. Changed: {', '.join(changed)}. "
            f"Undo that, start a new run, or go on with its own config: gedi-nesy train {folder.path} --resume"
        )
    _check_processes(folder)


def _steers(key: str) -> bool:
    """Whether a key is one of those that steer, or inside one."""
    return any(key == known or key.startswith(f"{known}.") for known in STEERING)


def _check_processes(folder: RunFolder) -> None:
    """Each process has a part of the random states, and nobody could take over those of one that is missing."""
    from ..distributed import num_processes

    before, now = folder.processes, num_processes()
    if before != now:
        raise RunError(
            f"{folder.path} was trained by {_processes(before)} and cannot be resumed by {_processes(now)}: start {before} again"
        )


def _processes(count: int) -> str:
    return f"{count} processes (torchrun)" if count > 1 else "1 process"


def find(path: Path) -> RunFolder:
    """The folder of a run by its path, or by the folder above it (then its newest run).

    Raises:
        RunError: there is no run; lists those that are near.
    """
    if (path / "config.yaml").is_file():
        return RunFolder(path)
    if inside := newest_first(path):
        return inside[0]
    near = sorted(str(child.parent) for child in Path("runs").glob("*/*/config.yaml"))[-5:]
    hint = f" Newest runs here: {', '.join(near)}" if near else " There are no runs in ./runs."
    raise RunError(f"{path} is no run folder (it has no config.yaml).{hint}")


def newest_first(path: Path) -> list[RunFolder]:
    """The runs in a folder."""
    inside = [RunFolder(child.parent) for child in path.glob("*/config.yaml")]
    return sorted(inside, key=lambda folder: (folder.started, folder.path.name), reverse=True)


def environment(config: RunConfig, device: torch.device, command: list[str], training_data: str = "") -> dict[str, Any]:
    """What a reader needs to know about where numbers come from; `device` is where the run computes."""
    import torch  # slow to import, and `report` does not need it

    from ..distributed import num_processes

    return {
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "device": config.device,
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "threads": torch.get_num_threads(),
        "processes": num_processes(),
        "seed": config.seed,
        "training_data": training_data,
        "command": pasteable(command),
        "commit": _commit(),
        "started": datetime.now().isoformat(timespec="milliseconds"),
    }


def pasteable(command: Sequence[str]) -> str:
    """A command as it can be typed into a shell of this platform again."""
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)


def source_files(value: Any) -> list[SourceFile]:
    """Every file that a config names, at any depth, and the files that those load."""
    if isinstance(value, SourceFile):
        return [value, *value.companions()]
    if isinstance(value, Options):
        return [file for name in type(value).model_fields for file in source_files(getattr(value, name))]
    if isinstance(value, list | tuple):
        return [file for item in value for file in source_files(item)]
    return []


def _relative(value: Any, files: set[str]) -> Any:
    """Plain data with the path of each copied file replaced by its name."""
    if isinstance(value, dict):
        return {key: _relative(item, files) for key, item in value.items()}
    if isinstance(value, list):
        return [_relative(item, files) for item in value]
    return Path(value).name if isinstance(value, str) and value in files else value


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The git commit of this source tree, marked when it has changes; None outside a checkout.

    A package that is installed inside somebody's repository lies in their checkout, and is not tracked there.
    """
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)
        commit, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + (" with changes" if changes else "")


def _git(*arguments: str) -> str:
    command, here = ["git", *arguments], Path(__file__).parent
    return subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
