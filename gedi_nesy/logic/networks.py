"""Whether what the networks give is what a program reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from gedi_nesy.errors import ProgramError, did_you_mean
from gedi_nesy.logic.constraint import ConstraintSpec, NetworkShape
from gedi_nesy.logic.formula import NeuralSource
from gedi_nesy.logic.program import NeuralPredicate, Program
from gedi_nesy.logic.query import QueryTemplate

if TYPE_CHECKING:
    from gedi_nesy.logic.circuit import Circuit


def check_networks(spec: ConstraintSpec) -> None:
    """Raise ProgramError unless the networks of a spec serve all neural predicates of its program."""
    if not spec.template.slots:
        raise ProgramError(
            f"the query {spec.template.text} has no image; declare at least one of its variables as image"
        )
    check_domains(spec.program, {name: shape.num_classes for name, shape in spec.networks.items()})
    for neural in spec.program.neural_predicates:
        _check_inputs(neural, spec.networks[neural.network])
    wanted = list(dict.fromkeys(neural.network for neural in spec.program.neural_predicates))
    for name, shape in spec.networks.items():
        if name not in wanted:
            raise ProgramError(
                f'{spec.program.source} has no network "{name}". Its networks: {", ".join(wanted) or "none"}.'
                f"{did_you_mean(name, wanted)}"
            )
        for slot in (slot for slots in shape.inputs for slot in slots if slot not in spec.template.slots):
            raise ProgramError(
                f"{name} is to read {slot}, which is no image of the query {spec.template.text}."
                f" Its images: {', '.join(spec.template.slots)}.{did_you_mean(slot, spec.template.slots)}"
            )


def inputs_of(
    program: Program, template: QueryTemplate, circuit: Callable[[], Circuit]
) -> dict[str, tuple[tuple[str, ...], ...]]:
    """What each network of a program reads among the slots of a template.

    The only network of a program, if it reads single images, reads every slot; otherwise the circuit tells.
    """
    networks = list(dict.fromkeys(neural.network for neural in program.neural_predicates))
    if len(networks) == 1 and all(neural.num_inputs == 1 for neural in program.neural_predicates):
        return {networks[0]: tuple((slot,) for slot in template.slots)}
    sources = [choice.source for choice in circuit().choices]
    read = sorted({(source.slots, source.network) for source in sources if isinstance(source, NeuralSource)})
    return {
        name: tuple(tuple(template.slots[slot] for slot in slots) for slots, network in read if network == name)
        for name in networks
    }


def check_domains(program: Program, num_classes: Mapping[str, int]) -> None:
    """Raise ProgramError unless every network of a program has as many classes as its neural predicates have values."""
    for neural in program.neural_predicates:
        predicate, given = f"{neural.functor}/{neural.arity}", num_classes.get(neural.network)
        if given is None:
            raise ProgramError(
                f'the network "{neural.network}" of {predicate} is not bound: say which images it reads',
                neural.position,
            )
        if not neural.is_tensor and neural.num_classes != given:
            outcomes = "2 outcomes (nn/2: false, true)" if neural.domain is None else f"{neural.num_classes} values"
            raise ProgramError(
                f"the neural predicate {predicate} has {outcomes}, its network has {given} classes", neural.position
            )


def unbound_input(template: QueryTemplate, network: str, slots: Sequence[str], shape: NetworkShape) -> ProgramError:
    """A query needs what a network says about slots that nobody gives it."""
    known = ", ".join(map("+".join, shape.inputs))
    return ProgramError(
        f"in the query {template.text} the network {network} reads {'+'.join(slots)}; it is bound to {known or 'nothing'}"
    )


def _check_inputs(neural: NeuralPredicate, shape: NetworkShape) -> None:
    sizes = sorted({len(slots) for slots in shape.inputs})
    if sizes and neural.num_inputs not in sizes:
        raise ProgramError(
            f"the neural predicate {neural.functor}/{neural.arity} reads {_images(neural.num_inputs)} at once,"
            f" its network {neural.network} reads {' or '.join(map(_images, sizes))}",
            neural.position,
        )


def _images(number: int) -> str:
    return f"{number} image" if number == 1 else f"{number} images"
