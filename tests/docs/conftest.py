"""Code blocks of a Markdown page, and a reader that does what the page says."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(
    r'^(?P<skip><!-- not run.*-->\n)?```(?P<language>\w*)(?: title="(?P<file>.+?)")?\n(?P<text>.*?)^```', re.M | re.S
)


@dataclass(frozen=True)
class Block:
    """One fenced block: a file if it has a title, commands if it is `sh`, expected output if it is `text`."""

    language: str
    file: str | None
    text: str


def blocks(page):
    """The blocks of a page in their order, without those that say that they are not run."""
    found = BLOCK.finditer((DOCS / page).read_text())
    return [Block(match["language"], match["file"], match["text"]) for match in found if not match["skip"]]


class Reader:
    """Writes each file of a page and types each of its commands, in the working folder.

    Args:
        cli: runs the command line in this process.
        overrides: for each config what is added to `gedi-nesy train`, to make it short.
        site: where `pip install` of a folder goes, instead of the environment.
    """

    def __init__(self, cli, overrides, site=None):
        self.cli, self.overrides, self.site, self.output = cli, overrides, site, ""

    def follow(self, page):
        """Everything on the page; AssertionError at the first thing that is not as it says."""
        for block in blocks(page):
            if block.file:
                path = Path(block.file)
                # A file that a command has written already is shown, not made.
                assert not path.exists() or path.read_text() == block.text, f"{path} is not as {page} shows it"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text)
            elif block.language == "sh":
                self.output = "".join(self.type(shlex.split(line, comments=True)) for line in block.text.splitlines())
            elif block.language == "text":
                missing = [line for line in block.text.splitlines() if line not in self.output]
                assert not missing, f"{page} shows {missing}, the commands print\n{self.output}"

    def type(self, words):
        """What a command prints; it must not fail."""
        if words[:1] == ["gedi-nesy"]:
            code, out, err = self.cli(*words[1:], *(self.overrides.get(words[2], ()) if words[1] == "train" else ()))
            assert code == 0, f"{shlex.join(words)}: {err}"
            return out + err
        if words[0] == "pip":
            # From what is there, into a folder of the test: nothing is fetched, the environment stays as it is.
            place = ["--no-deps", "--target", self.site] if words[1] == "install" else []
            options = [word for word in words[2:-1] if word != "-e"]
            words = ["python", "-m", "pip", words[1], "-q", "--no-build-isolation", *place, *options, words[-1]]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(self.site or "")}
        command = [sys.executable if word == "python" else str(word) for word in words]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, f"{shlex.join(command)}: {done.stdout}{done.stderr}"
        importlib.invalidate_caches()  # something may have been installed
        return done.stdout + done.stderr


@pytest.fixture
def follow(cli, tmp_path, monkeypatch):
    """Do what a page says, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(page, overrides, site=None):
        Reader(cli, overrides, site).follow(page)

    return call
