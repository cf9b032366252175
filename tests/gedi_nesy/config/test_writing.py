"""What is written is read back the same, by our loader and by YAML 1.1's rules."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gedi_nesy.config.loader import parse_yaml
from gedi_nesy.config.writing import to_yaml

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
NUMBER_LIKE = st.text("0123456789+-._eExabcdefinotruy~", max_size=8)
TREES = st.recursive(
    SCALARS | st.text() | NUMBER_LIKE, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@pytest.mark.parametrize(
    "text", ["08", "09", "1e3", "12e5", "+.5", ".5e3", "08_1", "0o7", "1:30", "on", "null", "~", "", "é", "\x85 "]
)
def test_text_that_looks_like_something_else_stays_text(text):
    written = to_yaml({"key": text})
    assert parse_yaml(written, "file.yaml").data == {"key": text} == yaml.safe_load(written)


@given(TREES)
def test_every_plain_tree_is_read_back(tree):
    written = to_yaml({"key": tree})
    assert parse_yaml(written, "file.yaml").data == {"key": tree} == yaml.safe_load(written)


def test_a_value_within_a_line_has_no_newline():
    assert to_yaml({"a": [1, "08"]}, one_line=True) == "{a: [1, '08']}"
    assert to_yaml("x" * 200, one_line=True) == "x" * 200
