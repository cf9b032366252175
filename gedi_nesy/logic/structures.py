"""The constraints of a query, built as examples turn up that need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.circuit import Circuit
from gedi_nesy.logic.constraint import Constraint, ConstraintBuilder, ConstraintSpec, NetworkShape
from gedi_nesy.logic.examples import Structure
from gedi_nesy.logic.family import ConstraintFamily
from gedi_nesy.logic.learnable import LearnableProbabilities
from gedi_nesy.logic.limits import Limits, compiled_circuit
from gedi_nesy.logic.networks import check_domains, inputs_of
from gedi_nesy.logic.program import Program
from gedi_nesy.logic.query import QueryTemplate


@dataclass
class Structures:
    """Every structure met so far has a number and a constraint.

    Attributes:
        program: with its neural predicates.
        template: the query; its lists and constants may be open.
        classes: for each network the classifier's classes that are its domain.
        build: the logic backend.
        limits: of each grounding and compilation.
        complements: whether examples may have targets other than 1.
        learnable: the parameters of `t(_)`, shared by all.
    """

    program: Program
    template: QueryTemplate
    classes: Mapping[str, Sequence[int]]
    build: ConstraintBuilder
    limits: Limits
    complements: bool = False
    learnable: LearnableProbabilities = field(default_factory=LearnableProbabilities)
    _constraints: dict[Structure, Constraint] = field(default_factory=dict)
    _refused: dict[Structure, ProgramError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """ProgramError where a network's classes are not its domain, or one image is not what it reads."""
        for neural in self.program.neural_predicates:
            if neural.num_inputs != 1:
                raise ProgramError(
                    f"the neural predicate {neural.functor}/{neural.arity} reads {neural.num_inputs} images at once; a"
                    " classifier of single images cannot feed it, a loop of your own can (Constraint.from_program)",
                    neural.position,
                )
        check_domains(self.program, {name: len(indices) for name, indices in self.classes.items()})

    def number(self, structure: Structure) -> int:
        """The number of a structure, which gets a constraint when it is new; ProgramError when it cannot have one."""
        if structure in self._refused:
            raise self._refused[structure]  # many examples may have it
        if structure not in self._constraints:
            try:
                self._constraints[structure] = self.build(self._spec(structure), self.limits)
            except ProgramError as error:
                self._refused[structure] = error
                raise
        return list(self._constraints).index(structure)

    def constraint(self, structure: Structure) -> Constraint:
        """The constraint of a structure."""
        number = self.number(structure)
        return list(self._constraints.values())[number]

    def circuit(self, structure: Structure) -> Circuit:
        """The circuit of a structure, whatever the backend."""
        bound = structure.bind(self.template)
        return compiled_circuit(self.program, bound, self.limits, complements=self.complements)

    def family(self, num_classes: int) -> ConstraintFamily:
        """All constraints so far, over a classifier with this many classes."""
        return ConstraintFamily(self._constraints, self.classes, num_classes)

    def _spec(self, structure: Structure) -> ConstraintSpec:
        bound = structure.bind(self.template)
        inputs = inputs_of(self.program, bound, lambda: self.circuit(structure))
        _refuse_shared_images(inputs, bound)
        shapes = {name: NetworkShape(inputs[name], len(self.classes[name])) for name in inputs}
        return ConstraintSpec(self.program, bound, shapes, self.complements, self.learnable)


def _refuse_shared_images(inputs: Mapping[str, Sequence[tuple[str, ...]]], template: QueryTemplate) -> None:
    """One classifier feeds all networks: two of them on one image would count its class twice, as independent draws."""
    readers = {slot: [name for name, read in inputs.items() if (slot,) in read] for slot in template.slots}
    for slot, names in readers.items():
        if len(names) > 1:
            raise ProgramError(
                f"the networks {' and '.join(names)} both read {slot} in the query {template.text}; one classifier feeds"
                " both, so let one network read it and derive the other predicate by a rule"
            )
