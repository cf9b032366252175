"""A program, a query and who reads what, as a person gives them, to a `ConstraintSpec`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gedi_nesy.errors import ProgramError, did_you_mean
from gedi_nesy.logic.constraint import ConstraintSpec, NetworkShape
from gedi_nesy.logic.program import Program, load_program, parse
from gedi_nesy.logic.query import QueryTemplate, variables_of

Inputs = Sequence[str | tuple[str, ...]]


def specify(
    program: str | Path,
    query: str,
    networks: Mapping[str, Inputs],
    lengths: Mapping[str, int] | None = None,
    constants: Mapping[str, str] | None = None,
    complements: bool = False,
    allow_python: bool = False,
) -> ConstraintSpec:
    """What `Constraint.from_program` was given, checked and bound; its arguments are explained there."""
    lengths, constants = lengths or {}, constants or {}
    parsed = read_program(program, allow_python)
    template = QueryTemplate.parse(query, _roles(query, networks, lengths, constants)).bind(lengths, constants)
    shapes = {
        name: NetworkShape(_inputs(given, lengths), domain_size(parsed, name)) for name, given in networks.items()
    }
    return ConstraintSpec(parsed, template, shapes, complements)


def read_program(program: str | Path, allow_python: bool) -> Program:
    """A file, a bundled name, or the text of a program: whatever has a line break or a clause in it is text."""
    if isinstance(program, str) and ("\n" in program or "::" in program or ":-" in program):
        return parse(program, allow_python=allow_python)
    return load_program(program, allow_python=allow_python)


def domain_size(program: Program, network: str) -> int:
    """How many classes the program reads from a network.

    Raises:
        ProgramError: it has no such network, or reads different numbers of classes from it.
    """
    served = [neural for neural in program.neural_predicates if neural.network == network]
    if not served:
        known = list(dict.fromkeys(neural.network for neural in program.neural_predicates))
        raise ProgramError(
            f'{program.source} has no network "{network}". Its networks: {", ".join(known) or "none"}.'
            f"{did_you_mean(network, known)}"
        )
    for neural in served:
        if neural.num_classes != served[0].num_classes:
            raise ProgramError(
                f"the network {network} has {served[0].num_classes} classes in {served[0].functor}/{served[0].arity}"
                f" and {neural.num_classes} in {neural.functor}/{neural.arity}",
                neural.position,
            )
    return served[0].num_classes


def _roles(
    query: str, networks: Mapping[str, Inputs], lengths: Mapping[str, int], constants: Mapping[str, str]
) -> dict[str, str]:
    """The role of each variable: images are what networks read, labels what nobody names."""
    read = {name for inputs in networks.values() for given in inputs for name in _slots_of(given)}
    images = {name: "images" if name in lengths else "image" for name in sorted(read)}
    return dict.fromkeys(variables_of(query), "label") | dict.fromkeys(constants, "constant") | images


def _inputs(given: Inputs, lengths: Mapping[str, int]) -> tuple[tuple[str, ...], ...]:
    """The inputs of a network, one for each image of a list."""
    inputs: list[tuple[str, ...]] = []
    for item in given:
        slots = _slots_of(item)
        if len(slots) == 1 and slots[0] in lengths:
            inputs += [(name,) for name in QueryTemplate.slots_of_list(slots[0], lengths[slots[0]])]
        else:
            inputs.append(slots)
    return tuple(inputs)


def _slots_of(item: str | tuple[str, ...]) -> tuple[str, ...]:
    return (item,) if isinstance(item, str) else tuple(item)
