"""Published tables: the papers' own numbers, marks, and errors that list what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gedi_nesy.errors import UserError
from gedi_nesy.reporting.published import Cell, Metric, load_published, published_names, read_published, verdict

# The lines of table 6 as the paper's text prints them: accuracy and NMI of three columns.
PRINTED = """100 0.10 ± 0.00 0.00 ± 0.00 0.08 ± 0.01 0.22 ± 0.03 0.42 ± 0.02 0.35 ± 0.01
1000 0.10 ± 0.00 0.00 ± 0.00 0.09 ± 0.03 0.29 ± 0.06 0.96 ± 0.01 0.91 ± 0.01
10000 0.10 ± 0.00 0.00 ± 0.00 0.11 ± 0.05 0.44 ± 0.10 0.97 ± 0.00 0.93 ± 0.00"""

# Rows, columns, metrics, and places that the paper leaves empty or cannot be read.
SHAPES = {
    "aavae-figure3": (6, 1, 1, 6),
    "aavae-figure4": (15, 1, 1, 15),
    "aavae-table1": (18, 3, 1, 20),
    "aavae-table2": (8, 2, 1, 1),
    "gedi-table2": (2, 5, 1, 0),
    "gedi-table3": (2, 5, 1, 0),
    "gedi-table4": (6, 3, 2, 0),
    "gedi-table5": (2, 6, 1, 0),
    "gedi-table6": (3, 3, 2, 0),
    "gedi-table10": (3, 6, 1, 0),
    "gedi-table11": (2, 6, 1, 0),
    "gedi-table12": (2, 6, 1, 0),
    "simvae-figure5": (7, 1, 1, 0),
    "simvae-table1": (8, 4, 2, 0),
    "simvae2023-table1": (8, 3, 4, 4),
    "simvae2023-table2": (5, 1, 2, 0),
    "simvae2023-table6": (5, 3, 2, 0),
    "simvae2023-table7": (3, 3, 2, 2),
    "simvae2023-table8": (4, 3, 3, 4),
}

# Cells read off the papers once more, apart from the transcription.
SPOT_CHECKS = [
    ("gedi-table2", "Circles", "no inv", "nmi", "0.22 ± 0.13"),
    ("gedi-table3", "Moons", "SwAV", "nmi", "0.76 ± 0.36"),
    ("gedi-table4", "JEM", "CIFAR-100", "fid", "271 ± 85"),
    ("gedi-table4", "no gen", "CIFAR-100", "nmi", "0.87 ± 0.00"),
    ("gedi-table5", "CIFAR-10", "no gen", "auroc", "0.1"),
    ("gedi-table5", "CIFAR-100", "two stage", "auroc", "0.93"),
    ("gedi-table10", "SVHN", "Barlow", "linear_probe", "0.75 ± 0.01"),
    ("gedi-table11", "CIFAR-100", "GEDI", "auroc", "0.61"),
    ("gedi-table12", "SVHN", "no gen", "auroc", "0.55"),
    ("simvae-table1", "VicREG", "CelebA", "mlp_probe", "94.7 ± 0.1"),
    ("simvae-table1", "SimVAE", "CIFAR10", "knn_euclidean", "47.1 ± 0.0"),
    ("simvae-figure5", "SimCLR", "hair colour", "mlp_probe", "52.0 ± 0.2"),
    ("simvae2023-table1", "SimCLR", "Fashion", "gaussian_mixture_accuracy", "63.6 ± 2.2"),
    ("simvae2023-table2", "SimVAE", "hair color", "linear_probe", "80.9 ± 0.5"),
    ("simvae2023-table6", "Random", "CIFAR10", "gaussian_mixture_ari", "0.09 ± 0.0"),
    ("simvae2023-table7", "MoCo", "CIFAR10", "gaussian_mixture_nmi", "16.5 ± 0.4"),
    ("simvae2023-table8", "VAE", "CIFAR10", "negative_log_likelihood", "22330.8 ± 0.2"),
    ("aavae-table1", "YADIM", "STL-10", "linear_probe", "92.15"),
    ("aavae-table2", "AAVAE", "1%", "accuracy", "21.37"),
]


@pytest.mark.parametrize("line", PRINTED.splitlines())
def test_cells_equal_the_paper(line: str) -> None:
    table, row = load_published("gedi-table6"), line.split()[0]
    printed = [Cell(text) for text in re.findall(r"\S+ ± \S+", line)]
    assert [table.cells[row, column, metric] for column in table.columns for metric in table.metrics] == printed


def test_every_table_has_the_papers_shape() -> None:
    assert set(published_names()) == set(SHAPES)
    for name, (rows, columns, metrics, missing) in SHAPES.items():
        table = load_published(name)
        assert (len(table.rows), len(table.columns), len(table.metrics)) == (rows, columns, metrics), name
        assert len(table.cells) == rows * columns * metrics - missing, name


@pytest.mark.parametrize(("name", "row", "column", "metric", "printed"), SPOT_CHECKS)
def test_spot_checks(name: str, row: str, column: str, metric: str, printed: str) -> None:
    assert load_published(name).place(row, column)[metric].printed == printed


def test_tables_are_listed_in_the_papers_order() -> None:
    names = [name for name in published_names() if name.startswith("gedi")]
    assert names == [f"gedi-table{number}" for number in (2, 3, 4, 5, 6, 10, 11, 12)]


def test_table_says_where_it_is_from() -> None:
    table = load_published("gedi-table6")
    assert "Sansone" in table.source and "Table 6" in table.source
    assert table.rows == ("100", "1000", "10000")
    assert table.columns["GEDI & NeSy"] == "GEDI & NeSy (full solution)"
    assert table.statistic == "median ± standard deviation"
    assert load_published("gedi-table5").statistic == "one number, of how many runs is not said"


def test_distances_and_errors_are_better_when_lower() -> None:
    lower = {
        (name, metric)
        for name in published_names()
        for metric, what in load_published(name).metrics.items()
        if what.better == "lower"
    }
    assert lower == {("gedi-table4", "fid")} | {
        ("simvae2023-table8", metric) for metric in ("reconstruction_error", "fid", "negative_log_likelihood")
    }


@pytest.mark.parametrize(
    ("value", "printed", "better", "mark"),
    [
        (0.945, "0.96 ± 0.01", "higher", "within"),
        (0.944, "0.96 ± 0.01", "higher", "worse"),
        (0.976, "0.96 ± 0.01", "higher", "better"),
        (190.0, "201 ± 3", "lower", "better"),
        (205.0, "201 ± 3", "lower", "worse"),
        (204.5, "201 ± 3", "lower", "within"),
        (0.14, "0.1", "higher", "within"),
        (0.16, "0.1", "higher", "better"),
    ],
)
def test_marks_follow_direction_spread_and_rounding(value: float, printed: str, better: str, mark: str) -> None:
    metric = Metric.model_validate({"heading": "x", "better": better})
    assert verdict(value, Cell(printed), metric) == mark


def test_a_place_in_one_line() -> None:
    described = load_published("gedi-table6").describe("1000", "GEDI & NeSy")
    assert (
        described == "accuracy 0.96 ± 0.01, nmi 0.91 ± 0.01 (median ± standard deviation, examples 1000, GEDI & NeSy)"
    )


def test_unknown_table_lists_known_ones() -> None:
    with pytest.raises(
        UserError, match=r'"gedi-table66" is not a published table. Known: .*gedi-table6.* Did you mean'
    ):
        load_published("gedi-table66")


@pytest.mark.parametrize(("row", "column", "what"), [("1", "GEDI & NeSy", "a row"), ("1000", "GEDI", "a column")])
def test_unknown_place_lists_known_ones(row: str, column: str, what: str) -> None:
    with pytest.raises(UserError, match=f"is not {what} of published table .*Known: "):
        load_published("gedi-table6").place(row, column)


TABLE = """\
title: t
paper: p
reference: Table 1
center: mean
spread: standard error
row_heading: Method
columns: {A: a, B: b}
metrics: {x: {heading: X, better: higher, unit: percent}}
cells:
  r: {A: 1.0 ± 0.1, B: \u2013}
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("", "", ""),
        ("1.0 ± 0.1", "1.0", 'row "r", column "A": "1.0" has not the form "0.98 ± 0.01" or "\u2013"'),
        ("1.0 ± 0.1", "[1.0 ± 0.1, 2.0 ± 0.1]", "has 2 numbers for 1 metrics"),
        (", B: \u2013}", "}", 'row "r" has the columns A, not A, B'),
        ("better: higher", "better: up", "metrics.x.better"),
        ("title: t", "tittle: t", "mine.yaml:1:1  title is missing: mine.yaml needs it"),
        ("cells:", "cells: [", r"mine.yaml:11:1  not valid YAML"),
        ("center: mean", "center: meen", r"mine.yaml:4:1  center is \"meen\": must be 'mean' or 'median'"),
        (TABLE, "- title", r"mine.yaml:1:1  a table of published numbers is a mapping of keys to values"),
    ],
)
def test_faults_of_a_table_file_are_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(TABLE.replace(old, new) if old else TABLE, encoding="utf-8")
    if not old:
        assert read_published(file).cells == {("r", "A", "x"): Cell("1.0 ± 0.1")}
        return
    with pytest.raises(UserError, match=words):
        read_published(file)


def test_all_faults_of_a_table_file_are_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(TABLE.replace("mean", "meen").replace("higher", "up").replace("1.0 ± 0.1", "1"), encoding="utf-8")
    with pytest.raises(UserError) as error:
        read_published(file)
    places = [line.partition("  ")[0].removeprefix(f"{file}:") for line in str(error.value).splitlines()]
    assert places == ["4:1", "8:27", "10:7"]
