"""YAML with positions, numbers as people write them, extends and overrides."""

from __future__ import annotations

import pytest

from gedi_nesy.config.loader import load_tree, parse_yaml
from gedi_nesy.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E5", 1e5),
        ("-2.5e+3", -2500.0),
        (".5", 0.5),
        ("7", 7),
        ("0x10", 16),
        ("true", True),
        ("on", "on"),
        ("yes", "yes"),
        ("null", None),
        ("1.0.0", "1.0.0"),
        ("'1e-3'", "1e-3"),
    ],
)
def test_scalars_are_read_as_people_mean_them(text, value):
    read = parse_yaml(f"key: {text}", "file.yaml").data["key"]
    assert read == value and type(read) is type(value)


def test_every_value_remembers_its_place():
    tree = parse_yaml("a: 1\nb:\n  c: [2, 3]\n", "file.yaml")
    assert str(tree.position(("b", "c"))) == "file.yaml:3:3"
    assert str(tree.position(("b", "c", 1))) == "file.yaml:3:10"
    assert str(tree.position(("b", "missing"))) == "file.yaml:2:1"


def test_duplicate_keys_are_all_named_with_both_lines():
    with pytest.raises(ConfigError) as caught:
        parse_yaml("a: 1\nb: 2\na: 3\nb: 4\n", "file.yaml")
    assert str(caught.value).splitlines() == [
        'file.yaml:3:1  duplicate key "a", first set in line 1. Keep one of them.',
        'file.yaml:4:1  duplicate key "b", first set in line 2. Keep one of them.',
    ]


def test_broken_yaml_says_where():
    with pytest.raises(ConfigError, match=r"file.yaml:2:\d+  not valid YAML"):
        parse_yaml("a: [1,\nb: 2", "file.yaml")


@pytest.mark.parametrize(
    ("text", "message"), [("a: \x07", "not valid YAML"), ("a: &a [*a]", "contains itself"), ("- 1", "is a mapping")]
)
def test_odd_files_are_errors_without_traceback(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_yaml(text, "file.yaml")


def write(path, text):
    path.write_text(text)
    return str(path)


def test_extends_merges_sections_and_another_plugin_starts_afresh(tmp_path):
    write(
        tmp_path / "base.yaml",
        "method: {name: gedi, temperature: 2}\ntask: {name: t, examples: 5, roles: {A: x}}\nweights: {gen: 1}\n",
    )
    child = write(
        tmp_path / "child.yaml",
        "extends: base.yaml\nmethod: {name: other}\ntask: {examples: 7, roles: {B: y}}\nweights: {inv: 1}\n",
    )
    assert load_tree(child).data == {
        "method": {"name": "other"},
        "task": {"name": "t", "examples": 7, "roles": {"B": "y"}},
        "weights": {"inv": 1},
    }


def test_extending_in_a_circle_is_an_error(tmp_path):
    write(tmp_path / "a.yaml", "extends: b.yaml\n")
    write(tmp_path / "b.yaml", "extends: a.yaml\n")
    with pytest.raises(ConfigError, match="circle"):
        load_tree(str(tmp_path / "a.yaml"))


def test_overrides_reach_nested_keys_lists_and_new_keys(tmp_path):
    path = write(tmp_path / "c.yaml", "training: {lr: 1}\nviews: [{name: a, std: 1}]\n")
    tree = load_tree(path, ["training.lr=1e-3", "views.0.std=2", "training.betas=[0.9, 0.99]", "fresh.key=x"])
    assert tree.data["training"] == {"lr": 1e-3, "betas": [0.9, 0.99]}
    assert tree.data["views"][0]["std"] == 2 and tree.data["fresh"] == {"key": "x"}
    assert str(tree.position(("training", "lr"))) == "command line: training.lr=1e-3"
    assert str(tree.position(("fresh",))) == "command line: fresh.key=x"
    assert str(tree.position(("training",))).endswith("c.yaml:1:1")


def test_the_name_of_a_plugin_starts_its_section_afresh_and_that_of_the_run_does_not(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("name: a\nmethod: {name: one, width: 3}\n")
    assert load_tree(str(file), ["name=b"]).data == {"name": "b", "method": {"name": "one", "width": 3}}
    assert load_tree(str(file), ["method.name=two"]).data["method"] == {"name": "two"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training", "has the form key.sub=value"),
        ("views.5.std=1", '"5" is no position in a list of 1'),
        ("seed.sub=1", '"seed" is a single value (0)'),
    ],
)
def test_a_bad_override_is_named(tmp_path, override, message):
    path = write(tmp_path / "c.yaml", "seed: 0\nviews: [{name: a}]\n")
    with pytest.raises(ConfigError) as caught:
        load_tree(path, [override])
    assert message in str(caught.value) and override in str(caught.value)


def test_an_unknown_config_lists_the_bundled_ones():
    with pytest.raises(ConfigError, match='Did you mean "mnist_addition"'):
        load_tree("mnist_adition")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "rate: !!timestamp 2020-01-01",
            "'2020-01-01' cannot be read: its tag is tag:yaml.org,2002:timestamp, and a config has",
        ),
        ("rate: !!binary aGk=", "'aGk=' cannot be read: its tag is tag:yaml.org,2002:binary"),
        ("rate: !!bool maybe", "file.yaml:1:7  'maybe' cannot be read: it is no bool"),
        ("rate: !!python/name:os.system ''", "cannot be read: its tag is tag:yaml.org,2002:python/name:os.system"),
        ("rate: " + "[" * 30_000 + "]" * 30_000, "nested too deeply to be read"),
    ],
)
def test_what_no_config_holds_is_an_error_with_its_place(text, message):
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "file.yaml")
    assert message in str(caught.value)


def test_only_the_digits_0_to_9_are_a_place_in_a_list(tiny_config):
    with pytest.raises(ConfigError, match='"²" is no position in a list of 1; count from 0'):
        load_tree(str(tiny_config), ["views.²=1"])
