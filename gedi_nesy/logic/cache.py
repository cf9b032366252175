"""Compiled circuits on disk, found by everything that they depend on.

An entry is a checksum and a circuit's JSON. Entries appear whole or not at all, so that any number of processes may share the
folder; one that cannot be read counts as missing, and a folder that cannot be written costs time and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

from gedi_nesy.errors import RunError
from gedi_nesy.files import write_atomic
from gedi_nesy.logic.circuit import Circuit

FOLDER_VARIABLE = "GEDI_NESY_CACHE"
NO_HOME = RuntimeError  # what pathlib raises for a user without a home


def cache_folder() -> Path:
    """Where circuits are kept: in GEDI_NESY_CACHE, or in gedi-nesy below XDG_CACHE_HOME or ~/.cache."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "gedi-nesy"


def circuit_key(question: Mapping[str, object]) -> str:
    """The name of the entry for a question, other in each version of the code that answers it."""
    return _sha256(json.dumps([question, version("problog"), _code()], sort_keys=True).encode())


def load_circuit(key: str) -> Circuit | None:
    """The circuit of an entry; None if there is none or it is damaged."""
    try:
        checksum, _, text = _entry(key).read_bytes().partition(b"\n")
        return Circuit.from_json(text.decode()) if checksum == _checksum(key, text) else None
    except (OSError, NO_HOME, ValueError, KeyError, TypeError):
        return None


def store_circuit(key: str, text: str) -> None:
    """Keep a circuit's JSON if the disk allows it."""
    data = text.encode()
    with suppress(OSError, NO_HOME, RunError):
        entry = _entry(key)
        entry.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(entry, _checksum(key, data) + b"\n" + data)


def _entry(key: str) -> Path:
    return cache_folder() / "circuits" / f"{key}.json"


def _checksum(key: str, data: bytes) -> bytes:
    """Of the key too: the entry of another question is as wrong as a damaged one."""
    return _sha256(key.encode() + data).encode()


@cache
def _code() -> str:
    """A hash of this package's source, so that nobody has to remember to count a version up."""
    return _sha256(b"".join(file.read_bytes() for file in sorted(Path(__file__).parent.glob("*.py"))))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
