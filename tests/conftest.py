"""Shared by all tests: a config that trains in a second, and the command line in this process."""

from __future__ import annotations

import re
import shlex
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).parent.parent

TINY = """\
plugins: [{plugin}]
data: {{name: bars}}
backbone: {{name: mlp, hidden: [16], features: 8}}
method:
  name: gedi
  prior_form: entropy
  chains: 4
  buffer_size: 16
  sample_steps: 3
  sgld: {{steps: 2, step_size: 0.1, noise_std: 0.01}}
task:
  name: constraint
  program: mnist_addition
  query: sum_holds(A, B, C)
  arguments: {{A: image, B: image, C: image}}
  networks: {{mnist_net: method}}
  examples: 40
  test_examples: 10
weights: {{gen: 1, prior: 10, nesy: 5}}
views: [{{name: gaussian_noise, std: 0.05}}]
training: {{epochs: 4, batch_size: 10, learning_rate: 1e-3, checkpoint_every: 1, log_every: 1}}
evaluators: [classification, constraint]
"""


def pytest_runtest_setup(item):
    """What is marked `gpu` runs where there is one."""
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("no CUDA device")


@pytest.fixture(autouse=True)
def one_thread():
    """Tests share two cores with each other; results must not depend on the number of threads."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory):
    """Circuits of the tests are compiled once a session and leave the user's cache alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEDI_NESY_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tiny_text() -> str:
    """A config that trains in a second."""
    return TINY.format(plugin=ROOT / "tests" / "tiny_plugin.py")


@pytest.fixture
def tiny_config(tmp_path, monkeypatch, tiny_text) -> Path:
    """That config as a file in an otherwise empty working folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tiny.yaml"
    path.write_text(tiny_text)
    return path


@pytest.fixture
def cli(capsys):
    """Run the command line in this process: gives exit code, standard output and standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        from gedi_nesy.cli import main

        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return call


@pytest.fixture
def write_idx():
    """Write an array as a file in MNIST's format and make its folder."""

    def write(path, array):
        path.parent.mkdir(parents=True, exist_ok=True)
        header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
        path.write_bytes(header + array.astype(np.uint8).tobytes())

    return write


@pytest.fixture
def check_commands():
    """Each gedi-nesy command of a shell block exists with the options it has; the bundled configs it names are there."""

    def check(block: str) -> None:
        for line in block.replace("\\\n", " ").splitlines():
            for part in line.split("&&"):
                words = shlex.split(part, comments=True)
                if words[:1] == ["gedi-nesy"]:
                    _check_command(words, line)

    return check


def _check_command(words: list[str], line: str) -> None:
    from typer.main import get_command

    from gedi_nesy.cli import app

    command = get_command(app)
    for name in [word for word in words[1:] if re.fullmatch(r"[a-z]+", word)]:
        command = getattr(command, "commands", {}).get(name, command)
    options = {word.split("=")[0] for word in words if word.startswith("--")} - {"--help"}
    assert command is not get_command(app) or words[1:] == ["--help"], line
    assert options <= {option for parameter in command.params for option in parameter.opts}, line
    for word in words:
        assert not word.startswith("configs/") or (ROOT / word).is_file(), line
