"""A file that cannot be written: what is wrong and what to do, by kind."""

from __future__ import annotations

import errno
import os

import pytest

from gedi_nesy.errors import RunError
from gedi_nesy.files import write_atomic, write_failed


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(
        RunError, match=r"x\.html cannot be written: there is no folder .*nodir\. Make it, or name another"
    ):
        write_atomic(tmp_path / "nodir" / "x.html", b"")


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot be written: .*/file is a file, not a folder\. Name another place"):
        write_atomic(tmp_path / "file" / "x.html", b"")


def test_a_file_that_is_a_folder(tmp_path):
    (tmp_path / "x.html").mkdir()
    with pytest.raises(RunError, match=r"x\.html cannot be written: it is a folder\. Name a file"):
        write_atomic(tmp_path / "x.html", b"")


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "Everything saved before is intact: make room; a training goes on with --resume"),
        (errno.EACCES, "Name a place that you may write to"),
        (errno.EROFS, "Name a place that you may write to"),
        (errno.EIO, "Everything saved before is intact"),
    ],
)
def test_what_the_system_refuses(tmp_path, number, advice):
    text = str(write_failed(tmp_path / "x", OSError(number, os.strerror(number))))
    assert f"x cannot be written: {os.strerror(number)}. {advice}" in text
