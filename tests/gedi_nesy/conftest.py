"""A recipe of four short trainings beside a table of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

TABLE = """\
title: Bars
paper: Nobody, A paper
reference: Table 1
center: median
spread: standard error
runs: 3
row_heading: Examples
columns: {with: With the constraint, without: Without it}
metrics:
  accuracy: {heading: Acc., better: higher, unit: percent}
  nmi: {heading: NMI, better: higher}
cells:
  "20": {with: [10.0 ± 0.0, 0.00 ± 0.00], without: [99.0 ± 0.5, \u2013]}
  "40": {with: [20.0 ± 90.0, 0.90 ± 0.05], without: [\u2013, 0.10 ± 0.01]}
notes: [There is no such paper.]
"""

RECIPE = """\
table: bars_table.yaml
rules:
  - config: tiny.yaml
    numbers: {accuracy: classification.accuracy}
    set: {training.epochs: 1, training.log_every: 5}
    minutes: 0.1
  - rows: ["20"]
    set: {task.examples: 20}
  - columns: [without]
    set: {weights: {gen: 1, prior: 10}}
scales:
  small:
    about: one epoch on drawn bars
    seeds: 1
  none:
    about: nothing at all
    seeds: 2
    rules:
      - skip: nothing is run on this scale
"""


@pytest.fixture
def recipe_file(tiny_config: Path) -> Path:
    """The recipe in the working folder, with the config and the table that it names."""
    (tiny_config.parent / "bars_table.yaml").write_text(TABLE, encoding="utf-8")
    file = tiny_config.parent / "bars.yaml"
    file.write_text(RECIPE, encoding="utf-8")
    return file
