"""DeepProbLog's own programs mean the same here: probabilities and gradients of its exact engine."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.compiling import compile
from gedi_nesy.logic.evaluation import CircuitEvaluator
from gedi_nesy.logic.formula import NeuralSource
from gedi_nesy.logic.grounding import ground
from gedi_nesy.logic.program import parse
from gedi_nesy.logic.query import QueryTemplate

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="ApproximateEngine is not available")
    import deepproblog
    from deepproblog.engines import ExactEngine
    from deepproblog.model import Model
    from deepproblog.network import Network
    from deepproblog.query import Query
from problog.logic import Constant, Term

FOLDER = Path(deepproblog.__file__).parent / "examples"
# The program of its test of neural predicates, word for word.
NEURAL_PREDICATES = """
nn(dummy1,[X],Y,[a,b,c]) :: net1(X,Y).
nn(dummy2,[X]) :: net2(X).
nn(dummy3,[X],Y) :: net3(X,Y).
nn(dummy4,[X,Y]) :: net4(X,Y).

test1(X1,Y1,X2,Y2) :- net1(X1,Y1), net1(X2,Y2).
test2(X1,X2) :- net2(X1), net2(X2).
test3(X,Y) :- net3(X,Y).
"""
# File (or text), query, variables that are images, variables that are labels.
PROGRAMS = {
    "its test of nn/4": (NEURAL_PREDICATES, "test1(A,Y,B,Z)", "AB", "YZ"),
    "its test of nn/4, one image twice": (NEURAL_PREDICATES, "test1(A,a,A,a)", "A", ""),
    "its test of nn/2": (NEURAL_PREDICATES, "test2(A,B)", "AB", ""),
    "its test of nn/2, one image twice": (NEURAL_PREDICATES, "test2(A,A)", "A", ""),
    "its test of two inputs": (NEURAL_PREDICATES, "net4(A,B)", "AB", ""),
    "minimal addition": ("minimal/addition.pl", "addition(A,B,T)", "AB", "T"),
    "coins": ("Coins/model.pl", "game(A,O)", "A", "O"),
    "addition of digits": ("MNIST/models/addition.pl", "addition(A,B,T)", "AB", "T"),
    "addition of numbers": ("MNIST/models/addition.pl", "multi_addition([A,B],[C],17)", "ABC", ""),
    "addition of three images": ("MNIST/models/all_digit_addition.pl", "addition(A,B,C)", "ABC", ""),
    "any sum": ("MNIST/models/any_sum.pl", "anysum([[A,B],[C,D]],7)", "ABCD", ""),
    "noisy addition": ("MNIST/models/noisy_addition.pl", "addition_noisy(A,B,T)", "AB", "T"),
    "bubble sort": ("Forth/Sort/compare.pl", "forth_sort([A,B,C],S)", "ABC", "S"),
    "quicksort": ("Forth/Sort/quicksort.pl", "forth_sort([A,B,C],S)", "ABC", "S"),
    "formulas": ("HWF/model.pl", "expression([A,O,B],R)", "AOB", "R"),
    "poker": ("Poker/model.pl", "game([A,B,C,D],O)", "ABCD", "O"),
}
# What of it a circuit cannot do, and what we say.
REFUSED = {
    "its test of nn/3": (NEURAL_PREDICATES, "test3(A,Y)", "A", "Y", r"p\.pl:4:1  .* is a tensor \(nn/3\)"),
    "tensors as inputs": ("Forth/WAP/wap.pl", "wap(A,1,2,3,R)", "A", "R", r"p\.pl:1:1  .* is a tensor \(nn/3\)"),
    "numbers as inputs": ("Forth/Add/choose.pl", "add([1],[2],0,R)", "", "R", "reads 1, which is no image"),
    "inputs that are no list": ("CLUTRR/model_forward.pl", "rules(R)", "", "R", "is the list of inputs, such as"),
}


def _text(source: str) -> str:
    return (FOLDER / source).read_text() if source.endswith(".pl") else source


class Rows:
    """Class probabilities as functions of trainable logits: for each network, the row of each tuple of slots."""

    def __init__(self, program, num_slots):
        generator = torch.Generator().manual_seed(0)
        self.logits = {
            neural.network: torch.randn(
                *[num_slots] * neural.num_inputs, neural.num_classes, generator=generator, dtype=torch.float64
            ).requires_grad_()
            for neural in program.neural_predicates
            if not neural.is_tensor
        }

    def __call__(self, network, slots):
        return self.logits[network][tuple(slots)].softmax(0)

    def gradients(self, values):
        """Of a sum in which each value has a weight of its own."""
        total = sum(number * value for number, value in enumerate(values, start=1))
        found = torch.autograd.grad(total, list(self.logits.values()), allow_unused=True, retain_graph=True)
        zeros = (torch.zeros_like(logits) for logits in self.logits.values())
        return [zero if gradient is None else gradient for zero, gradient in zip(zeros, found, strict=True)]


def _by_circuit(program, template, rows):
    circuit = compile(ground(program, template))
    weights = [
        rows(choice.source.network, choice.source.slots)
        if isinstance(choice.source, NeuralSource)
        else torch.tensor(getattr(choice.source, "probabilities", None) or choice.source.initial, dtype=torch.float64)
        for choice in circuit.choices
    ]
    values = CircuitEvaluator(circuit)(torch.cat(weights).log().unsqueeze(1)).exp().squeeze(1)
    return dict(zip(circuit.answers, values, strict=True))


class _Network(torch.nn.Module):
    """What DeepProbLog calls: its inputs are the slots' numbers."""

    def __init__(self, name, is_boolean, rows):
        super().__init__()
        self.name, self.is_boolean, self.rows = name, is_boolean, rows

    def forward(self, *slots):
        row = self.rows(self.name, [int(slot) for slot in slots])
        return row[1:] if self.is_boolean else row


def _by_deepproblog(program, template, rows):
    networks = {
        neural.network: Network(_Network(neural.network, neural.domain is None, rows), neural.network)
        for neural in program.neural_predicates
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The use of '.*==' might give unexpected results")
        model = Model(program.text, list(networks.values()), load=False)
    model.set_engine(ExactEngine(model), cache=False)
    slots = [Term("tensor", Term("slots", Constant(index))) for index in range(len(template.slots))]
    model.add_tensor_source("slots", {(Constant(index),): torch.tensor(index) for index in range(len(slots))})
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Converting a tensor with requires_grad=True")
        (result,) = model.solve([Query(template.goal(slots))])
    named = {f"tensor(slots({index}))": f"slot({index})" for index in range(len(slots))}
    found = {}
    for term, value in result.result.items():
        texts = template.answer(term)
        for old, new in named.items():
            texts = tuple(text.replace(old, new) for text in texts)
        found[texts] = torch.as_tensor(value, dtype=torch.float64)
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_probabilities_and_gradients_are_those_of_deepproblog(name):
    source, query, images, labels = PROGRAMS[name]
    program = parse(_text(source))
    template = QueryTemplate.parse(query, dict.fromkeys(images, "image") | dict.fromkeys(labels, "label"))
    rows = Rows(program, len(images))
    ours, theirs = _by_circuit(program, template, rows), _by_deepproblog(program, template, rows)
    assert ours.keys() <= theirs.keys()
    assert all(theirs[answer] == 0 for answer in theirs.keys() - ours.keys())
    for answer, value in ours.items():
        torch.testing.assert_close(value, theirs[answer], rtol=0, atol=1e-5)
    assert sum(value.item() for value in ours.values()) > 0
    pairs = zip(rows.gradients(ours.values()), rows.gradients([theirs[answer] for answer in ours]), strict=True)
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", REFUSED)
def test_what_circuits_cannot_do_is_refused(name):
    source, query, images, labels, message = REFUSED[name]
    template = QueryTemplate.parse(query, dict.fromkeys(images, "image") | dict.fromkeys(labels, "label"))
    with pytest.raises(ProgramError, match=message):
        ground(parse(_text(source), "p.pl"), template)


def test_classes_that_exclude_each_other_have_no_proof():
    """DeepProbLog gives 0 for `test1(i1,a,i1,b)`; a loss of infinity would teach nothing, so it is an error here."""
    template = QueryTemplate.parse("test1(A,a,A,b)", {"A": "image"})
    with pytest.raises(ProgramError, match="each of its proofs contradicts itself"):
        compile(ground(parse(NEURAL_PREDICATES), template))
