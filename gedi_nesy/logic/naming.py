"""What the choices of a circuit and their classes are called when they are shown to a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gedi_nesy.logic.circuit import Circuit
from gedi_nesy.logic.formula import Answer, Constant, Learnable, NeuralSource
from gedi_nesy.logic.program import Program
from gedi_nesy.logic.query import QueryTemplate

ClassNames = Mapping[str, Sequence[str]]  # by network


def answer_text(answer: Answer) -> str:
    """The labels of an answer; `holds` where there are none."""
    return ",".join(answer) or "holds"


def class_names(program: Program) -> dict[str, tuple[str, ...]]:
    """The domain of each network of a program."""
    return {neural.network: neural.classes for neural in program.neural_predicates}


def choice_names(circuit: Circuit, template: QueryTemplate) -> list[str]:
    """A network and the slots it reads; the parameter that is learned; "chance" and its number for a plain probability."""
    names, num_constants = [], 0
    for choice in circuit.choices:
        source = choice.source
        num_constants += isinstance(source, Constant)
        if isinstance(source, NeuralSource):
            names.append(f"{source.network}({','.join(template.slots[slot] for slot in source.slots)})")
        else:
            names.append(source.name if isinstance(source, Learnable) else f"chance {num_constants}")
    return names
