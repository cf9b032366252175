"""Class probabilities are read from JSON and CSV, and what is none is refused."""

from __future__ import annotations

import pytest

from gedi_nesy.errors import DataError
from gedi_nesy.logic.circuit import TRUE, Circuit
from gedi_nesy.logic.class_probabilities import read_probabilities
from gedi_nesy.logic.formula import Choice, Constant, NeuralSource

CHOICES = (
    Choice(NeuralSource("net", (0,)), 2, ("no", "yes")),
    Choice(NeuralSource("net", (1,)), 2, ("no", "yes")),
    Choice(Constant((0.3, 0.7)), 2),
    Choice(NeuralSource("other", (0,)), 3, ("x", "y", "z")),
)
CIRCUIT = Circuit(CHOICES, (), ((),), (TRUE,), TRUE, TRUE, ("p",))
NAMES = ["net(A)", "net(B)", "chance 1", "other(A)"]


def read(tmp_path, text, name="probs.json"):
    file = tmp_path / name
    file.write_text(text)
    return [list(own) for own in read_probabilities(file, CIRCUIT, NAMES)]


def test_json_names_images_by_slot_or_with_their_network(tmp_path):
    found = read(tmp_path, '{"B": [0.9, 0.1], "net(A)": {"yes": 1}, "other(A)": [0.5, 0.25, 0.25]}')
    assert found == [[0, 1], [0.9, 0.1], [0.3, 0.7], [0.5, 0.25, 0.25]]


def test_csv_has_a_row_for_each_image_and_the_rest_is_uniform(tmp_path):
    assert read(tmp_path, "slot,no,yes\nB,0.25,0.75\n", "PROBS.CSV") == [
        [0.5, 0.5],
        [0.25, 0.75],
        [0.3, 0.7],
        [pytest.approx(1 / 3)] * 3,
    ]


def test_probabilities_of_few_digits_are_scaled_to_sum_to_one(tmp_path):
    assert read(tmp_path, '{"B": [0.3334, 0.6675]}')[1] == pytest.approx([0.3334 / 1.0009, 0.6675 / 1.0009])


def test_a_csv_of_a_spreadsheet_begins_with_a_mark(tmp_path):
    assert read(tmp_path, "\ufeffslot,no,yes\nB,0.25,0.75\n", "probs.csv")[1] == [0.25, 0.75]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slot,no,yes\nB,1,0\nA,1,0\nB,0,1\n", r"probs\.csv:4  B has a second row; write one row for each image"),
        ("image,no,yes\nB,1,0\n", r"probs\.csv  the first row must name the columns: slot, then the classes"),
    ],
)
def test_a_csv_of_other_rows_is_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text, "probs.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, r"probs\.json  the JSON is nested too deeply to be read"),
        ("{", "probs.json:1:2  not JSON"),
        ("[1]", "must hold an object"),
        ('{"C": [1, 0]}', r'"C" is no image that the query depends on. Known: net\(A\), net\(B\)'),
        ('{"B": [1, 0, 0]}', "B has 3 values; write 2 probabilities, for no, yes"),
        ('{"B": [1]}', "B has 1 values; write 2 probabilities, for no, yes"),
        ('{"B": 1}', "B has 1; write 2 probabilities"),
        ('{"B": {"maybe": 1}}', 'B has the class "maybe". Classes: no, yes'),
        ('{"B": ["much", 0]}', "are not all numbers"),
        ('{"B": [0.502, 0.5]}', "sum to 1.002; probabilities sum to 1"),
        ('{"B": [0.5, 0.6]}', "sum to 1.1; probabilities sum to 1"),
        ('{"B": [1.5, -0.5]}', "probabilities sum to 1"),
        ('{"B": [NaN, 1]}', "probabilities sum to 1"),
    ],
)
def test_what_are_no_probabilities_is_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none.json  cannot read the probabilities"):
        read_probabilities(tmp_path / "none.json", CIRCUIT, NAMES)
