"""Published tables: the paper's own numbers, and errors that list what there is."""

from __future__ import annotations

import re

import pytest

from gedi_nesy.errors import UserError
from gedi_nesy.reporting.published import Cell, load_published

# The lines of table 6 as the paper's text prints them: accuracy and NMI of three columns.
PRINTED = """100 0.10 ± 0.00 0.00 ± 0.00 0.08 ± 0.01 0.22 ± 0.03 0.42 ± 0.02 0.35 ± 0.01
1000 0.10 ± 0.00 0.00 ± 0.00 0.09 ± 0.03 0.29 ± 0.06 0.96 ± 0.01 0.91 ± 0.01
10000 0.10 ± 0.00 0.00 ± 0.00 0.11 ± 0.05 0.44 ± 0.10 0.97 ± 0.00 0.93 ± 0.00"""


@pytest.mark.parametrize("line", PRINTED.splitlines())
def test_cells_equal_the_paper(line: str) -> None:
    table, row = load_published("gedi-table6"), line.split()[0]
    printed = [Cell(float(value), float(spread)) for value, spread in re.findall(r"(\S+) ± (\S+)", line)]
    assert [table.cells[row, column, metric] for column in table.columns for metric in table.metrics] == printed


def test_table_says_where_it_is_from() -> None:
    table = load_published("gedi-table6")
    assert "Sansone" in table.source and "Table 6" in table.source
    assert table.rows == ("100", "1000", "10000")
    assert table.columns["GEDI & NeSy"] == "GEDI & NeSy (full solution)"


def test_a_place_in_one_line() -> None:
    described = load_published("gedi-table6").describe("1000", "GEDI & NeSy")
    assert (
        described == "accuracy 0.96 ± 0.01, nmi 0.91 ± 0.01 (median ± standard deviation, examples 1000, GEDI & NeSy)"
    )


def test_unknown_table_lists_known_ones() -> None:
    with pytest.raises(UserError, match=r'"gedi-table66" is not a published table. Known: gedi-table6. Did you mean'):
        load_published("gedi-table66")


@pytest.mark.parametrize(("row", "column", "what"), [("1", "GEDI & NeSy", "a row"), ("1000", "GEDI", "a column")])
def test_unknown_place_lists_known_ones(row: str, column: str, what: str) -> None:
    with pytest.raises(UserError, match=f"is not {what} of published table .*Known: "):
        load_published("gedi-table6").place(row, column)
