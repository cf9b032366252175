"""Which numbers of a run are looked at first, and how they are printed at the end of training."""

from __future__ import annotations

from typing import Any

from gedi_nesy.config.schema import Compare
from gedi_nesy.evaluators import Evaluation
from gedi_nesy.reporting.results import failures_of, main_numbers, with_earlier
from gedi_nesy.reporting.summary import summary

FOUND = {
    "classification": Evaluation({"matched_accuracy": 1.0, "nmi": 0.75, "accuracy": 0.0}, {}),
    "knn": Evaluation({"knn_cosine": 0.5, "knn_cosine_k": 5}, {}, choices={"knn_cosine_k"}),
}
CELL = {"table": "gedi-table2", "row": "Moons", "column": "GEDI"}


def test_numbers_are_in_the_order_of_the_evaluators_without_choices() -> None:
    others = ["classification.matched_accuracy", "classification.nmi", "classification.accuracy", "knn.knn_cosine"]
    assert main_numbers(None, FOUND) == others


def test_the_number_of_the_published_cell_comes_first() -> None:
    assert main_numbers(Compare.model_validate(CELL), FOUND)[:2] == [
        "classification.nmi",
        "classification.matched_accuracy",
    ]
    named = Compare.model_validate(CELL | {"numbers": {"nmi": "knn.knn_cosine"}})
    assert main_numbers(named, FOUND)[0] == "knn.knn_cosine"


def test_the_last_lines_have_main_numbers_first_choices_apart_and_integers_as_such() -> None:
    results: dict[str, Any] = {
        "numbers": {"failures": {"failures_test": 2}, "knn": {"knn_cosine": 0.5, "knn_cosine_k": 5}},
        "definitions": {"failures": {"failures_test": "how many"}, "knn": {"knn_cosine": "how often"}},
        "main": ["knn.knn_cosine", "failures.failures_test"],
        "missing": {},
        "diagnosis": {"failures": ["cluster collapse: one of two"]},
        "failures": {"constraint": ["memorised: all, none"]},
        "compare": None,
        "training": {"epochs": 1, "seconds": 61.0, "device": "cpu"},
    }
    assert summary(results).splitlines() == [
        "   knn_cosine  0.5000  how often",
        "failures_test       2  how many",
        "chosen: knn_cosine_k 5",
        "failure: cluster collapse: one of two",
        "failure: memorised: all, none",
        "trained 1 epoch in 1 min 1 s on cpu",
    ]


def test_a_failure_stays_until_its_evaluator_looks_again() -> None:
    def results(names: list[str], failures: dict[str, list[str]]) -> dict[str, Any]:
        found = {name: {} for name in names}
        return {
            "training": {"steps": 7}, "evaluators": [{"name": name} for name in names], "main": [], "notes": [],
            "numbers": found, "definitions": found, "tables": {}, "images": {}, "missing": {}, "failures": failures,
        }  # fmt: skip

    earlier = results(["constraint", "knn"], {"constraint": ["memorised: x"]})
    assert failures_of(with_earlier(results(["knn"], {}), earlier)) == ["memorised: x"]
    assert failures_of(with_earlier(results(["constraint"], {}), earlier)) == []
