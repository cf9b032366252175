"""Ours beside the paper's: statistics, marks, and reasons where there is no number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gedi_nesy.engine.state import State
from gedi_nesy.reproduction.execution import Outcome
from gedi_nesy.reproduction.filling import center_of, fill, spread_of
from gedi_nesy.reproduction.job import Job
from gedi_nesy.reproduction.plan import Plan, make_plan
from gedi_nesy.reproduction.recipe import load_recipe

RUNS = Path("runs")


@pytest.fixture
def plan(recipe_file: Path) -> Plan:
    return make_plan(load_recipe(str(recipe_file)), "small", seeds=3, rows=["40"])


def pretend(job: Job, evaluators: list[dict[str, Any]] | None = None, **numbers: Any) -> None:
    """A finished run's folder, as far as the table reads it."""
    folder = job.folder(RUNS)
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.config.write_text("")
    results = {
        "evaluators": json.loads(job.evaluators) if evaluators is None else evaluators,
        "numbers": {"classification": numbers},
        "training": {"seconds": 30.0, "device": "cpu"},
    }
    folder.results.write_text(json.dumps(results))
    folder.environment.write_text(json.dumps({"commit": "a" * 40}))


def test_statistics_are_the_papers() -> None:
    values = [0.1, 0.4, 0.2, 0.9]
    assert center_of(values, "median") == pytest.approx(np.median(values))
    assert center_of(values, "mean") == center_of(values, None) == pytest.approx(np.mean(values))
    assert spread_of(values, "standard deviation") == pytest.approx(np.std(values, ddof=1))
    assert spread_of(values, "standard error") == pytest.approx(np.std(values, ddof=1) / 2)
    assert spread_of([0.3], "standard error") is None


def test_an_entry_is_in_the_papers_unit_with_its_mark(plan: Plan) -> None:
    for job, accuracy, nmi in zip(plan.places[0].jobs, (0.2, 0.5, 0.3), (0.99, 0.97, 0.98), strict=True):
        pretend(job, accuracy=accuracy, nmi=nmi)
    filled = fill(plan, RUNS)
    accuracy, nmi = filled.entry("40", "with", "accuracy"), filled.entry("40", "with", "nmi")
    assert accuracy.center == pytest.approx(30) and accuracy.difference == pytest.approx(10)
    assert accuracy.spread == pytest.approx(np.std([20, 50, 30], ddof=1) / np.sqrt(3))
    assert accuracy.mark == "within" and accuracy.reasons == ()
    assert nmi.center == pytest.approx(0.98) and nmi.mark == "better"


def test_what_is_not_the_same_quantity_has_neither_difference_nor_mark(plan: Plan, recipe_file: Path) -> None:
    table = recipe_file.parent / "bars_table.yaml"
    table.write_text(table.read_text().replace("unit: percent", "unit: percent, comparable: false"))
    plan = make_plan(load_recipe(str(recipe_file)), "small", seeds=1, rows=["40"])
    pretend(plan.places[0].jobs[0], accuracy=0.2, nmi=0.99)
    entry = fill(plan, RUNS).entry("40", "with", "accuracy")
    assert (entry.center, entry.difference, entry.mark) == (pytest.approx(20), None, None)
    assert entry.published is not None and entry.number == "classification.accuracy"


def test_a_cell_that_the_paper_leaves_empty_has_no_mark(plan: Plan) -> None:
    pretend(plan.places[1].jobs[0], accuracy=0.5, nmi=0.0)
    filled = fill(plan, RUNS)
    entry = filled.entry("40", "without", "accuracy")
    assert (entry.center, entry.mark, entry.difference) == (pytest.approx(50), None, None)
    assert filled.entry("40", "without", "nmi").mark == "worse"


def test_runs_that_did_not_finish_are_named_and_left_out(plan: Plan) -> None:
    first, second, third = plan.places[0].jobs
    pretend(first, accuracy=0.2, nmi=0.9)
    pretend(second, accuracy=0.4, nmi=None)
    second_outcome = Outcome(third, State.failed, "the data went away")
    filled = fill(plan, RUNS, {third: second_outcome})
    assert filled.entry("40", "with", "accuracy").center == pytest.approx(30)
    assert filled.entry("40", "with", "accuracy").reasons == ("seed 2: failed: the data went away",)
    assert "seed 1: nmi is not a number (it diverged)" in filled.entry("40", "with", "nmi").reasons


def test_damaged_results_and_unknown_numbers_are_said(plan: Plan) -> None:
    first, second, _ = plan.places[0].jobs
    pretend(first, accuracy=0.2)
    pretend(second, accuracy=0.2, nmi=0.1)
    second.folder(RUNS).results.write_text("{")
    entry = fill(plan, RUNS).entry("40", "with", "nmi")
    assert 'results.json has no number "nmi". It has: classification.accuracy' in entry.reasons
    assert any("results.json is damaged" in reason and "delete" in reason for reason in entry.reasons)


@pytest.mark.parametrize("made_with", [[], [{"name": "classification", "some": "other option"}]])
def test_a_number_made_with_other_options_is_refused(plan: Plan, made_with: list[dict[str, Any]]) -> None:
    first, second, _ = plan.places[0].jobs
    pretend(first, made_with, accuracy=0.9)
    pretend(second, accuracy=0.2)
    entry = fill(plan, RUNS).entry("40", "with", "accuracy")
    assert entry.values == {1: pytest.approx(20)}
    assert entry.reasons[0].startswith("seed 0: the evaluator classification was run with other options")


def test_an_evaluator_without_numbers_says_why(plan: Plan) -> None:
    job = plan.places[0].jobs[0]
    pretend(job)
    results = json.loads(job.folder(RUNS).results.read_text())
    results |= {"numbers": {}, "missing": {"classification": "the scores are not finite"}}
    job.folder(RUNS).results.write_text(json.dumps(results))
    assert fill(plan, RUNS).entry("40", "with", "accuracy").reasons[0] == "seed 0: the scores are not finite"


def test_a_diverged_run_stands_in_its_cell_with_the_reason(plan: Plan) -> None:
    job = plan.places[0].jobs[0]
    folder = job.folder(RUNS)
    folder.path.mkdir(parents=True)
    folder.config.write_text("")
    folder.state.write_text(json.dumps({"state": "diverged", "error": "training diverged at step 4: gen is nan"}))
    reasons = fill(plan, RUNS).entry("40", "with", "accuracy").reasons
    assert reasons[0] == "seed 0: diverged: training diverged at step 4: gen is nan"
