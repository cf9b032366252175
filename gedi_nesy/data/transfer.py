"""A file from another place to its own: goes on where an earlier attempt ended, is checked, and appears whole or not at all."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from .. import __version__
from ..errors import DataError
from .checksums import digest

CHUNK = 1 << 20
TIMEOUT = 30  # seconds without a byte

Progress = Callable[[str, int, int | None], None]
"""Called with the name of a file, the bytes that are here, and how many there will be if that is known."""


@dataclass(frozen=True)
class Opened:
    """A stream of bytes from `start` on; `total` counts those before too."""

    stream: IO[bytes] | http.client.HTTPResponse
    start: int
    total: int | None


class Source(Protocol):
    """Where a file comes from; its text names it."""

    def open(self, start: int) -> Opened:
        """The bytes from a place on, or from 0 when only that can be had; OSError or HTTPException when they cannot."""
        ...


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def open(self, start: int) -> Opened:
        """From a place on."""
        total = self.path.stat().st_size
        stream = open(self.path, "rb")  # noqa: SIM115 - whoever asked closes it
        start = start if start <= total else 0
        stream.seek(start)
        return Opened(stream, start, total)


@dataclass(frozen=True)
class Url:
    """A file on a web server."""

    address: str

    def __str__(self) -> str:
        return self.address

    def open(self, start: int) -> Opened:
        """From a place on if the server knows how to."""
        headers = {"User-Agent": f"gedi-nesy/{__version__}"} | ({"Range": f"bytes={start}-"} if start else {})
        try:
            response = urllib.request.urlopen(urllib.request.Request(self.address, headers=headers), timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and start:
                return self.open(0)
            raise
        start = start if response.status == http.client.PARTIAL_CONTENT else 0
        length = response.headers.get("Content-Length")
        return Opened(response, start, start + int(length) if length else None)


def transfer(source: Source, target: Path, md5: str | None, progress: Progress) -> str:
    """Bring a file to its place.

    Args:
        md5: what it must be; None takes it as it comes, from its beginning, for what is there may be of another file.

    Returns:
        The checksum of the file.

    Raises:
        DataError: the source cannot be read, broke off (the next call goes on from there if md5 is known), or has another checksum.
        OSError: the target cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    if md5 is None:
        part.unlink(missing_ok=True)
    found = digest(part) if part.exists() else None
    if found is None or found != md5:
        was_there = part.exists()
        _append(source, part, progress)
        found = digest(part)
        if was_there and found != md5:  # what was there may have been of another file
            part.unlink()
            _append(source, part, progress)
            found = digest(part)
    if md5 and found != md5:
        part.unlink()
        raise DataError(f"{source} has md5 {found}, {md5} is wanted: it is damaged or another edition")
    os.replace(part, target)
    return found


def _append(source: Source, part: Path, progress: Progress) -> None:
    """Add what is missing to a part of a file."""
    try:
        opened = source.open(part.stat().st_size if part.exists() else 0)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DataError(f"{source} cannot be read: {error}") from error
    done = opened.start
    with opened.stream, open(part, "r+b" if opened.start else "wb") as written:
        written.truncate(opened.start)
        written.seek(opened.start)
        while chunk := _read(source, opened, done):
            written.write(chunk)
            done += len(chunk)
            progress(part.name[1 : -len(".part")], done, opened.total)
    if opened.total is not None and done < opened.total:
        raise _broke_off(source, done, opened.total, "the connection was closed")


def _read(source: Source, opened: Opened, done: int) -> bytes:
    try:
        return opened.stream.read(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _broke_off(source, done, opened.total, str(error)) from error


def _broke_off(source: Source, done: int, total: int | None, why: str) -> DataError:
    of = f" of {total}" if total is not None else ""
    return DataError(
        f"{source} broke off after {done}{of} bytes: {why}. Run the command again; if a checksum is known, it goes on from there"
    )
