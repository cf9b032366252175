"""Every program does what its header says, through both backends.

A header line `%! key: value` is read here; each `query` begins a case:
    query     a query
    images    the images that the program's first network reads; `images of NETWORK` for any other
    labels    its label columns
    answers   how many answers have a proof (1 unless stated)
    uniform   P under uniform class probabilities; `P for LABELS` where there are labels
    worlds    how many readings of the images make it hold; `COUNT for LABELS` where there are labels
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
from gedi_nesy.logic.from_program import specify
from gedi_nesy.logic.program import load_program

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted((ROOT / "programs").glob("*.pl"))


def read_header(path):
    """The cases of a program: values by key."""
    cases = []
    for line in path.read_text().splitlines():
        if line.startswith("%!"):
            key, _, value = line[2:].partition(":")
            if key.strip() == "query":
                cases.append(defaultdict(list))
            cases[-1][key.strip()].append(value.strip())
    return cases


def images_by_key(case):
    return {key: value[0].split() for key, value in case.items() if key.startswith("images")}


def num_images(case):
    return sum(map(len, images_by_key(case).values()))


def specify_case(path, case):
    """The case as a spec."""
    first = load_program(path).neural_predicates[0].network
    networks = {
        first if key == "images" else key.removeprefix("images of "): names
        for key, names in images_by_key(case).items()
    }
    spec = specify(path, case["query"][0], networks)
    assert spec.template.labels == tuple(" ".join(case["labels"]).split())
    return spec


def expectations(case, num_worlds):
    """Label values and probability of each answer that a case states."""
    for key, unit in (("uniform", 1), ("worlds", num_worlds)):
        for line in case[key]:
            value, _, label = line.partition(" for ")
            yield tuple(label.split()), float(value) / unit


def uniform_log_probs(spec):
    return {
        name: torch.full((1, len(shape.inputs), shape.num_classes), -math.log(shape.num_classes), dtype=torch.float64)
        for name, shape in spec.networks.items()
    }


CASES = [
    pytest.param(path, case, id=f"{path.name}-{number}")
    for path in PROGRAMS
    for number, case in enumerate(read_header(path))
]
# DeepProbLog takes seconds for cases of 16 images and had not ended after a minute for parity of 20.
SMALL_CASES = [case for case in CASES if num_images(case.values[1]) <= 5]


@pytest.mark.parametrize(("path", "case"), CASES)
def test_header_states_what_the_program_gives(path, case):
    spec = specify_case(path, case)
    constraint = circuit_constraint.build_constraint(spec)
    assert len(constraint.answers) == int((case["answers"] or ["1"])[0])
    log_probs = uniform_log_probs(spec)
    num_worlds = math.prod(shape.num_classes ** len(shape.inputs) for shape in spec.networks.values())
    stated = list(expectations(case, num_worlds))
    assert stated
    for label, probability in stated:
        answer = torch.tensor([constraint.answer_index(label)])
        actual = constraint.log_probability(log_probs, answer).exp().item()
        assert actual == pytest.approx(probability, rel=1e-9)


@pytest.mark.parametrize(("path", "case"), SMALL_CASES)
def test_deepproblog_gives_the_same(path, case):
    spec = specify_case(path, case)
    log_probs = uniform_log_probs(spec)
    circuit, reference = (module.build_constraint(spec) for module in (circuit_constraint, deepproblog))
    assert circuit.answers == reference.answers
    answer = torch.tensor([len(circuit.answers) // 2])
    torch.testing.assert_close(circuit.log_probability(log_probs, answer), reference.log_probability(log_probs, answer))


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_nothing_looks_wrong(path):
    report = check(load_program(path))
    queries = {case["query"][0].partition("(")[0] for case in read_header(path)}
    assert {name.partition("/")[0] for name in report.unused} <= queries
    assert report.undefined == ()
