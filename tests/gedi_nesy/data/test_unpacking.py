"""Archives are unpacked file by file, go on where they were, and never reach outside of their folder."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

import pytest

from gedi_nesy import DataError
from gedi_nesy.data.unpacking import unpack

FILES = {"set/a.bin": b"a" * 5000, "set/deep/b.txt": b"b", "c": b""}


def write_archive(path, files=FILES):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as packed:
            packed.mkdir("set/")
            for name, data in files.items():
                packed.writestr(name, data)
    else:
        with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as packed:
            for name, data in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                packed.addfile(entry, io.BytesIO(data))
    return path


ARCHIVES = ["x.tar.gz", "x.tar", "x.zip"]


@pytest.mark.parametrize("name", ARCHIVES)
def test_every_file_is_there_and_nothing_else(name, tmp_path):
    assert unpack(write_archive(tmp_path / name), tmp_path / "out") == 3
    found = {
        str(path.relative_to(tmp_path / "out")): path.read_bytes()
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert found == FILES


def test_a_gzipped_file_loses_its_suffix(tmp_path):
    (tmp_path / "one-ubyte.gz").write_bytes(gzip.compress(b"data"))
    assert unpack(tmp_path / "one-ubyte.gz", tmp_path / "out") == 1
    assert (tmp_path / "out/one-ubyte").read_bytes() == b"data"


@pytest.mark.parametrize("name", ARCHIVES)
def test_files_that_are_there_are_passed_over_and_halves_are_not(name, tmp_path):
    archive = write_archive(tmp_path / name)
    unpack(archive, tmp_path / "out")
    whole, half = tmp_path / "out/set/deep/b.txt", tmp_path / "out/set/a.bin"
    before = whole.stat().st_mtime_ns
    half.write_bytes(b"a" * 10)
    unpack(archive, tmp_path / "out")
    assert whole.stat().st_mtime_ns == before and half.read_bytes() == FILES["set/a.bin"]


@pytest.mark.parametrize("name", ["../evil", "/evil", "set/../../evil", "..\\evil"])
@pytest.mark.parametrize("kind", ["x.tar.gz", "x.zip"])
def test_a_file_that_would_lie_outside_is_refused(name, kind, tmp_path):
    archive = write_archive(tmp_path / kind, {name: b"evil"})
    with pytest.raises(DataError, match="would lie outside of its folder"):
        unpack(archive, tmp_path / "out")
    assert not list(tmp_path.rglob("*evil*"))


def test_links_are_no_files(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as packed:
        entry = tarfile.TarInfo("link")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        packed.addfile(entry)
    assert unpack(tmp_path / "x.tar", tmp_path / "out") == 0


@pytest.mark.parametrize("name", [*ARCHIVES, "x.gz"])
def test_a_damaged_archive_is_named_and_leaves_no_half_file(name, tmp_path):
    archive = tmp_path / name
    if name == "x.gz":
        archive.write_bytes(gzip.compress(bytes(range(256)) * 100))
    else:
        write_archive(archive, {"a": bytes(range(256)) * 100})
    archive.write_bytes(archive.read_bytes()[:200])
    with pytest.raises(DataError, match=rf"{archive.name} is damaged"):
        unpack(archive, tmp_path / "out")
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path != archive]


def write_zip(path, method, offset_of_flags=0, value=None):
    """One member; then a byte of both its headers, counted from the flags on, is another one."""
    with zipfile.ZipFile(path, "w", method) as packed:
        packed.writestr("a", bytes(range(256)) * 100)
    data = bytearray(path.read_bytes())
    if value is not None:
        data[6 + offset_of_flags] = data[data.find(b"PK\1\2") + 8 + offset_of_flags] = value
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("offset_of_flags", "value", "reason"),
    [(0, 1, "is encrypted, password required"), (2, 99, "That compression method is not supported")],
)
def test_an_encrypted_zip_and_one_of_an_unknown_method_are_refused(offset_of_flags, value, reason, tmp_path):
    write_zip(tmp_path / "x.zip", zipfile.ZIP_STORED, offset_of_flags, value)
    with pytest.raises(DataError, match=rf"x\.zip cannot be unpacked: .*{reason}.*get it again"):
        unpack(tmp_path / "x.zip", tmp_path / "out")
    assert not (tmp_path / "out/a").exists()


def test_a_zip_whose_lzma_data_are_damaged_is_named(tmp_path):
    archive = tmp_path / "x.zip"
    write_zip(archive, zipfile.ZIP_LZMA)
    data = bytearray(archive.read_bytes())
    data[35:40] = b"\xff" * 5  # behind the header of 30 bytes and the name: LZMA's own properties
    archive.write_bytes(data)
    with pytest.raises(DataError, match=r"x\.zip is damaged"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out/a").exists()


def test_other_kinds_are_refused(tmp_path):
    (tmp_path / "x.rar").write_bytes(b"")
    with pytest.raises(DataError, match=r"x\.rar is no archive that can be unpacked"):
        unpack(tmp_path / "x.rar", tmp_path)
