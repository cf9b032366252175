"""docs/site holds scripts, no package: they are imported from there."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

SITE = Path(__file__).parents[3] / "docs" / "site"
SCRIPTS = [path.stem for path in SITE.glob("*.py")]


@pytest.fixture
def script(monkeypatch):
    """A script of docs/site as a module."""
    monkeypatch.syspath_prepend(str(SITE))
    yield importlib.import_module
    for name in SCRIPTS:
        sys.modules.pop(name, None)
