"""CPLearn against its formulas written out, its temperature and its minima."""

from __future__ import annotations

import math

import pytest
import torch
from gedi_nesy_plugins.methods.cplearn import CpLearn, temperature

from gedi_nesy import ConfigError
from gedi_nesy.methods import capabilities
from gedi_nesy.testing import make_batch, make_method

ALL = frozenset(CpLearn.TERMS)


def probabilities(method, images, tau):
    views = [method.projector(method.backbone(view)) @ method.codes / tau for view in images]
    return [view.exp() / view.exp().sum(dim=1, keepdim=True) for view in views]


def test_terms_are_the_formulas():
    method, images = make_method(CpLearn, features=16, batch_size=9, epsilon=1e-3), make_batch().images
    tau = 16 / (math.sqrt(9) * math.log((1 - 1e-3 * 3) / 1e-3))
    p, q = probabilities(method, images, tau)
    terms = method.losses(make_batch(), ALL).terms
    inv = -((p * q.log()).sum(dim=1).mean() + (q * p.log()).sum(dim=1).mean()) / 2
    torch.testing.assert_close(terms["inv"], inv)
    # The authors' form is KL(batch mean || uniform), which is ours plus ln c.
    kl = sum((view.mean(dim=0) * (4 * view.mean(dim=0)).log()).sum() for view in (p, q)) / 2
    torch.testing.assert_close(terms["prior"] + math.log(4), kl)


def test_what_meets_the_codes_is_the_tanh_of_a_batch_normalised_linear_map():
    method, images = make_method(CpLearn, features=16), make_batch().images[0]
    rows = method.embed(images) @ method.projector[0].weight.T
    literal = ((rows - rows.mean(dim=0)) / (rows.var(dim=0, unbiased=False) + 1e-5).sqrt()).tanh()
    torch.testing.assert_close(method.projector(method.embed(images)), literal)


def test_the_dictionary_is_of_signs_fixed_and_saved():
    method = make_method(CpLearn, features=16)
    assert set(method.codes.flatten().tolist()) == {-1.0, 1.0} and method.codes.shape == (16, 4)
    assert "codes" in method.state_dict() and "codes" not in dict(method.named_parameters())


def test_the_temperature_allows_all_but_epsilon_for_each_other_class():
    """A vector of length f along one code, orthogonal to the others, gives them epsilon each at n = f = 4."""
    options = CpLearn.Options(features=4, batch_size=4, epsilon=1e-4)
    codes = torch.tensor([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    # sqrt(f / n) times the unit vector along the code, with which the paper states its bound.
    hidden = codes[0] / 2
    probs = (codes @ hidden / temperature(options, 4)).softmax(dim=0)
    assert float(probs[1]) == pytest.approx(1e-4, rel=1e-2)


@pytest.mark.parametrize("epsilon", [0.3, 0.25])
def test_an_epsilon_that_leaves_nothing_is_refused(epsilon):
    message = rf"method.epsilon is {epsilon}: with 4 codes it must be below 1 / 4"
    with pytest.raises(ConfigError, match=message) as error:
        make_method(CpLearn, epsilon=epsilon)
    assert error.value.key == "method.epsilon"


def test_probabilities_do_not_depend_on_how_many_images_are_asked_for():
    method, images = make_method(CpLearn, features=16).eval(), make_batch().images[0]
    torch.testing.assert_close(method.class_log_probs(images)[:2], method.class_log_probs(images[:2]))


def test_class_probabilities_need_as_many_codes_as_classes():
    assert capabilities(make_method(CpLearn, features=16)) == ["class_log_probs", "embed", "logits"]
    assert capabilities(make_method(CpLearn, features=16, codes=9)) == ["embed", "logits"]
    assert {name: term.known_minimum for name, term in make_method(CpLearn, features=16).terms().items()} == {
        "inv": 0.0,
        "prior": pytest.approx(-math.log(4)),
    }
