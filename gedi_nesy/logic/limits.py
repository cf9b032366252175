"""Circuits within limits of time, memory and size, from the cache or from a process that can be ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Annotated, Any, NoReturn

from pydantic import Field

from gedi_nesy.config.options import Options
from gedi_nesy.errors import InternalError, LimitError, Position, ProgramError
from gedi_nesy.logic.cache import circuit_key, load_circuit, store_circuit
from gedi_nesy.logic.circuit import Circuit
from gedi_nesy.logic.program import Program
from gedi_nesy.logic.query import QueryTemplate

ADVICE = {
    "parsing": "raise the limit",
    "grounding": "see that every recursion ends, give labels as constants, bind variables before they enter a recursion,"
    " or raise the limit",
    "compiling": "give labels as constants, let each step of a recursion read few images and pass on a small result,"
    " or raise the limit",
}


class Limits(Options):
    """What grounding and compiling a query may take."""

    seconds: Annotated[float, Field(gt=0, le=1e6)] = 300.0
    """Time for both."""
    megabytes: Annotated[int, Field(ge=50)] = 8000
    """Memory of the process that does it; kept on Linux only."""
    nodes: Annotated[int, Field(gt=0)] = 2_000_000
    """Nodes of the decision diagram, those of intermediate results included."""


DEFAULT = Limits()


def compiled_circuit(
    program: Program, template: QueryTemplate, limits: Limits = DEFAULT, *, complements: bool = False
) -> Circuit:
    """The circuit of a query, from the cache, or grounded and compiled in a child process and then cached.

    Args:
        program: one that may load files (`allow_python`) is compiled anew each time, as the cache cannot see those files.
        template: the query.
        limits: of the child process.
        complements: see `compile`.

    Raises:
        LimitError: a limit was reached; with the stage, how far it came, and what to try.
        ProgramError: from any stage, as if it had happened in this process.
        InternalError: the child failed; with its traceback.
    """
    question = _question(program, template, complements)
    known = None if program.allow_python else load_circuit(circuit_key(question))
    return known if known is not None else _compiled_anew(program, question, limits)[0]


def measured_circuit(program: Program, template: QueryTemplate) -> tuple[Circuit, dict[str, float]]:
    """The circuit of a query, compiled anew within the default limits, and the seconds that each stage took.

    Raises:
        ProgramError: see `compiled_circuit`.
    """
    return _compiled_anew(program, _question(program, template, complements=False), DEFAULT)


def _question(program: Program, template: QueryTemplate, complements: bool) -> dict[str, Any]:
    """All that a circuit depends on."""
    return {
        "program": program.text,
        "query": template.text,
        "arguments": dict(template.arguments),
        "complements": complements,
    }


def _compiled_anew(program: Program, question: dict[str, Any], limits: Limits) -> tuple[Circuit, dict[str, float]]:
    """The circuit, now in the cache, and the seconds of each stage."""
    text, seconds = _compile_in_child(program, question, limits)
    if not program.allow_python:
        store_circuit(circuit_key(question), text)
    return Circuit.from_json(text), seconds


def _compile_in_child(program: Program, question: dict[str, Any], limits: Limits) -> tuple[str, dict[str, float]]:
    """The circuit as JSON, and the seconds of each stage."""
    request = question | {"source": program.source, "allow_python": program.allow_python} | limits.model_dump()
    output, exit_code = _run_worker(json.dumps(request), limits.seconds)
    lines = [line.partition(" ") for line in output.decode().split("\n")[:-1]]  # the last one is not complete
    outcomes = {kind: text for kind, _, text in lines if kind != "progress"}
    reports = [json.loads(text) for kind, _, text in lines if kind == "progress"]
    progress = reports[-1] if reports else {"stage": "parsing"}
    if "circuit" in outcomes:
        return outcomes["circuit"], {report["stage"]: report["seconds"] for report in reports}
    if "error" in outcomes:
        message, position = json.loads(outcomes["error"])
        raise ProgramError(message, position and Position(*position))
    if exit_code is None or "limit" in outcomes:
        _raise_limit_error(program, question["query"], limits, outcomes.get("limit", "seconds"), progress)
    _raise_internal_error(question["query"], exit_code, json.loads(outcomes.get("failure", '""')), progress)


def _run_worker(request: str, seconds: float) -> tuple[bytes, int | None]:
    """What the worker wrote, and its exit code; None if its time was up."""
    command = [sys.executable, "-P", "-m", "gedi_nesy.logic.worker"]
    # It finds the same modules as this process; in a session of its own, Ctrl-C reaches this process alone.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
    ) as process:
        lifeline, process.stdin = process.stdin, None  # open while this process lives: the worker ends with it
        assert lifeline is not None
        try:
            with suppress(BrokenPipeError):  # the exit code will tell
                lifeline.write(request.encode() + b"\n")
                lifeline.flush()
            output, _ = process.communicate(timeout=seconds)
            return output, process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            return process.communicate()[0], None
        finally:
            process.kill()
            process.wait()  # Popen does not, for Ctrl-C
            with suppress(BrokenPipeError):
                lifeline.close()


def _raise_limit_error(program: Program, query: str, limits: Limits, limit: str, progress: dict[str, Any]) -> NoReturn:
    figures = {
        "seconds": f"{limits.seconds:g} s",
        "megabytes": f"{limits.megabytes:,} MB",
        "nodes": f"{limits.nodes:,} nodes",
    }
    raise LimitError(
        f"{progress['stage']} the query {query} takes more than {figures[limit]} (task.limits.{limit})."
        f" Last seen {_how_far(progress)}. What to try: {ADVICE[progress['stage']]}.",
        Position(program.source),
    )


def _raise_internal_error(query: str, exit_code: int | None, trace: str, progress: dict[str, Any]) -> NoReturn:
    text = f"{progress['stage']} the query {query} failed"
    if trace:
        raise InternalError(f"{text}, and not by a fault of the program that was foreseen:\n{trace}")
    end = signal.Signals(-exit_code).name if exit_code and exit_code < 0 else f"exit code {exit_code}"
    raise InternalError(
        f"{text}: its process ended with {end}, last seen {_how_far(progress)}."
        " If the machine ran out of memory, task.limits.megabytes is more than it has."
    )


def _how_far(progress: dict[str, Any]) -> str:
    """Figures of the worker's last report."""
    parts = [f"{progress.get('seconds', 0):.1f} s into {progress['stage']}"]
    if progress.get("formula_nodes"):
        parts.append(f"node {progress['formula_node']:,} of the formula's {progress['formula_nodes']:,}")
        parts.append(f"{progress['num_nodes']:,} nodes of the diagram")
    if progress.get("megabytes"):
        parts.append(f"{progress['megabytes']:,} MB")
    return ", ".join(parts)
