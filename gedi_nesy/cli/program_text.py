"""What the commands about programs print, as lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..logic.checking import ProgramReport
from ..logic.circuit import Circuit
from ..logic.class_maps import ClassMap, ReadClass
from ..logic.explaining import Contribution, Distribution, Explanation
from ..logic.formula import Choice, NeuralSource
from ..logic.naming import ClassNames, answer_text
from ..logic.shortcuts import ShortcutReport

SHOWN_ANSWERS = 20
SHOWN_CLASSES = 3  # of an image, by gradient


def aligned(rows: Iterable[tuple[str, str]], indent: str = "") -> list[str]:
    """Two columns."""
    rows = list(rows)
    width = max((len(left) for left, _ in rows), default=0)
    return [f"{indent}{left:<{width}}  {right}" for left, right in rows]


def check_lines(report: ProgramReport) -> list[str]:
    """Everything in a report on a program."""
    lines = []
    for neural in report.neural_predicates:
        domain = "tensor" if neural.is_tensor else ", ".join(neural.classes)
        lines.append(
            f"  neural predicate  {neural.functor}/{neural.arity}  network {neural.network}, {neural.num_inputs} input,"
            f" domain {domain}"
        )
    networks = dict.fromkeys(neural.network for neural in report.neural_predicates)
    lines += [f"  to be bound       {', '.join(networks)}"] if networks else []
    lines.append(f"  defined           {', '.join(report.defined) or 'nothing'}")
    lines += [f"  query             {query}" for query in report.queries]
    lines += [f"  not called        {name} (fine for a query)" for name in report.unused]
    lines += [f"  undefined         {finding}" for finding in report.undefined]
    lines += [f"  two domains       {finding}" for finding in report.disagreeing]
    lines += [f"  without proof     {finding}" for finding in report.unproved]
    if size := report.circuit:
        lines += [f"  reads             {network}: {', '.join(slots)}" for network, slots in size.reads.items()]
        lines += [f"  without effect    {slot}: no answer depends on this image" for slot in size.unread]
        lines += [
            f"  without effect    {name}: no answer depends on this network"
            for name in networks
            if name not in size.reads
        ]
        lines.append(f"  answers           {size.answers}")
        lines.append(f"  circuit           {size.choices} choices, {size.nodes} nodes, {size.edges} edges")
        lines.append(
            f"  time              {size.ground_seconds:.3f} s to ground, {size.compile_seconds:.3f} s to compile"
        )
    return lines


def explanation_lines(
    explanation: Explanation,
    circuit: Circuit,
    names: Sequence[str],
    probabilities: Sequence[Distribution],
) -> list[str]:
    """Probabilities, the most probable world, and the contributions."""
    likely = sorted(explanation.probabilities.items(), key=lambda item: -item[1])
    shown = [(answer_text(answer), f"{value:.6g}") for answer, value in likely[:SHOWN_ANSWERS]]
    lines = ["probability", *aligned(shown, "  ")]
    if len(likely) > SHOWN_ANSWERS:
        lines.append(f"  and {len(likely) - SHOWN_ANSWERS} less probable answers")
    about = f" of {answer_text(explanation.answer)}" if explanation.answer else ""
    if explanation.world is None:
        return [*lines, f"there is no world{about} under these probabilities"]
    lines.append(f"most probable world{about}, probability {explanation.world_probability:.6g}")
    class_names = [choice.classes for choice in circuit.choices]
    world = explanation.world
    lines += aligned(
        (
            (names[index], f"{class_names[index][world[index]]}  ({probabilities[index][world[index]]:.4g})")
            for index in sorted(range(len(names)), key=lambda index: _place(circuit.choices[index], index))
        ),
        "  ",
    )
    contributions = sorted(
        explanation.contributions, key=lambda part: _place(circuit.choices[part.choices[0]], part.choices[0])
    )
    lines.append(f"share of the gradient{about}, and the classes with the largest d log P / d log p")
    return lines + aligned(
        (
            (names[part.choices[0]], f"{part.share:6.1%}  {_steepest(part, class_names[part.choices[0]])}")
            for part in contributions
        ),
        "  ",
    )


def _place(choice: Choice, index: int) -> tuple[object, ...]:
    """Of what a reader meets: the images in the order of the query, then what the program leaves to chance."""
    return (0, choice.source.slots, index) if isinstance(choice.source, NeuralSource) else (1, (), index)


def _steepest(part: Contribution, classes: Sequence[str]) -> str:
    order = sorted(range(len(classes)), key=lambda index: -abs(part.gradient[index]))
    return "  ".join(f"{classes[index]}: {part.gradient[index]:.4g}" for index in order[:SHOWN_CLASSES])


def shortcut_lines(report: ShortcutReport, classes: ClassNames) -> list[str]:
    """Counts, the first maps, and the labels that would do."""
    several = len(report.sizes) > 1
    permutations = "too many to tell apart" if report.permutations is None else f"{report.permutations:,}"
    counts = {
        "maps of classes to classes that satisfy every example": f"{report.maps:,}",
        "when all classes are used": permutations,
        "when the class prior is known": "" if report.prior_known is None else f"{report.prior_known:,}",
        "when the given classes are labelled": "" if report.labelled is None else f"{report.labelled:,}",
    }
    lines = aligned((text, number) for text, number in counts.items() if number)
    if report.unseen:
        lines.append(
            f"classes that no example has, so that anything goes: {_class_list(report.unseen, classes, several)}"
        )
    lines.append("the maps that move the fewest classes" if report.maps > len(report.nearest) else "the maps")
    lines += [f"  {_map_text(each, classes, several)}" for each in report.nearest]
    if report.maps > len(report.nearest):
        lines.append("  ...")
    return lines + _label_lines(report, classes, several)


def _label_lines(report: ShortcutReport, classes: ClassNames, several: bool) -> list[str]:
    if report.maps == 1:
        return ["no labels are needed: only the intended map satisfies every example"]
    if report.label_sets is None:
        return ["the smallest set of labels that leaves only the intended map would take too long to find"]
    size = len(report.label_sets[0])
    what = "labels of one class" if size == 1 else f"labels of {size} classes"
    lists = [_class_list(sorted(chosen), classes, several) for chosen in report.label_sets]
    return [f"{what} leave only the intended map; the smallest choices", *(f"  {text}" for text in lists)]


def _map_text(each: ClassMap, classes: ClassNames, several: bool) -> str:
    parts = []
    for network, values in each.values.items():
        names = classes[network]
        arrows = " ".join(f"{name}->{names[value]}" for name, value in zip(names, values, strict=True))
        parts.append(f"{network}: {arrows}" if several else arrows)
    return "  ".join(parts) + ("" if each.moved else "  (the intended one)")


def _class_list(reads: Iterable[ReadClass], classes: ClassNames, several: bool) -> str:
    return ", ".join(
        f"{read.network}:{classes[read.network][read.index]}" if several else classes[read.network][read.index]
        for read in reads
    )
