"""Archives into folders, file by file: each appears whole or not at all, and those that are there already are passed over."""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from ..errors import DataError


def unpack(archive: Path, folder: Path) -> int:
    """The files of a .tar.gz, .tgz, .tar, .zip or .gz below a folder; gives how many there are.

    A file that is there with the right size is left as it is: an attempt that was ended goes on where it was.

    Raises:
        DataError: the archive is damaged, of another kind, or has a file that would lie outside of the folder.
        OSError: a file cannot be written.
    """
    count = 0
    with _members(archive) as members:
        for name, size, stream in members:
            target = folder / _inside(archive, name)
            if size is None or not target.is_file() or target.stat().st_size != size:
                _write(stream, target)
            count += 1
    return count


_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError)

Member = tuple[str, int | None, IO[bytes] | gzip.GzipFile]


@contextmanager
def _members(archive: Path) -> Iterator[Iterator[Member]]:
    """Name, size and contents of each file; what a damaged archive raises becomes a DataError."""
    try:
        if archive.name.endswith((".tar.gz", ".tgz", ".tar")):
            with tarfile.open(archive) as tar:
                yield ((entry.name, entry.size, _opened(tar.extractfile(entry))) for entry in tar if entry.isfile())
        elif archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as packed:
                yield (
                    (entry.filename, entry.file_size, packed.open(entry))
                    for entry in packed.infolist()
                    if not entry.is_dir()
                )
        elif archive.suffix == ".gz":
            with gzip.open(archive) as stream:
                yield iter([(archive.stem, None, stream)])
        else:
            raise DataError(f"{archive} is no archive that can be unpacked: .tar.gz, .tgz, .tar, .zip or .gz")
    except _DAMAGED as error:
        raise DataError(f"{archive} is damaged: {error}. Get it again") from error
    except RuntimeError as error:  # of zipfile: encrypted, or packed by a method it does not know
        raise DataError(f"{archive} cannot be unpacked: {error}. Unpack it by hand, or get it again") from error


def _opened(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None, "only files are opened"
    return stream


def _inside(archive: Path, name: str) -> PurePosixPath:
    """The path of a member, if it leads into the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name:
        raise DataError(
            f"{archive} has a file named {name!r}, which would lie outside of its folder. Nobody should trust it"
        )
    return path


def _write(stream: IO[bytes] | gzip.GzipFile, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.part")
    try:
        with stream, open(temporary, "wb") as written:
            shutil.copyfileobj(stream, written, 1 << 20)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
