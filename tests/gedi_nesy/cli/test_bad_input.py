"""Every kind of bad input: exit code 2, the value, the place, what is allowed or what to do, and never a traceback."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def change(old, new):
    """An edit of the tiny config; the old text must be there."""

    def edit(text):
        assert old in text
        return text.replace(old, new)

    return edit


def program(text):
    """Train with another program, written beside the config."""

    def edit(config):
        Path("own.pl").write_text(text)
        return change("program: mnist_addition", "program: own.pl")(config)

    return edit


DIGIT = "nn(mnist_net, [X], Y, [0,1,2,3,4,5,6,7,8,9]) :: digit(X, Y).\n"
HOLDS = "sum_holds(A, B, C) :- digit(A, X), digit(B, Y), Z is X + Y, digit(C, Z).\n"

# name: (edit of the config, fragments that the error must contain)
CASES = {
    "unknown key of a method": (
        change("sgld: {steps: 2", "sgld: {stepz: 2"),
        [
            'tiny.yaml:10:10  method.sgld.stepz is not an option of method "gedi". Did you mean "steps"? Known: steps, step_size'
        ],
    ),
    "unknown key at the top": (
        change("training:", "trainig:"),
        ['tiny.yaml:21:1  trainig is not an option of a config. Did you mean "training"?', "training is missing"],
    ),
    "wrong type": (
        change("epochs: 4", "epochs: four"),
        ['tiny.yaml:21:12  training.epochs is "four": must be a valid integer.'],
    ),
    "a name that is no folder's": (
        change("data: {name: bars}", "name: a/b\ndata: {name: bars}"),
        [
            'tiny.yaml:2:1  name is "a/b": must be made of the letters A to Z and a to z, digits, -, _ and ., and not begin with a dot.'
        ],
    ),
    "an unknown device": (
        change("data: {name: bars}", "device: gpu\ndata: {name: bars}"),
        ['tiny.yaml:2:1  device is "gpu": must be auto, cpu, cuda, or one GPU such as cuda:0.'],
    ),
    "a number as text": (
        change("learning_rate: 1e-3", "learning_rate: '1e-3'"),
        ['training.learning_rate is "1e-3": must be a valid number.'],
    ),
    "out of range": (change("batch_size: 10", "batch_size: 0"), ["training.batch_size is 0: must be greater than 0."]),
    "duplicate key": (
        change("evaluators:", "views: []\nevaluators:"),
        ['tiny.yaml:22:1  duplicate key "views", first set in line 20. Keep one of them.'],
    ),
    "not YAML": (change("weights: {", "weights: {{"), ["not valid YAML", "tiny.yaml:20:1"]),
    "unknown method": (
        change("name: gedi", "name: gedy"),
        ['unknown method "gedy". Did you mean "gedi"?', "`gedi-nesy plugins` lists all ", "tiny.yaml:5:3"],
    ),
    "unknown task": (
        change("name: constraint", "name: puzzle"),
        ['unknown task "puzzle". `gedi-nesy plugins` lists all '],
    ),
    "unknown backbone": (change("name: mlp", "name: vgg"), ['unknown backbone "vgg". `gedi-nesy plugins` lists all ']),
    "unknown data set": (
        change("name: bars", "name: mnist6k"),
        ['unknown dataset "mnist6k". Did you mean "mnist5k" or "mnist" or ', "`gedi-nesy plugins` lists all "],
    ),
    "unknown view": (
        change("gaussian_noise", "gausian_noise"),
        ['unknown view "gausian_noise". Did you mean "gaussian_noise" or '],
    ),
    "unknown evaluator": (
        change("[classification,", "[clasification,"),
        ['unknown evaluator "clasification". Did you mean "classification" or '],
    ),
    "unknown backend": (
        change("examples: 40", "examples: 40, backend: prolog".replace(", ", "\n  ")),
        ['unknown logic backend "prolog". Did you mean "deepproblog"? `gedi-nesy plugins` lists all 2.'],
    ),
    "unknown term": (
        change("nesy: 5", "nessy: 5"),
        [
            'weights.nessy is no loss term of this run. Did you mean "nesy"?',
            'method "gedi" has gen, energy, inv, prior; task "constraint" has nesy',
        ],
    ),
    "nothing to train": (change("{gen: 1, prior: 10, nesy: 5}", "{gen: 0, nesy: 0}"), ["every weight is 0"]),
    "nothing to train at first": (
        change("views:", "starts: {gen: 0.1, prior: 0.2, nesy: 1}\nviews:"),
        ["every term starts later"],
    ),
    "inv with one view": (
        change("gen: 1,", "inv: 1,"),
        ["tiny.yaml:", "inv compares two views", "num_views is 1, set it to 2"],
    ),
    "missing data": (
        change("name: bars", "name: mnist, root: /nowhere"),
        [
            "tiny.yaml:2:21  ",
            "no /nowhere/MNIST/raw",
            "Looked in /nowhere (data.root in the config, or the variable GEDI_NESY_DATA)",
            "gedi-nesy data fetch mnist --root /nowhere",
        ],
    ),
    "missing program": (
        change("program: mnist_addition", "program: mnist_adition"),
        ['task.program is "mnist_adition"', 'Did you mean "mnist_addition"?'],
    ),
    "a program that does not parse": (
        program(DIGIT + "sum_holds(A, B, C) :- digit(A, X) digit(B, Y).\n"),
        ["own.pl:2:"],
    ),
    "a network that is not bound": (
        program(DIGIT.replace("mnist_net", "other_net") + HOLDS),
        ['own.pl:1:1  network "other_net" of digit/2 is not bound. Add to task.networks: {other_net: method}'],
    ),
    "a network too many": (
        change("{mnist_net: method}", "{mnist_net: method, other: method}"),
        ['task.networks binds "other"', "Its networks: mnist_net"],
    ),
    "a network too many, where it stands": (
        change("{mnist_net: method}", "{mnist_net: method, other: method}"),
        ["tiny.yaml:16:3  task.networks binds"],
    ),
    "a domain of another size": (
        program(DIGIT.replace(",9]", "]") + HOLDS),
        ["own.pl:1:1", "digit/2 has 9 values, its network has 10 classes"],
    ),
    "a query without proof": (
        program(DIGIT + HOLDS.replace("digit(C, Z)", "Z > 100, digit(C, Z)")),
        ["sum_holds(A, B, C)", "no proof"],
    ),
    "slots and arity that differ": (
        change("sum_holds(A, B, C)", "sum_holds(A, B)"),
        ["tiny.yaml:14:3  the argument C is declared but the query"],
    ),
    "another arity in the program": (
        program(DIGIT + "sum_holds(A, B) :- digit(A, X), digit(B, X).\n"),
        ["slots and query arity differ", "has arity 3, the program defines sum_holds with arity 2"],
    ),
    "a predicate that is not there": (
        change("sum_holds(", "sum_hold("),
        ["does not define sum_hold/3", 'Did you mean "sum_holds/3"?'],
    ),
    "an undeclared slot": (
        change("C: image", "D: image"),
        ["tiny.yaml:14:3  the variable C of the query", "is not declared"],
    ),
    "a role that does not exist": (
        change("C: image", "C: picture"),
        ['task.arguments.C is "picture"', "'image', 'images', 'label' or 'constant'"],
    ),
    "a program that loads Python": (
        program(":- use_module('evil.py').\n" + DIGIT + HOLDS),
        ["own.pl:1:", "evil.py", "allow_python"],
    ),
    "a program that loads another": (
        program(DIGIT + ":- consult('evil.pl').\n" + HOLDS),
        ["own.pl:2:", "allow_python"],
    ),
    "a predicate that nothing defines": (
        program(DIGIT + HOLDS.replace("digit(B, Y)", "digitt(B, Y)")),
        ["digitt/2", "own.pl:2:"],
    ),
    "a tensor-valued predicate": (program("nn(mnist_net, [X], Y) :: digit(X, Y).\n" + HOLDS), ["own.pl:1:1", "nn/3"]),
    "too few images": (
        change("examples: 40\n", "examples: 4000\n"),
        ["the 600 images of the train split suffice for", "4000 are asked for", "tiny.yaml:17:3  "],
    ),
    "a plugin file that is not there": (
        change("plugins: [", "plugins: [none.py, "),
        ["tiny.yaml:1:11  plugin file", "none.py", "does not exist"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_config_is_explained(name, tiny_config, cli):
    edit, fragments = CASES[name]
    tiny_config.write_text(edit(tiny_config.read_text()))
    code, out, err = cli("train", tiny_config)
    assert code == 2, out + err
    assert "Traceback" not in err
    for fragment in fragments:
        assert fragment in err.replace(str(tiny_config.parent) + "/", ""), err
    assert not Path("runs").exists(), "a refused config must not leave a run folder behind"


def test_all_faults_come_at_once_in_the_order_of_the_file(tiny_config, cli):
    text = (
        tiny_config.read_text()
        .replace("steps: 2", "stepz: 2")
        .replace("epochs: 4", "epochs: 0")
        .replace("features: 8", "features: x")
    )
    tiny_config.write_text(text)
    _, _, err = cli("train", tiny_config)
    lines = [line for line in err.splitlines() if "tiny.yaml:" in line]
    assert [line.split("  ")[1].split(" is")[0] for line in lines] == [
        "backbone.features",
        "method.sgld.stepz",
        "training.epochs",
    ]


def test_a_bad_override_points_at_the_command_line(tiny_config, cli):
    code, _, err = cli("train", tiny_config, "training.epochs=x")
    assert code == 2 and 'command line: training.epochs=x  training.epochs is "x": must be a valid integer.' in err


def test_a_device_that_is_not_there(tiny_config, cli):
    code, _, err = cli("train", tiny_config, "--device", "cuda:99")
    assert code == 2 and 'device "cuda:99" is not there' in err
    code, _, err = cli("train", tiny_config, "--device", "gpu")
    assert code == 2 and 'device is "gpu"' in err


def test_a_broken_plugin_is_named_and_no_obstacle_to_others(tiny_config, cli, tmp_path, monkeypatch):
    package = tmp_path / "site" / "broken_plugin.py"
    package.parent.mkdir()
    package.write_text("raise RuntimeError('out of order')\n")
    info = tmp_path / "site" / "broken_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[gedi_nesy]\nbroken = broken_plugin\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    code, out, _ = cli("plugins")
    assert code == 0 and "broken  (broken-plugin 1.0)\n  FAILED: RuntimeError: out of order" in out
    assert cli("train", tiny_config, "training.epochs=1")[0] == 0
    _, _, err = cli("train", tiny_config, "method.name=from_broken")
    assert "plugin broken (broken-plugin 1.0) failed to load: RuntimeError: out of order" in err
    sys.modules.pop("broken_plugin", None)


def test_two_plugins_with_one_name(tiny_config, cli, tmp_path):
    (tmp_path / "twin.py").write_text(
        "from gedi_nesy import hookimpl\n@hookimpl\ndef register(registry): registry.add_method('gedi', object)\n"
    )
    tiny_config.write_text(tiny_config.read_text().replace("plugins: [", "plugins: [./twin.py, "))
    code, _, err = cli("train", tiny_config)
    assert code == 2 and 'method "gedi" is registered twice: by methods, gedi-nesy' in err and "twin.py" in err


def test_a_hook_argument_that_does_not_exist(tiny_config, cli, tmp_path):
    (tmp_path / "hook.py").write_text("from gedi_nesy import hookimpl\n@hookimpl\ndef step_finished(loss): pass\n")
    tiny_config.write_text(tiny_config.read_text().replace("plugins: [", "plugins: [./hook.py, "))
    code, _, err = cli("train", tiny_config)
    assert code == 2 and 'hook "step_finished" has no argument "loss". It has: run, step, terms' in err


def test_images_that_do_not_fit_are_all_named(tiny_config, cli, tmp_path):
    assert cli("train", tiny_config, "--run-id", "r", "training.epochs=1")[0] == 0
    Image.fromarray(np.zeros((9, 8), dtype=np.uint8)).save("large.png")
    Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8)).save("colour.png")
    Path("text.png").write_text("not an image")
    code, _, err = cli("predict", "runs/tiny/r", "large.png", "colour.png", "text.png", "none.png")
    assert code == 2
    assert "large.png is 8x9 of mode L; the run was trained on 8x8 of mode L" in err
    assert "colour.png is 8x8 of mode RGB" in err
    assert "text.png is no readable image" in err and "none.png does not exist" in err


@pytest.mark.parametrize("command", ["evaluate", "report", "sample"])
def test_a_run_that_is_not_there(command, tmp_path, monkeypatch, cli):
    monkeypatch.chdir(tmp_path)
    code, _, err = cli(command, "runs/none")
    assert code == 2 and "runs/none is no run folder" in err


def test_a_run_that_cannot_sample_says_so(tiny_config, cli):
    assert cli("train", tiny_config, "--run-id", "r", "training.epochs=1", "weights={prior: 1, nesy: 1}")[0] == 0
    code, _, err = cli("sample", "runs/tiny/r")
    assert (
        code == 2
        and 'the command sample needs sample, and method "gedi" offers class_log_probs, embed, logits. Train a' in err
    )


def test_every_evaluator_that_the_method_is_unfit_for_is_named_where_it_stands(tiny_config, cli):
    text = tiny_config.read_text()
    unfit = "evaluators:\n  - classification\n  - {name: frechet_classifier, count: 10}\n  - name: likelihood\n"
    tiny_config.write_text(text.replace("evaluators: [classification, constraint]\n", unfit).replace("gen: 1, ", ""))
    code, _, err = cli("train", tiny_config)
    first, second = err.replace("error: ", "").splitlines()
    assert code == 2
    assert (
        'tiny.yaml:24:5  evaluator "frechet_classifier" needs sample, and method "gedi" offers class_log_probs' in first
    )
    assert 'tiny.yaml:25:5  evaluator "likelihood" needs posterior, log_likelihood, and method "gedi" offers' in second
    assert "Leave it out, or choose a method that offers posterior, log_likelihood: " in second and "simvae" in second


def test_an_evaluator_of_the_command_line_is_located_there(tiny_config, cli):
    code, _, err = cli("train", tiny_config, "evaluators=[classification,likelihood]")
    assert code == 2 and 'line: evaluators=[classification,likelihood]  evaluator "likelihood" needs posterior' in err


@pytest.mark.parametrize("resume", [[], ["--resume"]])
@pytest.mark.parametrize("run_id", ["../../x", ".hidden", "a b", "a/b"])
def test_a_run_id_that_is_no_folder_name(tiny_config, cli, run_id, resume):
    code, _, err = cli("train", tiny_config, "--run-id", run_id, *resume)
    assert code == 2
    assert f'--run-id is "{run_id}": must be made of the letters A to Z and a to z, digits, -, _ and .' in err
    assert not Path("runs").exists()


def test_a_root_of_the_command_line_is_located_there(tiny_config, cli):
    code, _, err = cli("train", tiny_config, "data.name=mnist", "data.root=/nowhere")
    assert code == 2 and "command line: data.root=/nowhere  " in err and "no /nowhere/MNIST/raw" in err


def test_a_data_set_of_the_command_line_that_is_not_here_is_located_there(tiny_config, cli, monkeypatch):
    monkeypatch.setenv("GEDI_NESY_DATA", "/nowhere")
    code, _, err = cli("train", tiny_config, "data.name=mnist")
    assert code == 2 and "command line: data.name=mnist  " in err


def test_an_unknown_config_names_the_nearest_and_the_command_that_lists_the_rest(cli):
    code, _, err = cli("train", "simclr")
    assert code == 2 and len(err) < 300
    assert 'config "simclr" is neither a file nor a bundled name. Did you mean "pretraining/simclr"' in err
    assert "`gedi-nesy config list` lists all " in err
    listed = cli("config", "list")[1].splitlines()
    assert "pretraining/simclr" in listed and f"lists all {len(listed)}." in err


@pytest.mark.parametrize(
    ("folder", "message"),
    [("sudoku", "error: command line: seed=-1  seed is -1: "), ("mine", "error: mine is no run folder ")],
)
def test_a_folder_of_something_else_hides_no_config(folder, message, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(folder).mkdir()
    for resume in ((), ("--resume",)):
        code, _, err = cli("train", folder, "--seed", "-1", *resume)
        assert code == 2 and err.startswith(message)


def test_a_label_that_is_no_answer():
    from gedi_nesy import Constraint, ProgramError

    networks = {"mnist_net": ["A", "B"]}
    constraint = Constraint.from_program("addition_with_label", query="addition(A, B, Total)", networks=networks)
    assert constraint.answer_index(("18",)) == constraint.answers.index(("18",))
    with pytest.raises(ProgramError, match=r"\(19\) is no answer of the query. Answers: 0, 1, "):
        constraint.answer_index(("19",))


def test_two_files_of_one_name_are_refused(tiny_config, cli, tmp_path):
    for folder in ("pa", "pb"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "m.py").write_text(
            f"from gedi_nesy import hookimpl\n@hookimpl\ndef register(registry): registry.add_view('{folder}', object)\n"
        )
    tiny_config.write_text(tiny_config.read_text().replace("plugins: [", "plugins: [pa/m.py, pb/m.py, "))
    code, _, err = cli("train", tiny_config)
    assert code == 2 and "two files called m.py" in err and not Path("runs").exists()


def test_a_config_of_any_file_name_trains(tiny_config, cli):
    other = tiny_config.rename(tiny_config.with_name("mein Übung 1.yaml"))
    code, _, err = cli("train", other, "--run-id", "r", "training.epochs=1")
    assert code == 0, err
    assert Path("runs/mein-bung-1/r/results.json").exists()


def test_samples_cannot_be_written_where_a_file_is(tiny_config, cli):
    assert cli("train", tiny_config, "--run-id", "r", "training.epochs=1")[0] == 0
    Path("file").write_text("")
    code, _, err = cli("sample", "runs/tiny/r", "--out", "file/x.png")
    assert code == 2 and "file/x.png cannot be written" in err
    assert cli("sample", "runs/tiny/r", "--out", "without_suffix")[0] == 0


def test_usage_errors_have_exit_code_2(cli):
    assert cli("train")[0] == 2
    assert cli("no-such-command")[0] == 2
