"""Grounds and compiles one query in a process of its own: `python -m gedi_nesy.logic.worker`.

A request comes in as a line of JSON. Lines `kind text` go out: `progress` a few times a second and, last, what came of it:
`circuit`, `error`, `limit` or `failure`. Neither torch nor pydantic is imported, so that starting takes 0.1 s.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import traceback
from dataclasses import astuple
from typing import Any, BinaryIO

from gedi_nesy.errors import ProgramError
from gedi_nesy.logic.circuit import Circuit
from gedi_nesy.logic.compiling import DiagramTooLarge, Work, compile
from gedi_nesy.logic.grounding import ground
from gedi_nesy.logic.program import parse
from gedi_nesy.logic.query import QueryTemplate

REPORT_SECONDS = 0.1
GRACE_SECONDS = 5  # after which this process ends itself, should its parent not have done so
# A thread watches the memory in use. The system's own limit stands so much higher and is for what grows faster than the thread
# looks: CPython 3.11 may loop for ever once small allocations fail.
HEADROOM = 512 * 2**20


def main() -> None:
    """Answer the request on standard input."""
    request = json.loads(sys.stdin.buffer.readline())
    reporter = Reporter(_private_output(), Work(max_nodes=request["nodes"]))
    num_bytes = request["megabytes"] * 2**20
    threading.Thread(target=_end_with_parent, daemon=True).start()
    threading.Thread(target=reporter.watch_memory, args=(num_bytes,), daemon=True).start()
    _let_the_system_limit(request["seconds"] + GRACE_SECONDS, num_bytes + HEADROOM)
    reporter.send(*_outcome(request, reporter))
    os._exit(0)  # at once: millions of nodes need no tidying up


class Reporter:
    """Tells the parent how far the work has come."""

    def __init__(self, output: BinaryIO, work: Work) -> None:
        self.work = work
        self._output, self._lock = output, threading.Lock()
        self._stage, self._start = "parsing", time.monotonic()
        self.report()

    def enter(self, stage: str) -> None:
        """A new stage begins."""
        self.report()  # how long the one before took
        self._stage, self._start = stage, time.monotonic()
        self.report()

    def report(self) -> None:
        """Stage, seconds in it, memory, and how far a compilation is."""
        progress = {
            "stage": self._stage,
            "seconds": time.monotonic() - self._start,
            "megabytes": _memory("VmHWM") // 2**20,
            "num_nodes": self.work.num_nodes,
            "formula_node": self.work.formula_node,
            "formula_nodes": self.work.formula_nodes,
        }
        self.send("progress", json.dumps(progress))

    def watch_memory(self, num_bytes: int) -> None:
        """Report for as long as the process uses no more than so much memory, then end it."""
        while _memory("VmRSS") <= num_bytes:
            self.report()
            time.sleep(REPORT_SECONDS)
        self.report()
        self.send("limit", "megabytes")
        os._exit(0)

    def send(self, kind: str, text: str) -> None:
        """One line for the parent."""
        with self._lock:
            try:
                self._output.write(f"{kind} {text}\n".encode())
                self._output.flush()
            except BrokenPipeError:
                os._exit(1)  # nobody listens any more


def _memory(figure: str) -> int:
    """Bytes that this process uses (VmRSS), used at most (VmHWM) or has asked for (VmSize); 0 where nothing tells."""
    if sys.platform != "linux":
        return 0
    with open("/proc/self/status") as file:
        return next((int(line.split()[1]) * 1024 for line in file if line.startswith(f"{figure}:")), 0)


def _private_output() -> BinaryIO:
    """Standard output; what the program itself prints goes to standard error from now on."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return output


def _end_with_parent() -> None:
    """The parent keeps standard input open as long as it lives."""
    sys.stdin.buffer.read()
    os._exit(1)


def _outcome(request: dict[str, Any], reporter: Reporter) -> tuple[str, str]:
    """What to tell the parent, in a line."""
    try:
        circuit = _circuit(request, reporter)
        reporter.report()
        return "circuit", circuit.to_json()
    except ProgramError as error:
        return "error", json.dumps([error.message, error.position and astuple(error.position)])
    except DiagramTooLarge:
        limit = "nodes"
    except MemoryError:
        limit = "megabytes"
    except Exception:
        return "failure", json.dumps(traceback.format_exc())
    reporter.report()
    return "limit", limit


def _circuit(request: dict[str, Any], reporter: Reporter) -> Circuit:
    program = parse(request["program"], request["source"], allow_python=request["allow_python"])
    template = QueryTemplate.parse(request["query"], request["arguments"])
    reporter.enter("grounding")
    formula = ground(program, template)
    reporter.enter("compiling")
    return compile(formula, complements=request["complements"], work=reporter.work)


def _let_the_system_limit(seconds: float, num_bytes: int) -> None:
    """Time and further memory of this process, should nobody else end it."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)
    if sys.platform == "linux":
        import resource

        old, hard = resource.getrlimit(resource.RLIMIT_AS)
        new = _memory("VmSize") + num_bytes
        resource.setrlimit(resource.RLIMIT_AS, (new if old == resource.RLIM_INFINITY else min(new, old), hard))


if __name__ == "__main__":
    main()
