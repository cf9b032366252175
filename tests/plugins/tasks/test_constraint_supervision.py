"""Every kind of supervision through a config: lists, tables, known classes, targets, several networks, t(_)."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from gedi_nesy.config.loader import load_tree
from gedi_nesy.config.validate import validate
from gedi_nesy.engine.build import build_run, reset
from gedi_nesy.engine.run_folder import RunFolder
from gedi_nesy.plugin_manager import load_plugins

DOMAIN = "[0,1,2,3,4,5,6,7,8,9]"
TOTAL = f"nn(net,[X],Y,{DOMAIN}) :: digit(X,Y).\ntotal([],0). total([A|R],T) :- digit(A,X), total(R,S), T is X+S.\n"
FAST = ["training.epochs=1", "training.batch_size=5", "weights={prior: 1, nesy: 1}", "--run-id", "r"]


@pytest.fixture
def task_config(tiny_config, tiny_text):
    """Write a config with another task section and a program beside it."""

    def write(program: str, task: str, data: str = "{name: bars}") -> Path:
        Path("own.pl").write_text(program)
        before, _, rest = tiny_text.partition("task:\n")
        after = rest[rest.index("weights:") :]
        text = before.replace("{name: bars}", data) + f"task: {{name: constraint, program: own.pl, {task}}}\n" + after
        tiny_config.write_text(text)
        return tiny_config

    return write


def results() -> dict:
    return json.loads(Path("runs/tiny/r/results.json").read_text())


def build(config):
    plugins = load_plugins()
    return build_run(validate(load_tree(str(config), []), plugins), plugins, RunFolder(Path("runs/tiny/r")))


LISTS = "query: 'total(L,T)', arguments: {L: images, T: label}, networks: {net: method}"


def test_lists_of_several_lengths_train_together(task_config, cli):
    config = task_config(TOTAL, LISTS + ", lengths: {L: [1, 2, 3]}, examples: 30, test_examples: 6")
    code, _, err = cli("train", config, *FAST)
    assert code == 0, err
    assert results()["constraint"]["structures"] == 3
    assert results()["constraint"]["examples"] == 30


def test_a_batch_holds_the_images_of_its_examples(task_config):
    task = build(task_config(TOTAL, LISTS + ", lengths: {L: [1, 3]}, examples: 10, test_examples: 2")).task
    for selection in task.epoch(5, torch.Generator().manual_seed(0)):
        there = selection.examples.slots >= 0
        assert selection.examples.slots[there].tolist() == list(range(len(selection.images)))
        assert there.sum(1).tolist() == [1 if s == 0 else 3 for s in selection.examples.structure.tolist()]


def test_lengths_that_are_not_given_are_asked_for(task_config, cli):
    code, _, err = cli("train", task_config(TOTAL, LISTS + ", examples: 10"))
    assert code == 2
    assert "say in task.lengths what L may be in drawn examples" in err


def test_known_classes_are_a_share_of_the_labels(task_config):
    task = build(task_config(TOTAL, LISTS + ", lengths: {L: [2]}, examples: 100, test_examples: 5, labelled: 0.3")).task
    known, slots = task.train_examples.known, task.train_examples.slots
    assert 0.15 < float((known >= 0).float().mean()) < 0.45
    totals = [int(task.constraint.constraints[0].answers[index][0]) for index in task.train_examples.answer]
    both = (known >= 0).all(1)
    assert both.any()
    assert known.sum(1)[both].tolist() == torch.tensor(totals)[both].tolist()
    assert slots.shape == known.shape


def test_networks_of_different_domains_share_the_classifier(task_config, cli):
    program = (
        "nn(low,[X],Y,[0,1,2,3]) :: low(X,Y). nn(high,[X],Y,[a,b]) :: high(X,Y).\n"
        "pair(A,B,T) :- low(A,T), high(B,a). pair(A,B,none) :- high(B,b).\n"
    )
    task = (
        "query: 'pair(A,B,T)', arguments: {A: image, B: image, T: label}, examples: 20, test_examples: 5,"
        " networks: {low: ['0', '1', '2', '3'], high: ['8', '9']}"
    )
    config = task_config(program, task)
    run = build(config)
    # The bright column of classes 8 and 9 makes the second image; the first is one of the rows 0 to 3.
    rows = run.task.train_pixels[run.task.train_examples.slots].float().mean(-1).argmax(-1).squeeze(2)
    assert set(rows[:, 0].tolist()) <= {0, 1, 2, 3} | set(range(8))
    code, _, err = cli("train", config, *FAST)
    assert code == 0, err


def test_classes_that_the_data_lacks_are_named(task_config, cli):
    config = task_config(TOTAL, LISTS.replace("{net: method}", "{net: [ten]}") + ", lengths: {L: [2]}, examples: 9")
    code, _, err = cli("train", config)
    assert code == 2
    assert 'task.networks.net names the class "ten". Classes of the data: 0, 1, 2' in err


def test_a_domain_of_another_size_is_named(task_config, cli):
    config = task_config(
        TOTAL, LISTS.replace("{net: method}", "{net: ['0', '1']}") + ", lengths: {L: [2]}, examples: 9"
    )
    code, _, err = cli("train", config)
    assert code == 2
    assert "own.pl:1:1  the neural predicate digit/2 has 10 values, its network has 2 classes" in err


def test_learnable_probabilities_train_resume_and_are_reported(task_config, cli, monkeypatch):
    program = TOTAL + "t(0.5)::honest.\nsaid(L,T) :- honest, total(L,T). said(L,0) :- \\+honest, total(L,_).\n"
    task = LISTS.replace("total(L,T)", "said(L,T)") + ", lengths: {L: [1]}, examples: 40, test_examples: 5"
    config = task_config(program, task)
    options = ["training.learning_rate=0.05", "training.epochs=3", "weights={prior: 1, nesy: 1}"]
    code, _, err = cli("train", config, "--run-id", "r", *options)
    assert code == 0, err
    whole = results()["constraint"]["learned"]
    ((name, (honest, lies)),) = whole.items()
    assert "honest" in name
    assert honest + lies == pytest.approx(1)
    assert abs(honest - 0.5) > 0.01
    monkeypatch.setenv("TINY_STOP_AT", "6")
    with pytest.raises(BaseException) as caught:
        cli("train", config, "--run-id", "stopped", *options)
    assert type(caught.value).__name__ == "Stopped"
    monkeypatch.delenv("TINY_STOP_AT")
    code, _, err = cli("train", config, "--run-id", "stopped", *options, "--resume")
    assert code == 0, err
    assert json.loads(Path("runs/tiny/stopped/results.json").read_text())["constraint"]["learned"] == whole


def _write_table(name, folder, count, seed):
    """Pairs of bars, a row for each pair: left image, right image, whether their classes are equal."""
    from tests.tiny_plugin import _images

    split, generator = _images(4, seed), torch.Generator().manual_seed(seed)
    Path(folder).mkdir()
    files = []
    for index, image in enumerate(split.pixels):
        files.append(f"{folder}/{index}.png")
        Image.fromarray(image[0].numpy()).save(files[-1])
    with open(name, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["left", "right", "class of left", "equal"])
        for _ in range(count):
            a, b = torch.randint(len(files), (2,), generator=generator).tolist()
            writer.writerow([files[a], files[b], split.labels[a].item(), float(split.labels[a] == split.labels[b])])


TABLE = (
    "{name: image_table, train: train.csv, test: test.csv, images: {left: class of left, right: null}, height: 8,"
    " width: 8, classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']}"
)
SAME = f"nn(net,[X],Y,{DOMAIN}) :: digit(X,Y).\nsame(A,B) :- digit(A,X), digit(B,X).\n"
PAIRS = (
    "query: 'same(A,B)', arguments: {A: image, B: image}, networks: {net: method}, columns: {A: left, B: right},"
    " target: equal, labelled: 1.0"
)


def test_a_table_of_images_trains_with_targets_and_known_classes(task_config, cli):
    config = task_config(SAME, PAIRS, TABLE)
    _write_table("train.csv", "train", 40, 1)
    _write_table("test.csv", "test", 20, 2)
    task = build(config).task
    assert set(task.train_examples.target.tolist()) == {0.0, 1.0}
    assert (task.train_examples.known >= 0).any()
    code, _, err = cli("train", config, *FAST)
    assert code == 0, err
    assert results()["constraint"]["examples"] == 40
    assert "classification" in results()["numbers"]


def test_tables_and_counts_of_drawn_examples_exclude_each_other(task_config, cli):
    config = task_config(SAME, PAIRS + ", examples: 5", TABLE)
    _write_table("train.csv", "train", 4, 1)
    _write_table("test.csv", "test", 4, 2)
    code, _, err = cli("train", config)
    assert code == 2
    assert "the rows of the table are the examples: leave task.examples out" in err


def test_another_attempt_starts_from_the_programs_probabilities(task_config):
    program = TOTAL + "t(0.3)::honest.\nsaid(L,T) :- honest, total(L,T).\n"
    task = LISTS.replace("total(L,T)", "said(L,T)") + ", lengths: {L: [1]}, examples: 20, test_examples: 5"
    run = build(task_config(program, task))
    with torch.no_grad():
        next(run.task.trained.parameters()).add_(torch.tensor([5.0, 0.0]))
    reset(run)
    assert run.task.facts()["learned"]["t::honest"] == pytest.approx([0.3, 0.7])
