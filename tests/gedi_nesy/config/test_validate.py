"""Faults of a config: its lists of views, ends of terms, and what is said of a value that does not fit."""

from __future__ import annotations

import json

import pytest
import yaml

from gedi_nesy.config.json_schema import json_schema
from gedi_nesy.config.loader import load_tree
from gedi_nesy.config.validate import validate
from gedi_nesy.errors import ConfigError, did_you_mean
from gedi_nesy.plugin_manager import load_plugins

NOISE = "{name: gaussian_noise, std: 0.05}"
BYOL = f"[[{NOISE}, {{name: gaussian_blur, probability: 1.0}}], [solarize]]"


@pytest.fixture
def load(tiny_config, tiny_text):
    """The tiny config with other views."""

    def read(views, *more):
        tiny_config.write_text("\n".join([tiny_text.replace(f"views: [{NOISE}]", f"views: {views}"), *more]))
        return validate(load_tree(str(tiny_config)), load_plugins())

    return read


def names(config):
    return [[view.name for view in pipeline] for pipeline in config.pipelines()]


def test_one_list_makes_every_view(load):
    assert names(load("[solarize, grayscale]", "num_views: 3")) == [["solarize", "grayscale"]] * 3
    assert names(load("[]")) == [[]]


def test_a_list_of_lists_has_one_for_each_view(load):
    config = load(BYOL, "num_views: 2")
    assert names(config) == [["gaussian_noise", "gaussian_blur"], ["solarize"]]
    assert config.pipelines()[0][1].options.probability == 1.0


@pytest.mark.parametrize("views", [BYOL, "[solarize, grayscale]"])
def test_the_plain_form_loads_to_the_same_config(load, tiny_config, views):
    config = load(views, "num_views: 2", f"small_views: [{NOISE}]", "num_small_views: 4")
    tiny_config.write_text(yaml.safe_dump(json.loads(json.dumps(config.plain()))))
    again = validate(load_tree(str(tiny_config)), load_plugins())
    assert again.plain() == config.plain() and names(again) == names(config) and again.num_small_views == 4


@pytest.mark.parametrize(
    ("views", "more", "message"),
    [
        (BYOL, [], r"tiny.yaml:\d+:\d+  views has 2 lists, one for each view, and num_views is 1: set it to 2"),
        (f"[[{NOISE}], solarize]", ["num_views: 2"], r'tiny.yaml:\d+:\d+  views.1 is "solarize": must be a list.'),
        ("[[solarise], []]", ["num_views: 2"], r'unknown view "solarise". Did you mean "solarize"'),
        ("[[{name: solarize, level: 1}], []]", ["num_views: 2"], r"views.0.0.level is not an option of views.0.0"),
        ("[]", ["num_small_views: 2"], r"num_small_views is 2 and small_views is empty"),
        ("[]", ["small_views: [solarize]"], r"small_views is there and num_small_views is 0"),
    ],
)
def test_lists_and_numbers_that_do_not_fit_are_errors_where_they_stand(load, views, more, message):
    with pytest.raises(ConfigError, match=message):
        load(views, *more)


def test_the_json_schema_has_both_forms():
    views = json_schema(load_plugins().registry)["properties"]["views"]
    *transforms, one_view = views["items"]["anyOf"]
    assert "solarize" in transforms[0]["enum"] and one_view == {"type": "array", "items": {"anyOf": transforms}}


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ("weights: {gen: 1, prior: 1}\nends: {gne: 0.5}", "ends.gne is no loss term of this run"),
        (
            "weights: {gen: 1, prior: 1}\nstarts: {gen: 0.5}\nends: {gen: 0.5}",
            "ends.gen is 0.5: the term starts at 0.5, let it end later",
        ),
        (
            "weights: {gen: 1, prior: 1}\nends: {gen: 0.5}\nstarts: {prior: 0.6}",
            "ends.gen is 0.5: no other term is on then, so there is nothing to train",
        ),
    ],
)
def test_ends_that_leave_nothing_are_refused(sections, message, tmp_path, tiny_text):
    lines = [line for line in tiny_text.splitlines() if not line.startswith("weights")]
    (tmp_path / "c.yaml").write_text("\n".join([*lines, sections]))
    with pytest.raises(ConfigError) as error:
        validate(load_tree(str(tmp_path / "c.yaml")), load_plugins())
    assert message in str(error.value)


def test_a_device_of_another_form_is_told_what_there_is(tmp_path, tiny_text):
    (tmp_path / "c.yaml").write_text(f"{tiny_text}\ndevice: tpu\n")
    with pytest.raises(ConfigError) as error:
        validate(load_tree(str(tmp_path / "c.yaml")), load_plugins())
    assert str(error.value).endswith('device is "tpu": must be auto, cpu, cuda, or one GPU such as cuda:0.')


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("epochs=3", 'epochs is not an option of a config. Did you mean "training.epochs"?'),
        ("training.above=3", 'training.above is not an option of a config. Did you mean "training.restart.above"?'),
        ("training.betas=1", "training.betas is 1: must be a list."),
        ("evaluators=knn", 'evaluators is "knn": must be a list.'),
        ("weights=3", "weights is 3: must be a mapping of keys to values."),
        ("start_from=runs/a", 'start_from is "runs/a": must be a section with the keys path, take, freeze.'),
    ],
)
def test_a_key_or_value_of_the_wrong_place_or_kind_is_told_the_right_one(change, message, tiny_config):
    with pytest.raises(ConfigError) as caught:
        validate(load_tree(str(tiny_config), [change]), load_plugins())
    assert message in str(caught.value)


def test_hints_do_not_mind_capital_letters():
    assert did_you_mean("Gedi", ["JEM", "GEDI"]) == ' Did you mean "GEDI"?'
    assert did_you_mean("xyz", ["JEM", "GEDI"]) == ""
