"""A small circuit as SVG: a row for each choice, decisions as circles, edges labelled with the classes that take them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.circuit import FALSE, TRUE, Circuit
from gedi_nesy.logic.formula import Answer
from gedi_nesy.logic.naming import answer_text

MAX_NODES = 150
ROW, COLUMN, RADIUS, CHARACTER = 100, 80, 7, 7.5  # pixels
LISTED = 4  # classes on the label of an edge; others are counted
STYLE = (
    "svg{color-scheme:light dark}rect{fill:#fff}text{font:12px sans-serif;fill:#1a1a1a}.name{font-weight:600}"
    ".edge{stroke:#8a8a8a;fill:none}.label{font-size:10px;fill:#1f4e79;paint-order:stroke;stroke:#fff;stroke-width:3px}"
    "circle{fill:#dce9f5;stroke:#1f4e79}.middle{text-anchor:middle}"
    "@media (prefers-color-scheme:dark){rect{fill:#131517}text{fill:#e7e6e2}.label{fill:#9cc4f0;stroke:#131517}"
    "circle{fill:#24405c;stroke:#82b4ee}}"
)


@dataclass(frozen=True)
class Names:
    """Texts of a drawing.

    Attributes:
        choices: of each choice of the circuit.
        classes: of the classes of each choice.
        roots: text of each root to draw, by node.
    """

    choices: Sequence[str]
    classes: Sequence[Sequence[str]]
    roots: dict[int, str]


def circuit_svg(circuit: Circuit, names: Names) -> str:
    """The part of a circuit below some roots, as an SVG document on a ground as light or dark as the reader's.

    False is not drawn: a class without an edge makes its node false.

    Raises:
        ProgramError: there are too many nodes for a picture.
    """
    rows = _rows(circuit, names.roots)
    num_nodes = sum(map(len, rows)) - 1
    if num_nodes > MAX_NODES:
        raise ProgramError(
            f"the circuit has {num_nodes:,} nodes, more than the {MAX_NODES} that fit a picture;"
            " choose a single answer or fewer images"
        )
    left = 24 + CHARACTER * max((len(names.choices[circuit.nodes[row[0]].choice]) for row in rows[:-1]), default=0)
    width = left + COLUMN * max(map(len, rows)) + 40
    places = _places(circuit, rows, left, width)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{ROW * (len(rows) + 0.6):.0f}">',
            f'<style>{STYLE}</style><rect width="100%" height="100%"/>',
            *_edges(circuit, names, places),
            *_nodes(circuit, names, rows, places),
            "</svg>\n",
        ]
    )


def answers_svg(circuit: Circuit, names: Sequence[str], answers: Iterable[Answer]) -> str:
    """The drawing of some answers.

    Args:
        names: of each choice.
        answers: those to draw.

    Raises:
        ProgramError: there are too many nodes for a picture.
    """
    root_of = dict(zip(circuit.answers, circuit.roots, strict=True))
    roots: dict[int, str] = {}
    for answer in answers:
        before = f"{roots[root_of[answer]]}; " if root_of[answer] in roots else ""
        roots[root_of[answer]] = before + answer_text(answer)
    return circuit_svg(circuit, Names(names, [choice.classes for choice in circuit.choices], roots))


Places = dict[int, tuple[float, float]]


def _rows(circuit: Circuit, roots: dict[int, str]) -> list[list[int]]:
    """The nodes below the roots choice by choice, TRUE in a last row of its own."""
    needed, todo = set[int](), list(roots)
    while todo:
        node = todo.pop()
        if node not in needed and node not in (TRUE, FALSE):
            needed.add(node)
            todo += [child for _, child in circuit.nodes[node].edges]
    rows: dict[int, list[int]] = defaultdict(list)
    for node in [*(root for root in roots if root in needed), *sorted(needed - roots.keys())]:
        rows[circuit.nodes[node].choice].append(node)
    return [rows[choice] for choice in sorted(rows)] + [[TRUE]]


def _places(circuit: Circuit, rows: list[list[int]], left: float, width: float) -> Places:
    """The middle of each node: in each row nodes have the order of the means of those that lead to them."""
    parents: dict[int, list[float]] = defaultdict(list)
    places: Places = {}
    for number, row in enumerate(rows):
        # Roots that nobody leads to keep their order, before the others.
        ordered = sorted(row, key=lambda node: sum(parents[node]) / max(len(parents[node]), 1))
        for index, node in enumerate(ordered):
            x = left + (width - left) * (index + 0.5) / len(row)
            places[node] = (x, ROW * (number + 0.8))
            for class_index, child in circuit.nodes[node].edges if node != TRUE else ():
                parents[child].append(x + class_index)  # children of one node in the order of its classes
    return places


def _edges(circuit: Circuit, names: Names, places: Places) -> Iterator[str]:
    """A line for each pair of nodes, with all classes that lead from one to the other."""
    lines, labels = [], []
    for node in sorted(places.keys() - {TRUE}):
        choice = circuit.nodes[node].choice
        classes_to: dict[int, list[int]] = defaultdict(list)
        for class_index, child in circuit.nodes[node].edges:
            classes_to[child].append(class_index)
        for number, (child, classes) in enumerate(classes_to.items()):
            (x, y), (child_x, child_y) = places[node], places[child]
            lines.append(f'<path class="edge" d="M{x:.0f} {y:.0f}L{child_x:.0f} {child_y:.0f}"/>')
            along = 0.3 + 0.12 * (number % 4)  # labels of neighbouring edges do not cover each other
            label_x, label_y = x + (child_x - x) * along, y + (child_y - y) * along
            text = escape(_classes_text(classes, names.classes[choice]))
            labels.append(f'<text class="label middle" x="{label_x:.0f}" y="{label_y:.0f}">{text}</text>')
    yield from lines
    yield from labels


def _classes_text(classes: Sequence[int], names: Sequence[str]) -> str:
    """Such as `0-3, 7`; `any` for all."""
    if len(classes) == len(names):
        return "any"
    runs: list[list[int]] = []
    for class_index in sorted(classes):
        if runs and runs[-1][-1] == class_index - 1:
            runs[-1].append(class_index)
        else:
            runs.append([class_index])
    parts: list[str] = []
    for run in runs:
        # Only numbers say what lies between them.
        is_range = len(run) > 2 and all(names[class_index].isdigit() for class_index in run)
        parts += [f"{names[run[0]]}-{names[run[-1]]}"] if is_range else [names[class_index] for class_index in run]
    more = f", +{len(parts) - LISTED}" if len(parts) > LISTED else ""
    return ", ".join(parts[:LISTED]) + more


def _nodes(circuit: Circuit, names: Names, rows: list[list[int]], places: Places) -> Iterator[str]:
    for row in rows:
        y = places[row[0]][1]
        name = "true" if row == [TRUE] else names.choices[circuit.nodes[row[0]].choice]
        yield f'<text class="name" x="12" y="{y + 4:.0f}">{escape(name)}</text>'
    for node, (x, y) in places.items():
        radius = RADIUS + 3 * (node == TRUE)
        yield f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{radius}"/>'
        if node in names.roots:
            yield f'<text class="middle" x="{x:.0f}" y="{y - 14:.0f}">{escape(names.roots[node])}</text>'
