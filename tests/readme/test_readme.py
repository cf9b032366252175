"""README, CI and the code say the same thing."""

from __future__ import annotations

import inspect
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from PIL import Image

import gedi_nesy
from gedi_nesy import hookspecs
from gedi_nesy.config.locate import bundled

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
HOOKS = [name for name, function in vars(hookspecs).items() if hasattr(function, "gedi_nesy_spec")]


def blocks(language):
    """Code blocks of a language with the line each starts at."""
    found = re.finditer(rf"^```{language}\n(.*?)^```", README, re.M | re.S)
    return [pytest.param(match[1], id=f"README.md:{README[: match.start()].count(chr(10)) + 1}") for match in found]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_described_with_its_arguments(hook):
    arguments = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert f"`{hook}({arguments})`" in README


@pytest.mark.parametrize("block", blocks("sh"))
def test_every_command_in_the_readme_exists(block, check_commands):
    check_commands(block)


@pytest.mark.parametrize("block", blocks("yaml"))
def test_every_yaml_block_is_a_sound_config(block, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("block.yaml").write_text(block)
    for program in re.findall(r"program: (\S+\.pl)", block):
        listings = re.findall(r"^```prolog\n(.*?)^```", README, re.M | re.S)
        Path(program).write_text(next(text for text in listings if f"{Path(program).stem}(" in text))
    for table in re.findall(r"\w+\.csv", block):
        write_table(Path(table))
    code, _, err = cli("config", "check", "block.yaml")
    assert code == 0, err


def write_table(path):
    """The table that the README describes: pairs of images and their totals."""
    lines = ["left,right,class,total"]
    for number in range(10):
        names = [f"{path.stem}-{number}-{side}.png" for side in "lr"]
        for name in names:
            Image.new("L", (28, 28), number).save(name)
        lines.append(f"{','.join(names)},{number},{number}")
    path.write_text("\n".join(lines))


@pytest.mark.parametrize("block", blocks("python"))
def test_every_python_block_runs(block, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    names = {"__name__": "readme"}
    exec(compile(block, "README.md", "exec"), names)
    assert names["logits"].grad is not None


def test_ci_runs_the_test_command():
    script = (ROOT / ".ci" / "run").read_text()
    extract = re.search(r"command=\$\((.*)\)\n", script)[1]
    command = subprocess.run(
        ["bash", "-c", extract], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert command.startswith("pip install -e '.[test]'") and command.endswith("pytest -n 2")


def test_every_bundled_config_and_program_is_named_on_its_page():
    page = (ROOT / "docs" / "configs.md").read_text()
    for suffix, folder in ((".yaml", "configs"), (".pl", "programs")):
        on_disk = {
            path.relative_to(ROOT / folder).with_suffix("").as_posix() for path in (ROOT / folder).rglob(f"*{suffix}")
        }
        assert set(bundled(suffix)) == on_disk
        for name in on_disk:
            assert f"`{name}`" in page, name


def test_every_folder_of_configs_is_installed():
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    for folder in {path.parent for path in (ROOT / "configs").rglob("*.yaml")}:
        package = ".".join(["gedi_nesy_configs", *folder.relative_to(ROOT / "configs").parts])
        assert package in setuptools["packages"] and setuptools["package-data"][package] == ["*.yaml"]


@pytest.mark.parametrize("path", sorted((ROOT / "configs").rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_states_its_command(path):
    header = "".join(line for line in path.read_text().splitlines(keepends=True) if line.startswith("#"))
    assert f"gedi-nesy train {path.relative_to(ROOT)}" in header
    assert isinstance(yaml.safe_load(path.read_text()), dict)


def test_the_public_names_are_sorted_and_importable():
    assert gedi_nesy.__all__ == sorted(gedi_nesy.__all__)
    for name in gedi_nesy.__all__:
        assert getattr(gedi_nesy, name) is not None
