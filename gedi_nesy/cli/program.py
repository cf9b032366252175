"""Commands about ProbLog programs. What they print is put into words in `program_text`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..logic.circuit import Circuit
    from ..logic.program import Program
    from ..logic.query import QueryTemplate

app = typer.Typer(help="Check, explain and query ProbLog programs.", no_args_is_help=True)

File = Annotated[str, typer.Argument(help="A ProbLog file or the name of a bundled one.", show_default=False)]
QUERY_HELP = "A query template, such as 'addition(A, B, Total)'."
Query = Annotated[str, typer.Option(help=QUERY_HELP, show_default=False)]
Images = Annotated[str, typer.Option(help="Its image slots: A,B; a list of three images: Digits:3", show_default=False)]
Labels = Annotated[str, typer.Option(help="Its label columns: Total", show_default=False)]
AllowPython = Annotated[bool, typer.Option("--allow-python", help="Let the program load Python and other files.")]


@app.command()
def check(
    file: File,
    query: Annotated[str | None, typer.Option(help=QUERY_HELP)] = None,
    images: Images = "",
    labels: Labels = "",
    allow_python: AllowPython = False,
) -> None:
    """Networks, domains, what is unused, undefined or without proof and, with --query, answers, size and time."""
    from ..config.locate import find_program
    from ..errors import ProgramError
    from ..logic.checking import check as check_program
    from ..logic.program import load_program
    from .program_text import check_lines

    path = find_program(file)
    program = load_program(path, allow_python=allow_python)
    report = check_program(program, _template(query, images, labels) if query else None)
    print("\n".join([str(path), *check_lines(report)]))
    if report.undefined:
        raise ProgramError("the program calls predicates that nothing defines, see above")
    if report.disagreeing:
        raise ProgramError("a network has one domain only, see above")


@app.command()
def query(file: File, allow_python: AllowPython = False) -> None:
    """The probability of every query/1 of a program without networks, as ProbLog prints it."""
    from ..config.locate import find_program
    from ..logic.answering import query_probabilities
    from ..logic.program import load_program
    from .program_text import aligned

    found = query_probabilities(load_program(find_program(file), allow_python=allow_python))
    print("\n".join(aligned((f"{text}:", f"{probability:.8g}") for text, probability in found.items())))


@app.command()
def explain(
    file: File,
    query: Query,
    images: Images = "",
    labels: Labels = "",
    answer: Annotated[str, typer.Option(help="The answer to look into: its labels, comma-separated.")] = "",
    probs: Annotated[
        Path | None, typer.Option(help='Class probabilities, {"A": [0.9, 0.1]} as JSON or CSV; default: uniform.')
    ] = None,
    svg: Annotated[Path | None, typer.Option(help="Draw the circuit into this file.")] = None,
    allow_python: AllowPython = False,
) -> None:
    """Probabilities of the answers, the most probable world, what each image contributes, and the circuit as a picture."""
    from ..logic.class_probabilities import read_probabilities
    from ..logic.drawing import answers_svg
    from ..logic.explaining import explain as explain_answer
    from ..logic.explaining import uniform
    from ..logic.naming import choice_names
    from .program_text import explanation_lines

    template = _template(query, images, labels)
    _, circuit = _compiled(file, template, allow_python)
    names = choice_names(circuit, template)
    probabilities = read_probabilities(probs, circuit, names) if probs else uniform(circuit)
    chosen = _answer(circuit, answer) if answer else None
    explanation = explain_answer(circuit, template, probabilities, chosen)
    print("\n".join(explanation_lines(explanation, circuit, names, probabilities)))
    if svg:
        roots = [chosen] if chosen else list(circuit.answers)
        _write(svg, answers_svg(circuit, names, roots))


@app.command()
def shortcuts(
    file: File,
    query: Query,
    images: Images = "",
    labels: Labels = "",
    support: Annotated[
        str,
        typer.Option(help="Training examples: all that have a proof, those of distinct classes, or a CSV of classes."),
    ] = "all",
    prior: Annotated[str, typer.Option(help="Known class prior: uniform, or 0.5,0.25,0.25")] = "",
    labelled: Annotated[str, typer.Option(help="Classes with labels: 0,1; of one of several networks: op:plus")] = "",
    class_names: Annotated[str, typer.Option(help="What to call the classes of the only network: cat,dog")] = "",
    max_nodes: Annotated[int, typer.Option(help="Of the decision diagram over all maps of classes.")] = 1_000_000,
    allow_python: AllowPython = False,
) -> None:
    """How many wrong readings of the classes satisfy every training example, and which labels would rule them out."""
    from ..logic.naming import class_names as domains
    from ..logic.shortcuts import count_shortcuts
    from .program_text import shortcut_lines
    from .shortcut_options import read_labelled, read_prior, read_support, renamed

    template = _template(query, images, labels)
    program, circuit = _compiled(file, template, allow_python)
    names = renamed(domains(program), class_names)
    report = count_shortcuts(
        circuit,
        template,
        support=read_support(support, circuit, template, names),
        prior=read_prior(prior, names) if prior else None,
        labelled=read_labelled(labelled, names) if labelled else None,
        max_nodes=max_nodes,
    )
    print("\n".join(shortcut_lines(report, names)))


def _template(query: str, images: str, labels: str) -> QueryTemplate:
    from ..errors import ProgramError
    from ..logic.query import QueryTemplate

    slots = dict(name.partition(":")[::2] for name in _names(images))
    for name, length in slots.items():
        if length and not length.isdecimal():
            raise ProgramError(
                f"--images has {name}:{length}; write the number of images in the list, such as {name}:3"
            )
    roles = {name: "images" if length else "image" for name, length in slots.items()}
    template = QueryTemplate.parse(query, roles | dict.fromkeys(_names(labels), "label"))
    return template.bind({name: int(length) for name, length in slots.items() if length})


def _answer(circuit: Circuit, text: str) -> tuple[str, ...]:
    """The answer that a text names: a label may have commas of its own."""
    from ..logic.query import find_answer

    joined = {",".join(known): known for known in circuit.answers}
    found = find_answer([(known,) for known in joined], [text])
    return joined[found[0]] if found else tuple(part.strip() for part in text.split(","))


def _write(file: Path, text: str) -> None:
    from ..files import write_failed

    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise write_failed(file, error) from error
    print(f"drawn in {file}")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _compiled(file: str, template: QueryTemplate, allow_python: bool) -> tuple[Program, Circuit]:
    from ..config.locate import find_program
    from ..logic.limits import compiled_circuit
    from ..logic.program import load_program

    program = load_program(find_program(file), allow_python=allow_python)
    return program, compiled_circuit(program, template)
