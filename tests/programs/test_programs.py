"""Every program does what its header says, through both backends.

A header line `%! key: value` is read here:
    query     the query template
    images    its image slots          labels    its label columns
    answers   how many answers have a proof (1 unless stated)
    uniform   P under uniform class probabilities; `P for LABEL` where there are labels
"""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path

import pytest
import torch
from gedi_nesy_plugins.backends import deepproblog

from gedi_nesy.logic import circuit_constraint
from gedi_nesy.logic.checking import check
from gedi_nesy.logic.program import load_program
from gedi_nesy.logic.query import QueryTemplate

PROGRAMS = sorted((Path(__file__).parents[2] / "programs").glob("*.pl"))


def read_header(path: Path) -> dict[str, list[str]]:
    header: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text().splitlines():
        if line.startswith("%!"):
            key, _, value = line[2:].partition(":")
            header[key.strip()].append(value.strip())
    return header


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
@pytest.mark.parametrize("backend", [circuit_constraint, deepproblog], ids=["circuit", "deepproblog"])
def test_header_states_what_the_program_gives(path, backend):
    header = read_header(path)
    roles = dict.fromkeys(header["images"][0].split(), "image")
    roles |= dict.fromkeys(" ".join(header["labels"]).split(), "label")
    program = load_program(path)
    num_classes = program.neural_predicates[0].num_classes
    constraint = backend.build_constraint(program, QueryTemplate.parse(header["query"][0], roles), num_classes)
    assert len(constraint.answers) == int((header["answers"] or ["1"])[0])
    uniform = torch.full((1, len(constraint.slots), num_classes), -math.log(num_classes), dtype=torch.float64)
    assert header["uniform"]
    # DeepProbLog compiles each answer on its own, in about a second.
    for expectation in header["uniform"][: 1 if backend is deepproblog else None]:
        value, _, label = expectation.partition(" for ")
        answer = torch.tensor([constraint.answer_index(tuple(label.split()))])
        assert constraint(uniform, answer).exp().item() == pytest.approx(float(value), abs=1e-9)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_nothing_looks_wrong(path):
    report = check(load_program(path))
    query = read_header(path)["query"][0].partition("(")[0]
    assert [name.partition("/")[0] for name in report.unused] == [query]
    assert report.undefined == ()
