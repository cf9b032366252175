"""A third-party package made with `plugins new` installs, is listed, trains and passes its own test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def package(tmp_path, monkeypatch, cli):
    monkeypatch.chdir(tmp_path)
    code, out, err = cli("plugins", "new", "soft-bins")
    assert code == 0 and "pip install -e soft-bins" in out, err
    return tmp_path / "soft-bins"


def test_the_package_is_small_and_complete(package):
    files = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    assert files == {
        "pyproject.toml",
        "config.yaml",
        "src/soft_bins/__init__.py",
        "src/soft_bins/method.py",
        "tests/test_soft_bins.py",
    }
    assert len((package / "src/soft_bins/method.py").read_text().splitlines()) < 60


@pytest.mark.parametrize("name", ["My Method", "1st", "a--b", "import/x"])
def test_bad_names_are_refused(name, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = cli("plugins", "new", name)
    assert code == 2 and "is no name for a package" in err


@pytest.mark.parametrize(
    ("name", "why"), [("class", "a word of Python"), ("none", "a word of Python"), ("torch", "installed already")]
)
def test_names_that_would_not_import_are_refused(name, why, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = cli("plugins", "new", name)
    assert code == 2 and why in err


def test_an_existing_folder_is_not_overwritten(package, cli):
    code, _, err = cli("plugins", "new", "soft-bins")
    assert code == 2 and "exists already" in err


def test_a_place_that_cannot_be_written_to_is_named(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    code, _, err = cli("plugins", "new", "soft-bins", "--folder", "file/deep")
    assert code == 2 and err.startswith("error: file/deep/soft-bins cannot be written: ")


def test_installed_with_pip_it_is_listed_trained_and_evaluated(package, tiny_text):
    """Installed without its dependencies into a folder of its own, as a separate distribution beside the project."""
    site = package.parent / "site"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        str(site),
        str(package),
    ]
    subprocess.run(pip, check=True, capture_output=True)
    environment = os.environ | {"PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}

    def call(*arguments):
        return subprocess.run(
            [sys.executable, "-m", *arguments], cwd=package.parent, env=environment, capture_output=True, text=True
        )

    listed = call("gedi_nesy", "plugins")
    assert "soft-bins  (soft-bins 0.1.0)\n  method         soft-bins" in listed.stdout
    tested = call("pytest", "-q", str(package / "tests"))
    assert tested.returncode == 0 and "1 passed" in tested.stdout, tested.stdout + tested.stderr
    Path("tiny.yaml").write_text(tiny_text)
    own = "extends: tiny.yaml\nname: own\nmethod: {name: soft-bins}\nweights: {balance: 10, nesy: 5}\n"
    Path("own.yaml").write_text(own)
    trained = call("gedi_nesy", "train", "own.yaml", "--run-id", "r")
    assert trained.returncode == 0, trained.stderr
    results = json.loads(Path("runs/own/r/results.json").read_text())
    assert results["method"] == "soft-bins" and set(results["terms"]) == {"balance", "nesy"}
    evaluated = call("gedi_nesy", "evaluate", "runs/own/r")
    assert evaluated.returncode == 0 and "accuracy" in evaluated.stdout


def test_its_config_is_sound(package, cli, monkeypatch):
    monkeypatch.syspath_prepend(str(package / "src"))
    text = (package / "config.yaml").read_text()
    plugin = package / "src" / "soft_bins" / "__init__.py"
    (package / "config.yaml").write_text(f"plugins: [{plugin}]\n{text}")
    code, _, err = cli("config", "check", package / "config.yaml")
    assert code == 0, err
    sys.modules.pop("soft_bins", None)
    sys.modules.pop("soft_bins.method", None)


def test_a_file_plugin_named_in_a_config_trains(tiny_config, cli, tmp_path):
    method = (Path(__file__).parent.parent.parent / "gedi_nesy/scaffold/method.txt").read_text()
    method = (
        method.replace("$class_name", "Mine")
        + "\n\nfrom gedi_nesy import hookimpl\n\n\n@hookimpl\ndef register(registry):\n    registry.add_method('mine', Mine)\n"
    )
    (tmp_path / "my_method.py").write_text(method)
    text = tiny_config.read_text().replace("plugins: [", "plugins: [./my_method.py, ")
    (tmp_path / "mine.yaml").write_text(text)
    code, _, err = cli(
        "train", "mine.yaml", "--run-id", "r", "method={name: mine}", "weights={confidence: 1, balance: 10, nesy: 5}"
    )
    assert code == 0, err
    assert json.loads(Path("runs/mine/r/results.json").read_text())["method"] == "mine"
    assert (Path("runs/mine/r") / "my_method.py").exists(), "the run folder is enough to run again"
    assert cli("evaluate", "runs/mine/r")[0] == 0
