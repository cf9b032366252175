"""docs/evaluators.md lists every evaluator that is registered, and none that is not."""

from __future__ import annotations

import re
from pathlib import Path

from gedi_nesy.plugin_manager import load_plugins

PAGE = Path(__file__).parent.parent.parent / "docs" / "evaluators.md"


def test_the_table_has_a_row_for_each_evaluator():
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", PAGE.read_text(), re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(
        entry.name for entry in load_plugins().registry.entries("evaluator")
    )
    assert all(len(re.split(r"(?<!\\)\|", row)) == 4 for _, row in rows), "needs, protocol, chance, numbers"
