"""What a run folder says about where its numbers come from."""

from __future__ import annotations

import shlex
import shutil
import subprocess

import pytest
import torch

from gedi_nesy.config.loader import load_tree
from gedi_nesy.config.validate import validate
from gedi_nesy.engine import run_folder
from gedi_nesy.engine.run_folder import RunFolder, environment
from gedi_nesy.plugin_manager import load_plugins


def git(folder, *arguments):
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    ended = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return ended.stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Somebody's repository with one commit, and our file lying untracked in it."""
    (tmp_path / "theirs.txt").write_text("theirs")
    git(tmp_path, "init")
    git(tmp_path, "add", "theirs.txt")
    git(tmp_path, "commit", "-m", "theirs")
    (tmp_path / "package").mkdir()
    file = tmp_path / "package" / "run_folder.py"
    shutil.copy(run_folder.__file__, file)
    monkeypatch.setattr(run_folder, "__file__", str(file))
    return tmp_path


def test_the_commit_of_a_repository_that_we_are_only_installed_in_is_not_ours(repository):
    assert run_folder._commit() is None


def test_our_commit_is_recorded_with_whether_there_are_changes(repository):
    git(repository, "add", ".")
    git(repository, "commit", "-m", "ours")
    commit = git(repository, "rev-parse", "HEAD")
    assert run_folder._commit() == commit
    (repository / "theirs.txt").write_text("changed")
    assert run_folder._commit() == f"{commit} with changes"


def test_outside_of_any_checkout_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(run_folder, "__file__", str(tmp_path / "run_folder.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert run_folder._commit() is None


@pytest.mark.parametrize(("device", "gpu"), [("cpu", None), ("cuda:1", "the name of cuda:1")])
def test_the_gpu_is_that_of_the_run(tiny_config, monkeypatch, device, gpu):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"the name of {device}")
    config = validate(load_tree(str(tiny_config)), load_plugins())
    assert environment(config, torch.device(device), ["gedi-nesy"])["gpu"] == gpu


@pytest.mark.parametrize("text", ["", "[]", "3"])
def test_a_damaged_environment_file_says_nothing(tmp_path, text):
    folder = RunFolder(tmp_path)
    folder.environment.write_text(text)
    assert (folder.started, folder.processes) == ("", 1)


def test_the_command_can_be_pasted_into_a_shell(tiny_config):
    command = ["gedi-nesy", "train", "tiny.yaml", "evaluators=[knn, {name: ood}]", "name=it's"]
    config = validate(load_tree("tiny.yaml"), load_plugins())
    told = environment(config, torch.device("cpu"), command)["command"]
    assert shlex.split(told) == command
