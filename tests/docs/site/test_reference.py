"""The pages that are written from the code are those that are checked in."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from gedi_nesy.plugin_manager import load_plugins

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def pages():
    """What the code says now, by path below docs/."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS / "site"))
        return importlib.import_module("reference").pages()


def test_the_pages_are_up_to_date_and_complete(pages):
    stale = [name for name, text in pages.items() if not (DOCS / name).is_file() or (DOCS / name).read_text() != text]
    gone = {path.relative_to(DOCS).as_posix() for path in DOCS.glob("methods/*.md")} - pages.keys()
    assert not stale and not gone, f"run `python docs/site/reference.py`: {stale} are stale, {gone} are of no method"
    methods = {entry.name for entry in load_plugins().registry.entries("method")}
    assert methods >= {Path(name).stem for name in pages if name.startswith("methods/")} - {"index"}


def test_every_key_and_plugin_is_there(pages):
    assert "| `training.restart.above` | number | required |" in pages["config_reference.md"]
    headings = re.findall(r"^### (.+)$", pages["plugins.md"], re.M)
    assert {"constraint", "resnet8", "mnist5k", "random_crop", "knn"} <= set(headings)


def test_a_page_shows_objective_weights_and_results(pages):
    page = pages["methods/simclr.md"]
    assert "    contrastive   NT-Xent" in page, "what is indented in a docstring stays a listing"
    assert re.search(r"\| `pretraining/simclr` \| contrastive 1 \| kNN 0\.\d+", page)
    assert "`embed`" in page and "cannot feed a ProbLog program" in page
