"""The pages build into a site without a warning, and the site asks no other host for anything."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
REQUESTS = re.compile(
    r'<(?:script|img|iframe|source)[^>]+src="(?:https?:)?//|<link[^>]+href="(?:https?:)?//|@import|url\((?:https?:)?//'
)


def test_the_site_builds_strictly_and_makes_no_request(tmp_path):
    pytest.importorskip("mkdocs", reason="pip install -e '.[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", "docs/site/mkdocs.yml", "-d", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    pages = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*.html")}
    assert {"index.html", "tutorial_constraint.html", "methods/gedi.html", "config_reference.html"} <= pages.keys()
    assert "The semantic loss" in pages["api.html"], "docstrings are rendered"
    for name, text in pages.items():
        assert not REQUESTS.search(text), name
