from __future__ import annotations

import os
import re
import signal
import subprocess

import pytest
from pydantic import ValidationError

from gedi_nesy.errors import InternalError, LimitError, Position, ProgramError
from gedi_nesy.logic import limits as module
from gedi_nesy.logic.compiling import compile
from gedi_nesy.logic.grounding import ground
from gedi_nesy.logic.limits import Limits, compiled_circuit
from gedi_nesy.logic.program import parse
from gedi_nesy.logic.query import QueryTemplate

DIGIT = "nn(net,[X],Y,[0,1,2,3,4,5,6,7,8,9]) :: digit(X,Y).\n"
SUM = DIGIT + "s(A,B,T) :- digit(A,X), digit(B,Y), T is X+Y."
CHANCES = "t(0.3)::c; 0.5::e. s(A,B,T) :- digit(A,T), \\+c. s(A,B,x) :- e. 0.1::h. evidence(\\+h)."
ENDLESS = DIGIT + "p(A) :- digit(A,1), count(0). count(N) :- M is N+1, count(M)."
GREEDY = DIGIT + "p(A) :- digit(A,1), findall(X, between(1,3000000,X), [])."
GREEDY_AT_ONCE = DIGIT + "p(A) :- digit(A,1), X is 1 << 100000000000, X > 3."


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("GEDI_NESY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "circuits"


@pytest.fixture
def processes(monkeypatch):
    """The child processes that were started."""
    started = []

    class Recorded(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(module.subprocess, "Popen", Recorded)
    return started


def _sum_query():
    return parse(SUM, "sum.pl"), QueryTemplate.parse("s(A,B,T)", {"A": "image", "B": "image", "T": "label"})


def _circuit(text, limits=module.DEFAULT, **options):
    program = parse(text, "bad.pl", allow_python=options.pop("allow_python", False))
    return compiled_circuit(program, QueryTemplate.parse("p(A)", {"A": "image"}), limits, **options)


@pytest.mark.parametrize("complements", [False, True])
@pytest.mark.parametrize("text", [SUM, DIGIT + CHANCES])
def test_the_circuit_is_the_one_compiled_here(text, complements):
    program, (_, template) = parse(text), _sum_query()
    expected = compile(ground(program, template), complements=complements)
    assert compiled_circuit(program, template, complements=complements) == expected
    assert compiled_circuit(program, template, complements=complements) == expected


def test_a_known_circuit_needs_no_process(processes, folder):
    program, template = _sum_query()
    compiled_circuit(program, template)
    compiled_circuit(program, template)
    assert len(processes) == 1
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:-9], lambda data: data.replace(b"9", b"8")])
def test_a_damaged_entry_is_rebuilt(processes, folder, damage):
    program, template = _sum_query()
    circuit = compiled_circuit(program, template)
    (entry,) = folder.iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    assert compiled_circuit(program, template) == circuit
    assert entry.read_bytes() == whole
    assert len(processes) == 2


def test_a_program_that_may_load_files_is_never_cached(processes, folder):
    for _ in range(2):
        _circuit(DIGIT + "p(A) :- digit(A,1).", allow_python=True)
    assert len(processes) == 2
    assert not folder.exists()


def test_a_program_error_keeps_message_and_position():
    with pytest.raises(ProgramError) as error:
        _circuit(DIGIT + "p(A) :- digit(A,1), zork(A).")
    assert type(error.value) is ProgramError
    assert error.value.message.startswith("zork/1 is called but nothing defines it")
    assert error.value.position == Position("bad.pl", 2, 21)


def test_the_time_limit_names_stage_figure_and_remedy(processes):
    with pytest.raises(LimitError) as error:
        _circuit(ENDLESS, Limits(seconds=1.5))
    text = str(error.value)
    assert text.startswith("bad.pl  grounding the query p(A) takes more than 1.5 s (task.limits.seconds).")
    assert " s into grounding, " in text
    assert "What to try: see that every recursion ends" in text
    assert processes[0].returncode == -signal.SIGKILL


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is limited on Linux only")
@pytest.mark.parametrize("text", [GREEDY, GREEDY_AT_ONCE])
def test_the_memory_limit_names_its_key(text):
    with pytest.raises(LimitError, match=r"grounding .* takes more than 100 MB \(task\.limits\.megabytes\)"):
        _circuit(text, Limits(seconds=60, megabytes=100))


def test_the_node_limit_tells_how_far_it_came():
    program, template = _sum_query()
    with pytest.raises(LimitError) as error:
        compiled_circuit(program, template, Limits(nodes=25))
    assert "compiling the query s(A,B,T) takes more than 25 nodes (task.limits.nodes)" in str(error.value)
    num_nodes = len(ground(program, template).nodes)
    assert re.search(
        rf"into compiling, node \d+ of the formula's {num_nodes}, 25 nodes of the diagram", str(error.value)
    )


def test_no_limit_error_is_cached(folder):
    program, template = _sum_query()
    with pytest.raises(LimitError):
        compiled_circuit(program, template, Limits(nodes=25))
    assert compiled_circuit(program, template).num_nodes == 29


def test_ctrl_c_ends_the_child(processes):
    def interrupt(*_):
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        with pytest.raises(KeyboardInterrupt):
            _circuit(ENDLESS)
    finally:
        signal.signal(signal.SIGALRM, old)
    assert processes[0].returncode == -signal.SIGKILL


def test_what_the_program_prints_does_not_mix_with_the_answer(capfd):
    assert _circuit(DIGIT + "p(A) :- digit(A,1), debugprint(hello).").num_nodes == 1
    assert "hello" in capfd.readouterr().err


def _with_python(tmp_path, body):
    (tmp_path / "own.py").write_text(
        f"import os, signal\nfrom problog.extern import problog_export\n"
        f"@problog_export('+int', '-int')\ndef own(x):\n    {body}\n"
    )
    return f"{DIGIT}:- use_module('{tmp_path}/own.py').\np(A) :- digit(A,1), own(1,X), X > 0."


def test_an_unforeseen_exception_comes_with_its_traceback(monkeypatch):
    output = b'progress {"stage": "grounding"}\nfailure "Traceback: zork"\n'
    monkeypatch.setattr(module, "_run_worker", lambda request, seconds: (output, 0))
    with pytest.raises(InternalError, match=r"(?s)grounding the query p\(A\) failed.*Traceback: zork$"):
        _circuit(DIGIT + "p(A) :- digit(A,1).")


@pytest.mark.parametrize(("body", "end"), [("os._exit(3)", "exit code 3"), ("os.kill(os.getpid(), 9)", "SIGKILL")])
def test_a_process_that_dies_is_an_error(tmp_path, body, end):
    with pytest.raises(InternalError, match=f"its process ended with {end}, last seen .* into grounding"):
        _circuit(_with_python(tmp_path, body), allow_python=True)


def test_modules_of_the_working_folder_do_not_come_in_the_way(tmp_path, monkeypatch):
    (tmp_path / "random.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    assert _circuit(DIGIT + "p(A) :- digit(A,1).").num_nodes == 1


@pytest.mark.parametrize("bad", [{"seconds": 0.0}, {"seconds": float("inf")}, {"megabytes": 1}, {"nodes": 0}])
def test_limits_must_make_sense(bad):
    with pytest.raises(ValidationError):
        Limits(**bad)


def test_work_that_lets_no_other_thread_run_is_ended_too(processes):
    with pytest.raises(LimitError, match="takes more than 1 s"):
        _circuit(DIGIT + "p(A) :- digit(A,1), X is 10 ** 300000000, X > 3.", Limits(seconds=1.0))
    assert processes[0].returncode == -signal.SIGKILL
