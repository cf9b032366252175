"""Files arrive whole, go on where they broke off, and are what was promised; the server is this process."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gedi_nesy import DataError
from gedi_nesy.data import transfer as module
from gedi_nesy.data.transfer import LocalFile, Url, transfer

DATA = bytes(range(256)) * 40
MD5 = hashlib.md5(DATA).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serves DATA; the path says how: /whole knows no ranges, /cut ends after 3,000 bytes, /ranges is as it should be."""

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        start = int(wanted[6:-1]) if wanted and self.path != "/whole" else 0
        if self.path == "/none":
            return self.send_error(404)
        if start >= len(DATA):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(DATA) - start))
        self.end_headers()
        self.wfile.write(DATA[start:][: 3000 if self.path == "/cut" else None])

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def running():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def server(running, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    running.asked.clear()
    return running


def url(server, path):
    return Url(f"http://127.0.0.1:{server.server_address[1]}{path}")


def go(source, target, md5=MD5):
    steps = []
    digest = transfer(source, target, md5, lambda *step: steps.append(step))
    return digest, steps


def test_a_download_is_whole_and_told_about(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 4096)
    digest, steps = go(url(server, "/ranges"), tmp_path / "deep" / "file")
    assert digest == MD5 and (tmp_path / "deep/file").read_bytes() == DATA
    assert steps == [("file", size, len(DATA)) for size in (4096, 8192, len(DATA))]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file"]


def test_what_broke_off_goes_on_from_there(server, tmp_path):
    target = tmp_path / "file"
    with pytest.raises(DataError, match=r"/cut broke off after 3000 of 10240 bytes: .*goes on from there"):
        go(url(server, "/cut"), target)
    assert not target.exists()
    go(url(server, "/ranges"), target)
    assert target.read_bytes() == DATA and server.asked[-1] == ("/ranges", "bytes=3000-")


def test_a_server_that_knows_no_ranges_begins_anew(server, tmp_path):
    (tmp_path / ".file.part").write_bytes(b"x" * 50)
    go(url(server, "/whole"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA and len(server.asked) == 1


@pytest.mark.parametrize("part", [b"other bytes", b"x" * len(DATA), b"x" * 20_000])
def test_a_part_of_another_file_is_given_up(server, tmp_path, part):
    (tmp_path / ".file.part").write_bytes(part)
    go(url(server, "/ranges"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA


def test_a_part_that_is_complete_needs_no_server(tmp_path):
    (tmp_path / ".file.part").write_bytes(DATA)
    go(LocalFile(tmp_path / "nowhere"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == DATA


def test_another_checksum_is_refused_with_both(server, tmp_path):
    with pytest.raises(DataError, match=rf"/ranges has md5 {MD5}, {'0' * 32} is wanted"):
        go(url(server, "/ranges"), tmp_path / "file", "0" * 32)
    assert not list(tmp_path.iterdir())


def test_without_a_checksum_the_file_is_taken_as_it_comes(server, tmp_path):
    assert go(url(server, "/ranges"), tmp_path / "file", None)[0] == MD5


def test_without_a_checksum_nothing_is_added_to_what_may_be_of_another_file(server, tmp_path):
    (tmp_path / ".file.part").write_bytes(b"x" * 50)
    assert go(url(server, "/ranges"), tmp_path / "file", None)[0] == MD5
    assert server.asked == [("/ranges", None)]


@pytest.mark.parametrize("path", ["/none", "http"])
def test_what_cannot_be_had_is_named(server, tmp_path, path):
    source = url(server, path) if path == "/none" else Url("http://127.0.0.1:1/x")
    with pytest.raises(DataError, match=r"http://127\.0\.0\.1\S+ cannot be read: .*(404|refused)"):
        go(source, tmp_path / "file")


def test_a_local_copy_goes_on_too(tmp_path, monkeypatch):
    source, target = tmp_path / "source", tmp_path / "to" / "file"
    source.write_bytes(DATA)
    target.parent.mkdir()
    (target.parent / ".file.part").write_bytes(DATA[:4000])
    monkeypatch.setattr(module, "CHUNK", 5000)
    assert go(LocalFile(source), target)[1] == [("file", 9000, 10240), ("file", 10240, 10240)]
    assert target.read_bytes() == DATA


def test_a_disk_that_refuses_is_no_fault_of_the_source(tmp_path):
    (tmp_path / "source").write_bytes(DATA)
    (tmp_path / "file").write_text("where a folder should be")
    with pytest.raises(OSError):
        go(LocalFile(tmp_path / "source"), tmp_path / "file" / "file")
