"""Means over seeds: which runs belong together, and what is said of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gedi_nesy.reporting.comparison import write_comparison
from gedi_nesy.reporting.seeds import Spread, over_seeds, spread


def config(seed, rate=0.1, **more):
    return {"name": "c", "seed": seed, "rate": rate, **more}


def test_runs_that_differ_in_their_seed_alone_belong_together():
    configs = [config(2), config(0), config(0, 0.2), config(1, device="cuda"), config(1, 0.2), config(5, 0.3)]
    assert [(group.label, group.runs) for group in over_seeds(configs)] == [
        ("rate 0.1", {0: 1, 1: 3, 2: 0}),
        ("rate 0.2", {0: 2, 1: 4}),
    ]


def test_one_seed_is_no_spread_and_of_two_runs_of_it_the_later_counts():
    assert over_seeds([config(0), config(0), {}]) == []
    (group,) = over_seeds([config(0), config(1), config(0)])
    assert group.label == "" and group.runs == {0: 2, 1: 1}


def test_configs_without_a_short_difference_are_numbered():
    long = {"text": "x" * 50}
    assert [group.label for group in over_seeds([config(0), config(1), config(0, **long), config(1, **long)])] == [
        "config 1",
        "config 2",
    ]


def test_mean_and_deviation_are_those_of_the_known_values():
    found = spread([1.0, None, 3.0])
    assert found == Spread(2.0, pytest.approx(2**0.5), 2) and str(found) == "2.000 ± 1.414"
    assert spread([1.0, None]) is None and spread([]) is None


def test_the_page_has_a_table_of_means(finished_run: Path, tmp_path: Path):
    other = tmp_path / "other"
    shutil.copytree(finished_run, other)
    (other / "config.yaml").write_text((other / "config.yaml").read_text().replace("seed: 0", "seed: 1"))
    results = json.loads((other / "results.json").read_text())
    results["numbers"]["classification"]["accuracy"] = 0.9642
    (other / "results.json").write_text(json.dumps(results))
    page = write_comparison([finished_run, other], tmp_path / "out.html").read_text()
    assert "Over seeds" in page and ">0.974 ± 0.014</td>" in page and "seeds 0, 1" in page
    single = tmp_path / "single"
    shutil.copytree(finished_run, single)
    (single / "config.yaml").write_text((single / "config.yaml").read_text().replace("nesy: 25}", "nesy: 5}"))
    assert "Over seeds" not in write_comparison([finished_run, single], tmp_path / "two.html").read_text()
