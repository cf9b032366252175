"""Examples from tables and examples drawn from labelled images."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.backends import deepproblog

from gedi_nesy.data.drawn_examples import Drawer
from gedi_nesy.data.table import Table
from gedi_nesy.data.table_examples import examples_of_table
from gedi_nesy.errors import ConfigError, DataError
from gedi_nesy.logic import circuit_constraint
from gedi_nesy.logic.examples import Structure
from gedi_nesy.logic.limits import Limits
from gedi_nesy.logic.program import parse
from gedi_nesy.logic.query import QueryTemplate
from gedi_nesy.logic.structures import Structures

DIGIT = "nn(net,[X],Y,[0,1,2]) :: digit(X,Y).\n"
TOTAL = DIGIT + "total([],_,0). total([A|R],K,T) :- digit(A,X), total(R,K,S), T is K*X+S."
ROLES = {"L": "images", "K": "constant", "T": "label"}


def structures(text=TOTAL, query="total(L,K,T)", roles=ROLES, classes=(0, 1, 2)):
    template = QueryTemplate.parse(query, roles)
    return Structures(parse(text), template, {"net": classes}, circuit_constraint.build_constraint, Limits())


def table(cells=((0, 1), (2,), (0, 0)), factors=("1", "2", "1"), totals=("3", "4", "2"), **values):
    return Table("t.csv", (2, 3, 4), {"images": cells}, {"K": factors, "sum": totals} | values)


COLUMNS = {"L": "images", "K": "K", "T": "sum"}


def test_rows_become_examples_of_their_structure():
    made = structures()
    examples = examples_of_table(table(), made, COLUMNS)
    assert examples.slots.tolist() == [[0, 1], [2, -1], [0, -1]]
    assert examples.structure.tolist() == [0, 1, 2]
    family = made.family(3)
    answers = [c.answers[a][0] for c, a in zip(family.constraints, examples.answer.tolist(), strict=True)]
    assert answers == ["3", "4", "2"]
    p = torch.randn(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64).softmax(1)
    literal = [p[0, 1] * p[1, 2] + p[0, 2] * p[1, 1], p[2, 2], p[0, 1]]
    torch.testing.assert_close(family.log_probability(p.log(), examples).exp(), torch.stack(literal))


def test_a_fault_of_the_program_is_told_once_where_it_stands():
    made = structures(TOTAL + "\nevidence(digit(img,1)).")
    with pytest.raises(DataError) as caught:
        examples_of_table(table(), made, COLUMNS)
    (line,) = str(caught.value).splitlines()
    assert line.startswith("<program>:3:10  the evidence digit(img,1) asks the network net about img. ")
    assert line.endswith("(asked for t.csv:2 and 2 other rows)")


def test_a_fault_that_a_constant_makes_has_its_place_in_the_program():
    made = structures(TOTAL.replace("total([],_,0).", "total([],K,0) :- ok(K).") + "\nP::ok(P).")
    with pytest.raises(DataError) as caught:
        examples_of_table(table(factors=("1", "7", "1")), made, COLUMNS)
    assert str(caught.value).startswith("<program>:3:4  the probability 7 is not between 0 and 1 (asked for t.csv:3)")


def test_targets_are_probabilities():
    examples = examples_of_table(table(p=("1", "0", "0.25")), structures(), COLUMNS, target="p")
    assert examples.target.tolist() == [1.0, 0.0, 0.25]


def test_every_row_that_is_no_example_is_named():
    bad = table(totals=("3", "5", "nine"), p=("1", "1", "1"))
    with pytest.raises(DataError) as caught:
        examples_of_table(bad, structures(), COLUMNS)
    assert str(caught.value).splitlines() == [
        "t.csv:3  (5) is no answer of the query. Answers: 0, 2, 4",
        "t.csv:4  (nine) is no answer of the query. Answers: 0, 2, 4",
    ]


@pytest.mark.parametrize("value", ["1.5", "yes", "nan", ""])
def test_a_target_outside_0_and_1_is_named(value):
    with pytest.raises(DataError) as caught:
        examples_of_table(table(p=("1", value, "1")), structures(), COLUMNS, target="p")
    assert str(caught.value) == f"t.csv:3  column \"p\": the target '{value}' is no probability between 0 and 1"


def test_missing_columns_are_named_all_at_once():
    with pytest.raises(ConfigError) as caught:
        examples_of_table(table(), structures(), {"L": "sum", "K": "k", "T": "sum"}, target="p")
    assert str(caught.value).splitlines() == [
        't.csv has no image column "sum" for the images L of the query. Its image columns: images.'
        " Bind one in task.columns: {L: ...}.",
        't.csv has no text column "k" for the constant K of the query. Its text columns: K, sum.'
        ' Bind one in task.columns: {K: ...}. Did you mean "K"?',
        't.csv has no column "p" (task.target).',
    ]


def test_a_list_where_one_image_belongs_is_named():
    made = structures(DIGIT + "odd(A) :- digit(A,1).", "odd(A)", {"A": "image"})
    with pytest.raises(DataError) as caught:
        examples_of_table(table(cells=((0,), (1, 2), ())), made, {"A": "images"})
    assert str(caught.value).splitlines() == [
        't.csv:3  column "images": 2 images for A, which is one image; a list has the role images',
        't.csv:4  column "images": 0 images for A, which is one image; a list has the role images',
    ]


LABELS = torch.arange(3).repeat(40)


def drawn(count, labels=LABELS, lengths=(1, 2), classes=(0, 1, 2)):
    made = structures(classes=classes)
    wanted = [Structure((("L", length),), (("K", "1"),)) for length in lengths]
    drawer = Drawer(labels, torch.Generator().manual_seed(0), "train", "task.examples")
    return drawer.draw(made, wanted, count), made


def test_drawn_examples_hold_and_use_each_image_once():
    examples, made = drawn(41)
    assert torch.bincount(examples.structure).tolist() == [21, 20]
    used = examples.slots[examples.slots >= 0]
    assert len(used.unique()) == len(used) == 21 + 40
    certain = torch.nn.functional.one_hot(LABELS, 3).float()
    assert made.family(3).satisfied(certain, examples).all()


def test_domains_may_be_some_of_the_classes():
    labels = torch.tensor([7, 3, 5]).repeat(20)
    examples, made = drawn(10, labels, classes=(3, 5, 7))
    certain = torch.nn.functional.one_hot(labels, 8).float()
    assert made.family(8).satisfied(certain, examples).all()


def test_too_few_images_are_counted():
    with pytest.raises(
        DataError, match=r"the 120 images of the train split suffice for 1\d\d examples, 200 are asked for"
    ):
        drawn(200)


def test_answers_are_matched_by_what_they_say():
    """DeepProbLog counts an answer whose proofs contradict themselves; examples must not shift by it."""
    text = DIGIT + "p(A,0) :- digit(A,1), digit(A,2). p(A,5) :- digit(A,1). p(A,7) :- digit(A,2)."
    template = QueryTemplate.parse("p(A,T)", {"A": "image", "T": "label"})
    made = Structures(parse(text), template, {"net": (0, 1, 2)}, deepproblog.build_constraint, Limits())
    drawer = Drawer(LABELS, torch.Generator().manual_seed(0), "train", "task.examples")
    examples = drawer.draw(made, [Structure()], 10)
    answers = made.family(3).constraints[0].answers
    for slot, answer in zip(examples.slots[:, 0].tolist(), examples.answer.tolist(), strict=True):
        assert answers[answer] == ({1: "5", 2: "7"}[int(LABELS[slot])],)


def test_few_examples_are_found_among_many_readings():
    labels = torch.tensor([0, 1]).repeat(20)
    for seed in range(5):
        made = structures(
            text=DIGIT + "two(A,B) :- digit(A,X), digit(B,Y), X =< Y.",
            query="two(A,B)",
            roles=dict.fromkeys("AB", "image"),
        )
        drawer = Drawer(labels, torch.Generator().manual_seed(seed), "train", "task.examples")
        assert len(drawer.draw(made, [Structure()], 2)) == 2
