"""MD5 of files, each computed once: a result is kept until the file changes."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from ..errors import RunError
from ..files import write_atomic
from ..logic.cache import NO_HOME, cache_folder


def md5_of(file: Path) -> str:
    """The checksum in hex, from the cache when the file is the same by size, both times and inode; OSError as from `open`."""
    found = file.stat()
    # The time of the last change of the inode cannot be set back, as that of the contents can.
    state = [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev]
    if (kept := _kept(file)) and kept["state"] == state:
        return str(kept["md5"])
    md5 = digest(file)
    with suppress(OSError, NO_HOME, RunError):  # a cache that cannot be written costs time and nothing else
        entry = _entry(file)
        entry.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(entry, json.dumps({"state": state, "md5": md5}).encode())
    return md5


def digest(file: Path) -> str:
    """The checksum in hex, computed."""
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _kept(file: Path) -> dict[str, object] | None:
    try:
        kept = json.loads(_entry(file).read_text())
        return kept if kept.keys() == {"state", "md5"} else None
    except (OSError, NO_HOME, ValueError, AttributeError):
        return None


def _entry(file: Path) -> Path:
    name = hashlib.sha256(str(file.resolve()).encode()).hexdigest()
    return cache_folder() / "checksums" / f"{name}.json"
