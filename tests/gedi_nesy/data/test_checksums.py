"""A checksum is computed once for as long as the file stays what it is."""

from __future__ import annotations

import hashlib
import os

import pytest

from gedi_nesy.data import checksums
from gedi_nesy.data.checksums import md5_of


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("GEDI_NESY_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "file"
    path.write_bytes(b"one")
    return path


def md5(data):
    return hashlib.md5(data).hexdigest()


def test_it_is_that_of_the_contents_and_computed_once(file, monkeypatch):
    assert md5_of(file) == md5(b"one")
    monkeypatch.setattr(checksums.hashlib, "file_digest", None)
    assert md5_of(file) == md5(b"one")


def test_other_contents_of_the_same_size_and_time_are_seen(file):
    assert md5_of(file) == md5(b"one")
    times = file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert md5_of(file) == md5(b"two")


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"state": 1}', b"\xff"])
def test_a_damaged_cache_counts_as_none(file, damage, tmp_path):
    md5_of(file)
    (entry,) = (tmp_path / "cache/checksums").iterdir()
    entry.write_bytes(damage)
    assert md5_of(file) == md5(b"one")


def test_a_cache_that_cannot_be_written_is_no_error(file, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert md5_of(file) == md5(b"one")
