"""docs/api.md has every public name."""

from __future__ import annotations

import re
from pathlib import Path

import gedi_nesy
from gedi_nesy import errors
from gedi_nesy.methods import CAPABILITIES

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


def test_every_public_name_and_capability_is_there():
    listed = {name.rpartition(".")[2] for name in re.findall(r"^::: gedi_nesy\.([\w.]+)$", PAGE, re.M)}
    assert "errors" in listed, "the whole module is shown"
    wanted = {*gedi_nesy.__all__, *(protocol.__name__ for protocol in CAPABILITIES.values())}
    assert wanted - listed - vars(errors).keys() - {"hookimpl"} == set()
