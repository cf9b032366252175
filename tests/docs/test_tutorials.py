"""Somebody who does what a tutorial says, in an empty folder, gets what it promises; only trainings are cut short."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_a_new_user_trains_a_constraint_on_png_files(follow):
    follow("tutorial_constraint.md", {"difference.yaml": ["training.epochs=2"]})
    (run,) = Path("runs/difference").iterdir()
    results = json.loads((run / "results.json").read_text())
    numbers = results["numbers"]
    assert "accuracy" in numbers["classification"] and "satisfaction" in numbers["constraint"]
    assert (run / "report.html").is_file() and Path("circuit.svg").read_text().startswith("<svg")


def test_a_new_user_makes_a_method_of_a_package(follow, tmp_path, monkeypatch):
    (site := tmp_path / "site-packages").mkdir()
    monkeypatch.syspath_prepend(str(site))  # what is installed there is found like any other package
    short = ["training.epochs=1", "task.examples=40", "task.test_examples=10"]
    try:
        follow("tutorial_method.md", {"my-method/config.yaml": short}, site)
    finally:
        for name in [name for name in sys.modules if name.startswith("my_method")]:
            del sys.modules[name]
    (run,) = Path("runs/my-method").iterdir()
    assert json.loads((run / "results.json").read_text())["method"] == "my-method"
    assert list(Path("runs/agreement").iterdir()) and list(Path("dist").glob("my_method-*.whl"))


@pytest.mark.parametrize("page", ["tutorial_constraint.md", "tutorial_method.md"])
def test_what_is_not_run_is_the_installation_that_the_readme_has(page):
    text = (ROOT / "docs" / page).read_text()
    skipped = re.findall(r"<!-- not run.*-->\n```sh\n(.*?)\n```", text)
    assert len(skipped) == text.count("<!-- not run") <= 1
    assert all(command in (ROOT / "README.md").read_text() for command in skipped)


def test_the_page_on_circuits_shows_what_the_commands_print_and_draw(follow):
    follow("circuits.md", {})
    # The page's copy is kept up to date by docs/site/reference.py.
    assert Path("sum_triple.svg").read_text() == (ROOT / "docs/images/sum_triple.svg").read_text()
