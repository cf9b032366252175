from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

DIGIT = "nn(net,[X],Y,[0,1]) :: digit(X,Y).\n"
ENDLESS = DIGIT + "p(A) :- digit(A,1), count(0). count(N) :- M is N+1, count(M)."
# The interpreter is busy inside one instruction, so that no other thread of the process runs.
BUSY = DIGIT + "p(A) :- digit(A,1), X is 10 ** 300000000, X > 3."


def _request(text, seconds=60.0):
    return {
        "program": text,
        "source": "p.pl",
        "allow_python": False,
        "query": "p(A)",
        "arguments": {"A": "image"},
        "complements": False,
        "seconds": seconds,
        "megabytes": 1000,
        "nodes": 1000,
    }


@pytest.fixture
def start():
    """Start a worker on a request; its standard input stays open."""
    processes = []

    def call(request, code="from gedi_nesy.logic import worker; worker.main()"):
        process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        processes.append(process)
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        return process

    yield call
    for process in processes:
        process.kill()
        process.communicate()


def _progress(line):
    kind, _, text = line.partition(b" ")
    assert kind == b"progress"
    return json.loads(text)


def test_it_loads_neither_torch_nor_pydantic():
    code = "import sys, gedi_nesy.logic.worker; print(*{'torch', 'pydantic', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


def test_it_reports_the_stages_in_order_and_then_the_circuit(start):
    lines = start(_request(DIGIT + "p(A) :- digit(A,1).")).stdout.read().splitlines()
    stages = dict.fromkeys(_progress(line)["stage"] for line in lines[:-1])
    assert list(stages) == ["parsing", "grounding", "compiling"]
    kind, _, text = lines[-1].partition(b" ")
    assert (kind, json.loads(text)["queries"]) == (b"circuit", ["p(slot(0))"])


def test_it_keeps_reporting_time_and_memory(start):
    process = start(_request(ENDLESS))
    reports = [_progress(process.stdout.readline())]
    while len(reports) < 100 and [report["stage"] for report in reports[-2:]] != ["grounding", "grounding"]:
        reports.append(_progress(process.stdout.readline()))  # a busy machine is still parsing for a while
    assert [report["stage"] for report in reports[-2:]] == ["grounding", "grounding"]
    assert reports[-1]["seconds"] > reports[-2]["seconds"]
    assert reports[-1]["megabytes"] > 5 or sys.platform != "linux"


def test_an_unforeseen_exception_is_told_with_its_traceback(start):
    code = (
        "from gedi_nesy.logic import worker\n"
        "def ground(program, template): raise KeyError('zork')\n"
        "worker.ground = ground; worker.main()"
    )
    *_, last = start(_request(DIGIT + "p(A) :- digit(A,1)."), code).stdout.read().splitlines()
    kind, _, text = last.partition(b" ")
    assert kind == b"failure"
    assert json.loads(text).startswith("Traceback") and "KeyError: 'zork'" in json.loads(text)


def test_it_ends_with_its_parent(start):
    process = start(_request(ENDLESS))
    process.stdout.readline()
    assert process.poll() is None
    process.stdin.close()  # what the system does for a parent that is killed
    assert process.wait(timeout=30) == 1
    process.stdin = None


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers")
def test_it_ends_itself_when_nobody_else_does(start):
    code = "from gedi_nesy.logic import worker; worker.GRACE_SECONDS = 0.2; worker.main()"
    assert start(_request(BUSY, seconds=0.1), code).wait(timeout=30) == -signal.SIGALRM
