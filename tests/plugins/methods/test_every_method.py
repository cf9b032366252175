"""Every registered method keeps the contract; terms do not depend on the order of images, nor on that of views where they are alike."""

from __future__ import annotations

import pytest
import torch
from split_batches import steps_of_methods
from two_processes import both

from gedi_nesy import Batch, ConfigError, MethodContext
from gedi_nesy.plugin_manager import load_plugins
from gedi_nesy.testing import TinyBackbone, check_method, make_batch, make_method

HEAD = {"projector": (8, 4)}
SGLD = {"steps": 2, "step_size": 0.1, "noise_std": 0.01}
# Options that make a method fit six images of 8x8 pixels; the defaults of the papers are thousands wide.
SMALL = {
    "barlow_twins": HEAD,
    "byol": HEAD | {"predictor": (8,)},
    "colourisation": {"bins": 4, "grid": 2, "shape": (3, 8, 8)},
    "corinfomax": {"projector": (8, 2)},
    "cplearn": {"features": 16},
    "deepcluster": HEAD | {"memory": 12},
    "dino": HEAD,
    "ebclr": HEAD | {"buffer_size": 12, "chains": 4, "references": 12, "sgld": SGLD},
    "gedi": {"buffer_size": 12, "chains": 4, "sgld": SGLD},
    "jigsaw": {"grid": 2, "permutations": 6, "hidden": (8,)},
    "moco": HEAD | {"queue_size": 16},
    "simclr": HEAD,
    "simsiam": HEAD | {"predictor": (8,)},
    "swav": HEAD | {"queue_size": 12},
    "vicreg": HEAD,
    "w_mse": {"projector": (8, 2), "group_size": 6},
}
ENTRIES = {entry.name: entry for entry in load_plugins().registry.entries("method")}
# Terms that treat the views alike, and those that are computed image by image or over the whole batch without chance.
SYMMETRIC = [
    "barlow_twins",
    "byol",
    "corinfomax",
    "cplearn",
    "deepcluster",
    "dino",
    "simclr",
    "simsiam",
    "swav",
    "vicreg",
    "w_mse",
]
WITHOUT_CHANCE = [*SYMMETRIC, "colourisation", "instance_discrimination", "moco", "rotation"]
TWO_VIEWS = [*SYMMETRIC, "ebclr", "instance_discrimination", "moco"]


def terms(name, images):
    kind, options = ENTRIES[name].load(), SMALL.get(name, {})
    return make_method(kind, **options).losses(Batch(images), frozenset(kind.TERMS)).terms


def batch_of(name):
    return make_batch(shape=SMALL.get(name, {}).get("shape", (1, 8, 8))).images


def assert_equal(one, other):
    assert one.keys() == other.keys() and one
    for term in one:
        torch.testing.assert_close(one[term], other[term], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ENTRIES)
def test_the_contract_holds(name):
    check_method(ENTRIES[name].load(), **SMALL.get(name, {}))


@pytest.mark.parametrize("name", WITHOUT_CHANCE)
def test_the_order_of_the_batch_does_not_matter(name):
    images = batch_of(name)
    assert_equal(terms(name, images), terms(name, images[:, [3, 1, 5, 0, 2, 4]]))


@pytest.mark.parametrize("name", SYMMETRIC)
def test_views_are_treated_alike(name):
    images = batch_of(name)
    assert_equal(terms(name, images), terms(name, images.flip(0)))


@pytest.mark.parametrize("name", TWO_VIEWS)
def test_a_single_view_is_refused_before_training(name):
    kind = ENTRIES[name].load()
    context = MethodContext(TinyBackbone(), (1, 8, 8), 4, frozenset(kind.TERMS), 1, torch.Generator())
    with pytest.raises(ConfigError, match="num_views is 1, set it to 2 or more") as error:
        kind(kind.Options(**SMALL.get(name, {})), context)
    assert error.value.key == "num_views"


@pytest.fixture(scope="module")
def steps_of_two_processes(tmp_path_factory):
    """What each of two processes gets from its half of every batch."""
    options = {name: _without_noise(name) for name in ENTRIES}
    outcomes = both(tmp_path_factory.mktemp("two"), steps_of_methods, options)
    assert all(outcome.exit_code == 0 for outcome in outcomes), outcomes
    return [outcome.result for outcome in outcomes]


def _without_noise(name):
    options = SMALL.get(name, {})
    return options | ({"sgld": SGLD | {"noise_std": 0.0}} if "sgld" in options else {})


@pytest.mark.parametrize("name", ENTRIES)
def test_two_processes_on_halves_equal_one_on_the_whole_batch(name, steps_of_two_processes):
    """Terms and gradients of the first step, weights, queues, centers, centroids and chains after some more."""
    whole = steps_of_methods({name: _without_noise(name)})[name]
    for half in steps_of_two_processes:
        assert half[name].keys() == whole.keys()
        for key, value in whole.items():
            torch.testing.assert_close(
                half[name][key], value, rtol=1e-9, atol=1e-11, msg=lambda text, key=key: f"{key}: {text}"
            )
