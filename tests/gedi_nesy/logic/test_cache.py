from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gedi_nesy.logic import cache
from gedi_nesy.logic.cache import cache_folder, circuit_key, load_circuit, store_circuit

QUESTION = {"program": "a.", "query": "a", "arguments": {}, "complements": False}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("GEDI_NESY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "circuits"


@pytest.fixture
def circuit(compiled):
    """A small circuit with constants, neural choices and labels."""
    return compiled(
        "nn(n,[X],Y,[a,b])::d(X,Y). 0.3::c. p(A,T) :- d(A,T). p(A,c) :- c.", "p(A,T)", {"A": "image", "T": "label"}
    )


def test_what_was_stored_is_loaded(circuit):
    assert load_circuit("k") is None
    store_circuit("k", circuit.to_json())
    assert load_circuit("k") == circuit


@pytest.mark.parametrize(
    "change", [{"program": "b."}, {"query": "b"}, {"arguments": {"A": "image"}}, {"complements": True}]
)
def test_each_part_of_the_question_has_an_entry_of_its_own(change):
    assert circuit_key(QUESTION) == circuit_key(dict(reversed(QUESTION.items())))
    assert circuit_key(QUESTION) != circuit_key(QUESTION | change)


@pytest.mark.parametrize(("name", "replacement"), [("version", lambda name: "0"), ("_code", lambda: "other")])
def test_other_code_has_other_entries(monkeypatch, name, replacement):
    key = circuit_key(QUESTION)
    monkeypatch.setattr(cache, name, replacement)
    assert circuit_key(QUESTION) != key


def test_every_truncation_and_every_changed_byte_counts_as_missing(circuit, folder):
    store_circuit("k", circuit.to_json())
    entry = folder / "k.json"
    whole = entry.read_bytes()
    for place in range(0, len(whole), 7):
        entry.write_bytes(whole[:place])
        assert load_circuit("k") is None
        entry.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert load_circuit("k") is None
    entry.write_bytes(whole)
    assert load_circuit("k") == circuit


def test_the_entry_of_another_question_counts_as_missing(circuit, folder):
    store_circuit("k", circuit.to_json())
    (folder / "k.json").rename(folder / "other.json")
    assert load_circuit("other") is None


def test_a_folder_that_cannot_be_made_stops_nothing(circuit, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    store_circuit("k", circuit.to_json())
    assert load_circuit("k") is None


def test_a_full_disk_stops_nothing_and_leaves_nothing(circuit, folder, monkeypatch):
    def refuse(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    store_circuit("k", circuit.to_json())
    assert list(folder.iterdir()) == []


def test_a_user_without_a_home_has_no_cache(circuit, monkeypatch):
    monkeypatch.delenv("GEDI_NESY_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    store_circuit("k", circuit.to_json())
    assert load_circuit("k") is None


def test_the_folder_follows_the_variables(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("GEDI_NESY_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "gedi-nesy"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/nowhere")
    assert str(cache_folder()) == "/nowhere/.cache/gedi-nesy"


def test_processes_may_write_one_entry_at_once(circuit, folder):
    text = circuit.to_json()
    code = (
        "import sys\nfrom gedi_nesy.logic.cache import load_circuit, store_circuit\n"
        "for _ in range(30):\n    store_circuit('k', sys.argv[1])\n    assert load_circuit('k') is not None"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, text]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert [path.name for path in folder.iterdir()] == ["k.json"]
