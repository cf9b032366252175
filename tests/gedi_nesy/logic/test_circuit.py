from __future__ import annotations

import pytest

from gedi_nesy.logic.circuit import Circuit
from gedi_nesy.logic.formula import Constant, Learnable, NeuralSource


def test_json_gives_back_every_kind_of_source(compiled):
    text = "nn(net,[X],Y,[0,1]) :: bit(X,Y). 0.3::c. t(_)::a; 0.2::b. p(A,T) :- bit(A,T), c, a. p(A,2) :- b, \\+c."
    circuit = compiled(text, "p(A,T)", {"A": "image", "T": "label"})
    assert {type(choice.source) for choice in circuit.choices} == {NeuralSource, Constant, Learnable}
    copy = Circuit.from_json(circuit.to_json())
    assert copy == circuit
    assert [choice.classes for choice in copy.choices] == [choice.classes for choice in circuit.choices]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"choices": 3}', '{"choices": [{"source": {}, "num_classes": 2}]}'])
def test_other_text_is_an_error(text):
    with pytest.raises((ValueError, KeyError, TypeError)):
        Circuit.from_json(text)
