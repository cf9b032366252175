"""The commands about programs as a user meets them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

TRIPLE = ("mnist_addition", "--query", "sum_holds(A,B,C)", "--images", "A,B,C")
TOTAL = ("addition_with_label", "--query", "addition(A,B,T)", "--images", "A,B", "--labels", "T")
OPERATORS = """\
nn(net, [X], Y, [0,1,2]) :: digit(X, Y).
nn(op_net, [X], Y, [plus, minus]) :: op(X, Y).
value(plus, X, Y, Z) :- Z is X + Y.
value(minus, X, Y, Z) :- Z is X - Y.
result(A, O, B, T) :- digit(A, X), op(O, F), digit(B, Y), value(F, X, Y, T).
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_shortcuts_of_the_sum_triple(cli):
    code, out, err = cli("program", "shortcuts", *TRIPLE, "--prior", "uniform", "--labelled", "3,4")
    assert code == 0, err
    assert out.splitlines()[:8] == [
        "maps of classes to classes that satisfy every example  2",
        "when all classes are used                              1",
        "when the class prior is known                          1",
        "when the given classes are labelled                    1",
        "the maps",
        "  0->0 1->1 2->2 3->3 4->4 5->5 6->6 7->7 8->8 9->9  (the intended one)",
        "  0->0 1->0 2->0 3->0 4->0 5->0 6->0 7->0 8->0 9->0",
        "labels of one class leave only the intended map; the smallest choices",
    ]
    assert out.splitlines()[8:] == [f"  {digit}" for digit in range(1, 10)]


def test_shortcuts_of_a_table_of_readings(cli):
    Path("seen.csv").write_text("A,B,T\n0,1,1\n0,2,2\n")
    code, out, err = cli("program", "shortcuts", *TOTAL, "--support", "seen.csv")
    assert code == 0, err
    # f(0) + f(1) = 1 and f(0) + f(2) = 2: f(0) is 0 or 1, and seven classes are free.
    assert f"every example  {2 * 10**7:,}" in out
    assert "classes that no example has, so that anything goes: 3, 4, 5, 6, 7, 8, 9" in out


def test_shortcuts_of_two_networks_name_each(cli):
    Path("p.pl").write_text(OPERATORS)
    ask = ("program", "shortcuts", "p.pl", "--query", "result(A,O,B,T)", "--images", "A,O,B", "--labels", "T")
    code, out, err = cli(*ask, "--labelled", "op_net:plus")
    assert code == 0, err
    assert "no labels are needed" in out
    assert "  net: 0->0 1->1 2->2  op_net: plus->plus minus->minus  (the intended one)" in out
    code, _, err = cli(*ask, "--labelled", "plus")
    assert code == 2 and "--labelled must say which network it is about; the program has net, op_net" in err


def test_a_reading_that_proves_nothing_is_told_by_the_names_of_its_classes(cli):
    Path("p.pl").write_text(OPERATORS)
    Path("seen.csv").write_text("A,O,B,T\n1,plus,2,4\n")
    ask = ("--query", "result(A,O,B,T)", "--images", "A,O,B", "--labels", "T", "--support", "seen.csv")
    code, _, err = cli("program", "shortcuts", "p.pl", *ask)
    assert code == 2
    assert "seen.csv:2  the classes (A = 1, O = plus, B = 2) prove not the answer 4 of the query" in err


def test_classes_are_called_what_the_user_calls_them(cli):
    Path("p.pl").write_text("nn(net,[X],Y,[0,1]) :: bit(X,Y).\np(A,B) :- bit(A,X), bit(B,Y), X =\\= Y.\n")
    ask = ("program", "shortcuts", "p.pl", "--query", "p(A,B)", "--images", "A,B")
    code, out, _ = cli(*ask, "--class-names", "cat,dog", "--labelled", "dog")
    assert code == 0 and "  cat->dog dog->cat" in out and "labelled                    1" in out
    code, _, err = cli(*ask, "--class-names", "cat")
    assert code == 2 and "--class-names has 1 names; the network net has 2 classes" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--prior", "0.5,0.5"], "--prior has 2 numbers that sum to 1; write 10 that sum to 1 exactly"),
        (["--prior", "even"], "--prior even is neither uniform nor numbers"),
        (["--labelled", "10"], '--labelled names the class "10". Classes: 0, 1'),
        (["--support", "none.csv"], "--support none.csv is neither all nor distinct nor a file"),
        (["--images", "A,B:x"], "--images has B:x; write the number of images in the list, such as B:3"),
        (["--max-nodes", "50"], "counting the shortcuts of the query sum_holds(A,B,C) takes more than 50 nodes"),
    ],
)
def test_bad_options_of_shortcuts_are_explained(cli, options, message):
    code, _, err = cli("program", "shortcuts", *TRIPLE, *options)
    assert code == 2 and message in err and "Traceback" not in err


def test_all_faults_of_a_support_come_at_once(cli):
    Path("seen.csv").write_text("A,B,C\n1,1,2\n1,x,2\n,1,1\n")
    code, _, err = cli("program", "shortcuts", *TRIPLE, "--support", "seen.csv")
    assert code == 2
    assert 'seen.csv:3  B is "x". Classes: 0, 1' in err and 'seen.csv:4  A is "". Classes: 0, 1' in err
    Path("seen.csv").write_text("A,D\n1,1\n")
    code, _, err = cli("program", "shortcuts", *TRIPLE, "--support", "seen.csv")
    assert code == 2 and "seen.csv:1  there is no column B. Columns: A, D" in err
    Path("seen.csv").write_text("A,B,C\n1,1,3\n")
    code, _, err = cli("program", "shortcuts", *TRIPLE, "--support", "seen.csv")
    assert code == 2 and "seen.csv:2  the classes (A = 1, B = 1, C = 3) prove no answer" in err


def test_explain_tells_probability_world_and_gradient_and_draws(cli):
    Path("probs.json").write_text('{"A": {"1": 0.9, "2": 0.1}, "B": {"2": 0.6, "1": 0.4}}')
    code, out, err = cli("program", "explain", *TOTAL, "--answer", "3", "--probs", "probs.json", "--svg", "circuit.svg")
    assert code == 0, err
    lines = [line.split() for line in out.splitlines()]
    assert ["3", "0.58"] in lines  # 0.9 * 0.6 + 0.1 * 0.4
    assert "most probable world of 3, probability 0.54" in out
    assert ["mnist_net(A)", "1", "(0.9)"] in lines and ["mnist_net(B)", "2", "(0.6)"] in lines
    assert f"1: {0.54 / 0.58:.4g}" in out
    picture = ElementTree.parse("circuit.svg")
    assert "mnist_net(A)" in {text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")}


def test_explain_lists_images_in_the_order_of_the_query(cli):
    Path("p.pl").write_text(
        "nn(net,[X],Y,[a,b]) :: kind(X,Y).\n0.4::late.\np([]).\np([A|T]) :- p(T), kind(A,a), late.\n"
    )
    code, out, err = cli("program", "explain", "p.pl", "--query", "p(L)", "--images", "L:3")
    assert code == 0, err
    names = [line.split()[0] for line in out.splitlines() if line.startswith(("  net", "  chance"))]
    assert names == ["net(L_1)", "net(L_2)", "net(L_3)", "chance"] * 2


def test_explain_shows_both_choices_of_one_network_for_one_image(cli):
    Path("p.pl").write_text(
        "nn(net,[X],Y,[0,1]) :: bit(X,Y).\nnn(net,[X],Y,[a,b]) :: kind(X,Y).\np(A) :- bit(A,0), kind(A,b).\n"
    )
    code, out, err = cli("program", "explain", "p.pl", "--query", "p(A)", "--images", "A")
    assert code == 0, err
    assert "  net(A)  0  (0.5)\n  net(A)  b  (0.5)\n" in out


def test_explain_calls_chance_by_the_heads_of_its_clause(cli):
    Path("p.pl").write_text(
        "nn(net,[X],Y,[a,b]) :: kind(X,Y).\n0.2::rain; 0.3::snow; 0.5::sun.\n0.4::late(X) :- kind(X,b).\n"
        "p(A) :- kind(A,b), \\+ rain, \\+ snow, late(A).\n"
    )
    code, out, err = cli("program", "explain", "p.pl", "--query", "p(A)", "--images", "A")
    assert code == 0, err
    assert "  chance 1  none of rain, snow  (0.5)" in out and "  chance 2  late(A)  (0.4)" in out
    assert "late(A): 1  not late(A): 0" in out


@pytest.mark.parametrize("answer", ["[1,2],x", "[1, 2], x"])
def test_an_answer_whose_labels_have_commas_can_be_chosen(cli, answer):
    Path("p.pl").write_text("0.25::p([1,2],x). 0.75::p([2],y).")
    ask = ("program", "explain", "p.pl", "--query", "p(L,M)", "--labels", "L,M")
    code, out, err = cli(*ask, "--answer", answer)
    assert code == 0 and "of [1, 2],x" in out, err
    code, _, err = cli(*ask, "--answer", "[1],x")
    assert code == 2 and "([1],x) is no answer of the query. Answers: [1, 2],x, [2],y" in err


def test_explain_works_without_networks_and_says_when_nothing_is_possible(cli):
    Path("p.pl").write_text("0.4::a(1). 0.5::a(2). b(X) :- a(X).\n")
    code, out, _ = cli("program", "explain", "p.pl", "--query", "b(X)", "--labels", "X")
    assert code == 0 and "most probable world of 2, probability 0.3" in out
    Path("probs.json").write_text('{"A": {"1": 1}, "B": {"1": 1}, "C": {"3": 1}}')
    code, out, _ = cli("program", "explain", *TRIPLE, "--probs", "probs.json")
    assert code == 0 and "there is no world under these probabilities" in out


def test_a_drawing_that_cannot_be_made_is_explained(cli):
    ask = ("program", "explain", "two_digit_addition", "--query", "addition([A,B],[C,D],T)")
    code, _, err = cli(*ask, "--images", "A,B,C,D", "--labels", "T", "--svg", "circuit.svg")
    assert code == 2 and "more than the 150 that fit a picture" in err and not Path("circuit.svg").exists()
    code, _, err = cli("program", "explain", *TRIPLE, "--svg", "nowhere/circuit.svg")
    assert code == 2 and "nowhere/circuit.svg cannot be written: there is no folder nowhere. Make it" in err


def test_query_prints_what_problog_prints(cli):
    Path("p.pl").write_text("0.4::a(1). 0.5::a(20).\nb(X) :- a(X).\nquery(b(X)). query(a(3)).\n")
    code, out, err = cli("program", "query", "p.pl")
    assert code == 0, err
    assert out.splitlines() == ["b(1):   0.4", "b(20):  0.5", "a(3):   0"]
    code, _, err = cli("program", "query", "mnist_addition")
    assert code == 2 and "digit/2 has no probabilities without images" in err


def test_check_tells_what_is_read_and_what_has_no_proof(cli):
    Path("p.pl").write_text("nn(net,[X],Y,[0,1]) :: bit(X,Y).\np(A,B) :- bit(A,1).\nquery(p(x,y)).\nquery(bit(x,2)).\n")
    code, out, err = cli("program", "check", "p.pl", "--query", "p(A,B)", "--images", "A,B")
    assert code == 0, err
    assert "to be bound       net" in out and "reads             net: A" in out
    assert "without effect    B: no answer depends on this image" in out
    assert "p.pl:4:1  the query bit(x,2) has no proof, so its probability is 0" in out


def test_check_takes_lists_of_images(cli):
    Path("p.pl").write_text("nn(net,[X],Y,[0,1]) :: bit(X,Y).\nall([]). all([A|T]) :- bit(A,1), all(T).\n")
    code, out, err = cli("program", "check", "p.pl", "--query", "all(Bits)", "--images", "Bits:3")
    assert code == 0 and "net: Bits_1, Bits_2, Bits_3" in out, err


@pytest.mark.parametrize("command", ["shortcuts", "explain"])
def test_understanding_a_program_takes_no_torch(command):
    script = (
        "import sys\nfrom gedi_nesy.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\nprint('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "program", command, *TRIPLE], capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False"
