"""Files that are either wholly there or not at all."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from pathlib import Path
from typing import Any

from .errors import RunError


def write_atomic(path: Path, data: bytes) -> None:
    """Write under a temporary name, sync, rename; RunError when the disk refuses, with the old file untouched."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise write_failed(path, error) from error


def write_json(path: Path, value: Any) -> None:
    """JSON, indented, atomically; non-finite numbers become null, which JSON can hold."""
    write_atomic(path, (json.dumps(finite(value), indent=2) + "\n").encode())


def write_failed(path: Path, error: OSError) -> RunError:
    """What to say when a file cannot be written: what is wrong, and what to do about it."""
    return RunError(f"{path} cannot be written: {_remedy(path, error)}")


def _remedy(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{error.strerror}. Everything saved before is intact: make room; a training goes on with --resume"
    if error.errno == errno.ENOENT:
        return f"there is no folder {path.parent}. Make it, or name another place"
    if error.errno == errno.ENOTDIR:
        return f"{path.parent} is a file, not a folder. Name another place"
    if error.errno == errno.EISDIR:
        return "it is a folder. Name a file"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{error.strerror}. Name a place that you may write to, or get the right to write there"
    return f"{error.strerror or error}. Everything saved before is intact"


def finite(value: Any) -> Any:
    """The same value with NaN and infinities replaced by None, at any depth."""
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut; not every system can sync a folder."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
