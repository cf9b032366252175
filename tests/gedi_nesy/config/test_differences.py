"""Only what differs, by the names of list items, with a column for each tree."""

from __future__ import annotations

import pytest

from gedi_nesy.config.differences import differences, written

KNN, PROBE = {"name": "knn", "k": 15, "metrics": ["cosine"]}, {"name": "linear_probe", "epochs": 3}


@pytest.mark.parametrize(
    ("trees", "expected"),
    [
        ([{"a": 1}, {"a": 1}], {}),
        ([{"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}], {"a.c": [2, 3]}),
        ([{"a": None}, {"a": {"b": 1}}], {"a.b": [None, 1]}),
        ([{"a": 1}, {}], {"a": [1, None]}),
        ([{"a": []}, {}], {"a": [[], None]}),
        ([{"widths": [1, 2]}, {"widths": [1, 2, 3]}], {"widths": [[1, 2], [1, 2, 3]]}),
        ([{"e": [KNN, PROBE]}, {"e": [KNN]}], {"e.linear_probe": ["present", None]}),
        ([{"e": [KNN]}, {"e": [KNN | {"k": 5}]}], {"e.knn.k": [15, 5]}),
        (
            [{"e": [KNN]}, {"e": [KNN | {"k": 5}]}, {}],
            {"e.knn": ["present", "present", None], "e.knn.k": [15, 5, None]},
        ),
        ([{"e": [KNN, PROBE]}, {"e": [PROBE, KNN]}], {"e": [["knn", "linear_probe"], ["linear_probe", "knn"]]}),
        (
            [{"views": [[KNN], [PROBE]]}, {"views": [[KNN], [KNN]]}],
            {"views.1.linear_probe": ["present", None], "views.1.knn": [None, "present"]},
        ),
    ],
)
def test_differences(trees, expected):
    assert differences(trees) == expected


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (0.004, "0.004"), (True, "true"), ("a", "a"), ("1", "'1'"), ([1, "b"], "[1, b]")]
)
def test_values_are_written_as_in_a_config(value, text):
    assert written(value) == text
