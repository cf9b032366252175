"""Commands about ProbLog programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..logic.checking import ProgramReport

app = typer.Typer(help="Check ProbLog programs.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keeps `check` a subcommand while it is the only one."""


@app.command()
def check(
    file: Annotated[str, typer.Argument(help="A ProbLog file or the name of a bundled one.", show_default=False)],
    query: Annotated[
        str | None, typer.Option(help="A query template to compile, such as 'addition(A, B, Total)'.")
    ] = None,
    images: Annotated[str, typer.Option(help="Its image slots: A,B")] = "",
    labels: Annotated[str, typer.Option(help="Its label columns: Total")] = "",
    allow_python: Annotated[
        bool, typer.Option("--allow-python", help="Let the program load Python and other files.")
    ] = False,
) -> None:
    """Neural predicates, domains, what is unused or undefined and, with --query, answers and the circuit's size."""
    from ..config.locate import find_program
    from ..errors import ProgramError
    from ..logic.checking import check as check_program
    from ..logic.program import load_program
    from ..logic.query import QueryTemplate

    path = find_program(file)
    program = load_program(path, allow_python=allow_python)
    template = None
    if query:
        roles = {
            name: role for names, role in ((images, "image"), (labels, "label")) for name in names.split(",") if name
        }
        template = QueryTemplate.parse(query, roles)
    report = check_program(program, template)
    print("\n".join([str(path), *_lines(report)]))
    if report.undefined:
        raise ProgramError("the program calls predicates that nothing defines, see above")


def _lines(report: ProgramReport) -> list[str]:
    lines = []
    for neural in report.neural_predicates:
        domain = "tensor" if neural.is_tensor else "false, true" if neural.domain is None else ", ".join(neural.domain)
        lines.append(
            f"  neural predicate  {neural.functor}/{neural.arity}  network {neural.network}, {neural.num_inputs} input, domain {domain}"
        )
    lines.append(f"  defined           {', '.join(report.defined) or 'nothing'}")
    lines += [f"  query             {query}" for query in report.queries]
    lines += [f"  not called        {name} (fine for a query)" for name in report.unused]
    lines += [f"  undefined         {finding}" for finding in report.undefined]
    if size := report.circuit:
        lines.append(f"  answers           {size.answers}")
        lines.append(f"  circuit           {size.choices} choices, {size.nodes} nodes, {size.edges} edges")
        lines.append(
            f"  time              {size.ground_seconds:.3f} s to ground, {size.compile_seconds:.3f} s to compile"
        )
    return lines
