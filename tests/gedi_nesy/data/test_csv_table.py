"""A table of examples says which images a row has; everything wrong with it is found at once, with its line."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gedi_nesy.data.csv_table import read_table
from gedi_nesy.data.table import joined, shared_images

DIGITS = ("zero", "one", "two")
PAIR = {"left": "left_class", "right": None}


def read(folder, text, columns=PAIR, name="train.csv"):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(folder / name, columns, DIGITS)


def faults(folder, text, columns=PAIR):
    return [str(fault).removeprefix(f"{folder}/") for fault in read(folder, text, columns).faults]


def test_a_file_named_twice_is_one_image(tmp_path):
    (tmp_path / "imgs").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "imgs" / "b.png")
    contents = read(tmp_path, "left,right,sum,left_class\na.png,imgs/b.png,3,two\nimgs/../a.png,link.png, 4 ,\n")
    assert not contents.faults
    table = contents.table
    assert table.images == {"left": ((0,), (0,)), "right": ((1,), (1,))}
    assert table.values == {"sum": ("3", "4"), "left_class": ("two", "")}
    assert table.lines == (2, 3) and table.file == str(tmp_path / "train.csv")
    assert [(image.name, image.label) for image in contents.images] == [("a.png", 2), ("imgs/b.png", -1)]
    assert contents.images[1].file == str((tmp_path / "imgs/b.png").resolve())


def test_a_cell_lists_any_number_of_images_with_their_classes(tmp_path):
    text = "digits,kinds\na;b;a,zero;;zero\nc; d,\nb,one\n"
    contents = read(tmp_path, text, {"digits": "kinds"})
    assert contents.table.images == {"digits": ((0, 1, 0), (2, 3), (1,))} and not contents.faults
    assert [image.label for image in contents.images] == [0, 1, -1, -1]


def test_an_empty_list_is_an_example_when_its_row_has_something_else(tmp_path):
    contents = read(tmp_path, "digits,parity\na;b,odd\n,even\n", {"digits": None})
    assert contents.table.images == {"digits": ((0, 1), ())} and contents.table.values == {"parity": ("odd", "even")}


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfleft,right,left_class\r\na,b,one\r\n",
        b"left,right,left_class\ra,b,one\r",
        b'"left", "right",left_class\n"a",  "b",one',
        b"\nleft,right,left_class\n,,\n\n a , b , one \n\n",
    ],
    ids=["BOM and CRLF", "CR", "quotes and spaces", "blank rows"],
)
def test_what_spreadsheets_write_is_read(tmp_path, text):
    contents = read(tmp_path, text)
    assert not contents.faults and contents.table.images == {"left": ((0,),), "right": ((1,),)}
    assert [image.label for image in contents.images] == [1, -1]


def test_lines_are_counted_in_the_file_and_not_in_rows(tmp_path):
    contents = read(tmp_path, 'left,right,left_class,note\na,b,,"two\nlines"\n\nc,d,,\n')
    assert contents.table.lines == (2, 5) and contents.table.values["note"] == ("two\nlines", "")


HEADER = "left,right,left_class\n"
BAD = {
    "empty file": ("", ["train.csv  the file is empty: its first row names the columns"]),
    "no rows": (HEADER, ["train.csv  no row names an image: each row below the header is an example"]),
    "no image": (
        "left,right,left_class,n\n,,,3\n",
        ["train.csv  no row names an image: each row below the header is an example"],
    ),
    "missing columns": (
        "lefft,right\na,b\n",
        [
            'train.csv:1  column "left" is not there. Did you mean "lefft"? Columns: lefft, right. '
            "Correct data.images or the header",
            'train.csv:1  column "left_class" is not there. Columns: lefft, right. '
            "Correct data.images or the header; data.images.left is null where no class is known",
        ],
    ),
    "column twice": (
        "left,right,left_class,left\na,b,,c\n",
        ['train.csv:1  column "left" is there 2 times: rename all but one'],
    ),
    "number of cells": (
        HEADER + "a,b,\na,b\na,b,,,\n",
        [
            "train.csv:3  number of cells is 2, the header has 3: left, right, left_class",
            "train.csv:4  number of cells is 5, the header has 3: left, right, left_class",
        ],
    ),
    "unknown class": (
        HEADER + "a,b,tow\n",
        [
            'train.csv:2  column "left_class": "tow" is no class. Did you mean "two"? Classes (data.classes): zero, one, two'
        ],
    ),
    "two classes": (
        HEADER + "a,b,one\nc,d,\na,b,two\n",
        [
            'train.csv:4  column "left_class": "a" is "two" here and "one" in line 2, column "left_class". '
            "An image has one class: correct one of them"
        ],
    ),
    "class count": (
        HEADER + "a;b;c,d,one;two\n",
        [
            'train.csv:2  column "left_class": 2 classes for the 3 images of column "left": one for each, '
            "separated by ;, empty where unknown"
        ],
    ),
    "empty name": (
        HEADER + "a;,b,one;\n",
        ['train.csv:2  column "left": "a;" has an empty file name before or after a ";": remove it'],
    ),
    "Latin-1": (
        b"left,right,left_class\na,b,\n\xe4,b,\n",
        ["train.csv:3  not UTF-8 text: save the table as CSV in UTF-8"],
    ),
    "UTF-16": (HEADER.encode("utf-16-le"), ["train.csv  not text, it has zero bytes: save the table as CSV in UTF-8"]),
    "open quote": (HEADER + 'a,b,\n"a,b,\n', ["train.csv:3  not CSV: unexpected end of data"]),
    "several": (
        HEADER + "a,b,three\na\na;;b,b,\n",
        [
            'train.csv:2  column "left_class": "three" is no class. Classes (data.classes): zero, one, two',
            "train.csv:3  number of cells is 1, the header has 3: left, right, left_class",
            'train.csv:4  column "left": "a;;b" has an empty file name before or after a ";": remove it',
        ],
    ),
}


@pytest.mark.parametrize("text, expected", BAD.values(), ids=BAD)
def test_every_fault_is_said_with_its_line(tmp_path, text, expected):
    assert faults(tmp_path, text) == expected


def test_a_missing_file_is_said(tmp_path):
    contents = read_table(tmp_path / "none.csv", PAIR, DIGITS)
    assert [str(fault) for fault in contents.faults] == [
        f"{tmp_path}/none.csv  cannot be read: No such file or directory"
    ]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=80), st.text('abc,;"\n\r left_class', max_size=80).map(str.encode)))
def test_no_bytes_make_the_reader_fail(tmp_path, content):
    contents = read(tmp_path, HEADER.encode() + content)
    assert contents.faults or contents.images


def test_a_test_image_that_is_trained_on_is_named(tmp_path):
    (tmp_path / "more").mkdir()
    train = read(tmp_path, HEADER + "a,b,\nc,d,\n")
    test = read(tmp_path / "more", HEADER + "e,../d,\n", name="test.csv")
    (fault,) = shared_images(train.images, test.images)
    assert str(fault) == (
        f'{tmp_path}/more/test.csv:2  column "right": "../d" is a training image too ({tmp_path}/train.csv:3, column "right"). '
        "A test image must not be trained on: take it out of one of the tables"
    )


@pytest.mark.parametrize("count, last", [(20, "train.csv:21"), (21, "... and 1 more"), (500, "... and 480 more")])
def test_very_many_faults_are_counted(tmp_path, count, last):
    found = read(tmp_path, HEADER + "a,b,four\n" * count).faults
    lines = str(joined(found)).splitlines()
    assert len(lines) == min(count, 20) + (count > 20) and last in lines[-1]
