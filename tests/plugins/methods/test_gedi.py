"""Every GEDI term against a literal second route, its gradient against finite differences, and theorem 15's failure modes."""

from __future__ import annotations

import math

import pytest
import torch
from gedi_nesy_plugins.methods.gedi import Gedi

from gedi_nesy import Batch, ConfigError
from gedi_nesy.losses import cross_entropy, log_batch_mean, negative_entropy
from gedi_nesy.testing import NUM_CLASSES, check_method, make_batch, make_method

ALL = frozenset(Gedi.TERMS)
SMALL = {"buffer_size": 12, "chains": 3, "sgld": {"steps": 2, "step_size": 0.1, "noise_std": 0.01}}


def gedi(terms, seed=0, **options):
    return make_method(Gedi, set(terms), seed, **(SMALL | options))


def double(method, batch):
    """Both in float64, for finite differences."""
    return method.double(), Batch(batch.images.double())


def test_the_contract_holds():
    check_method(Gedi, **SMALL)


def probabilities(method, images):
    """softmax(U^T g(x) / tau), written out."""
    scores = method.projector(method.backbone(images)) @ method.clusters.weight.T / method.options.temperature
    return scores.exp() / scores.exp().sum(dim=1, keepdim=True)


def test_class_probabilities_and_log_density_are_the_formula():
    method = gedi(["gen"], temperature=0.5)
    images = make_batch().images[0]
    scores = method.projector(method.backbone(images)) @ method.clusters.weight.T / 0.5
    torch.testing.assert_close(method.class_log_probs(images).exp(), probabilities(method, images))
    torch.testing.assert_close(method.log_density(images), scores.exp().sum(dim=1).log())


def test_inv_is_the_cross_entropy_of_two_views():
    method, batch = gedi(["inv"]), make_batch()
    p, p_other = probabilities(method, batch.images[0]), probabilities(method, batch.images[1])
    literal = -sum(p_other[i, y] * p[i, y].log() for i in range(len(p)) for y in range(NUM_CLASSES)) / len(p)
    torch.testing.assert_close(method.losses(batch, ALL).terms["inv"], literal)


@pytest.mark.parametrize("prior", [None, (0.1, 0.2, 0.3, 0.4)])
def test_prior_is_the_cross_entropy_of_prior_and_batch_mean(prior):
    method, batch = gedi(["prior"], class_prior=prior), make_batch()
    mean = probabilities(method, batch.images[0]).mean(dim=0)
    literal = -sum(weight * mean[y].log() for y, weight in enumerate(prior or [0.25] * 4))
    torch.testing.assert_close(method.losses(batch, ALL).terms["prior"], literal)


def test_the_entropy_form_of_the_prior_is_appendix_n():
    method, batch = gedi(["prior"], prior_form="entropy"), make_batch()
    mean = probabilities(method, batch.images[0]).mean(dim=0)
    torch.testing.assert_close(method.losses(batch, ALL).terms["prior"], (mean * mean.log()).sum())


def test_gen_and_energy_are_the_difference_and_the_squares_of_log_densities():
    method, batch = gedi(["gen", "energy"]), make_batch()
    terms = method.losses(batch, ALL).terms
    # The chains that were moved stand in the buffer; find them by what changed.
    untouched = gedi(["gen", "energy"]).buffer.images
    moved = method.buffer.images[(method.buffer.images != untouched).flatten(1).any(dim=1)]
    assert len(moved) == 3
    data, samples = method.log_density(batch.images[0]), method.log_density(moved)
    torch.testing.assert_close(terms["gen"], samples.mean() - data.mean())
    torch.testing.assert_close(terms["energy"], (data**2).mean() + (samples**2).mean())


def climbed(method, chains, steps):
    """Noiseless moves of 0.1 up the log-density, its gradient from the formula."""
    for _ in range(steps):
        chains = chains.detach().requires_grad_()
        scores = method.projector(method.backbone(chains)) @ method.clusters.weight.T
        chains = chains + 0.1 * torch.autograd.grad(scores.exp().sum(dim=1).log().sum(), chains)[0]
    return chains.detach()


def test_chains_climb_the_log_density_in_evaluation_mode():
    method = gedi(["gen"], fresh_chains=0.0, sgld={"steps": 2, "step_size": 0.1, "noise_std": 0.0})
    before, modes = method.buffer.images.clone(), []
    hook = method.projector.register_forward_pre_hook(lambda module, _: modes.append(module.training))
    method.losses(make_batch(), frozenset({"gen"}))
    hook.remove()
    rows = (method.buffer.images != before).flatten(1).any(dim=1)
    assert rows.sum() == 3
    torch.testing.assert_close(method.buffer.images[rows], climbed(method.eval(), before[rows], 2))
    # The images, two moves of the chains, the samples: batch norm never takes chains on their way for data.
    assert modes == [True, False, False, True]


def test_samples_are_chains_of_the_buffer_moved_on():
    method = gedi(["gen"], sample_steps=4, sgld={"steps": 2, "step_size": 0.1, "noise_std": 0.0})
    rows = torch.randint(12, (5,), generator=torch.Generator().manual_seed(7))
    samples = method.sample(5, torch.Generator().manual_seed(7))
    torch.testing.assert_close(samples, climbed(method.eval(), method.buffer.images[rows], 4))


def test_the_gradient_of_gen_is_equation_7():
    method, batch = double(gedi(["gen"]), make_batch())
    method.generator.manual_seed(5)
    method.losses(batch, ALL).terms["gen"].backward()
    untouched = gedi(["gen"]).double().buffer.images
    moved = method.buffer.images[(method.buffer.images != untouched).flatten(1).any(dim=1)]
    weight = method.clusters.weight
    got = weight.grad.clone()
    # Samples are constants in eq. 7: no gradient flows through the sampler.
    expected = torch.autograd.grad(
        method.log_density(moved).mean() - method.log_density(batch.images[0]).mean(), weight
    )[0]
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("term", ["inv", "prior", "gen", "energy"])
def test_gradients_agree_with_finite_differences(term, monkeypatch):
    method, batch = double(gedi(["gen", "energy"] if term == "energy" else [term]), make_batch())
    # Eq. 7 holds the samples constant while the parameters move, so the sampler gives the same ones every time.
    samples = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    monkeypatch.setattr("gedi_nesy.samplers.sgld.sample", lambda *arguments: samples)
    weight, step = method.clusters.weight, 1e-6

    def value():
        return method.losses(batch, ALL).terms[term]

    value().backward()
    gradient = weight.grad.clone()
    for row, column in ((0, 0), (1, 3), (3, 2)):
        with torch.no_grad():
            weight[row, column] += step
            up = value()
            weight[row, column] -= 2 * step
            down = value()
            weight[row, column] += step
        assert abs(float((up - down) / (2 * step)) - float(gradient[row, column])) < 1e-7
    assert gradient.abs().max() > 1e-4


def test_known_minima_are_reached_and_never_undercut():
    one_hot = torch.eye(4).repeat(3, 1).mul(60.0).log_softmax(dim=1)
    assert float(cross_entropy(one_hot, one_hot)) == pytest.approx(0.0, abs=1e-6)
    assert float(negative_entropy(log_batch_mean(one_hot))) == pytest.approx(-math.log(4), abs=1e-6)
    random = torch.randn(50, 4, generator=torch.Generator().manual_seed(0)).log_softmax(dim=1)
    assert float(cross_entropy(random, random)) > 0
    assert float(negative_entropy(log_batch_mean(random))) > -math.log(4)
    minima = {name: term.known_minimum for name, term in gedi(["inv", "prior"]).terms().items()}
    assert minima == {"inv": 0.0, "prior": pytest.approx(math.log(4))}
    assert gedi(["prior"], prior_form="entropy").terms()["prior"].known_minimum == pytest.approx(-math.log(4))


def test_theorem_15_collapsed_solutions_score_as_predicted():
    """One cluster for all reaches inv's minimum but not the prior's; uniform predictions the prior's but not inv's."""
    collapsed = torch.zeros(8, 4)
    collapsed[:, 0] = 60.0
    collapsed = collapsed.log_softmax(dim=1)
    constant = torch.zeros(8, 4).log_softmax(dim=1)
    assert float(cross_entropy(collapsed, collapsed)) == pytest.approx(0.0, abs=1e-6)
    assert float(negative_entropy(log_batch_mean(collapsed))) == pytest.approx(0.0, abs=1e-6)
    assert float(negative_entropy(log_batch_mean(constant))) == pytest.approx(-math.log(4))
    assert float(cross_entropy(constant, constant)) == pytest.approx(math.log(4))


def test_terms_do_not_depend_on_the_order_of_the_batch():
    batch, order = make_batch(), torch.tensor([3, 1, 5, 0, 2, 4])
    shuffled = Batch(batch.images[:, order])
    one, other = gedi(["inv", "prior"]).losses(batch, ALL).terms, gedi(["inv", "prior"]).losses(shuffled, ALL).terms
    for name in one:
        torch.testing.assert_close(one[name], other[name])


def test_sampling_is_skipped_without_gen_and_the_run_then_cannot_sample():
    method = gedi(["inv", "prior"])
    assert method.buffer is None and method.lacks == {"sample", "log_density"}


def test_energy_comes_along_with_gen_only():
    assert Gedi.default_weights({"gen": 1.0}) == {"energy": 0.1}
    assert Gedi.default_weights({"inv": 1.0}) == {} == Gedi.default_weights({"gen": 0.0})


@pytest.mark.parametrize(
    ("terms", "options", "message"),
    [
        (["energy"], {}, "energy regularises gen"),
        (["prior"], {"class_prior": (0.5, 0.5)}, "has 2 numbers and the task 4 classes"),
    ],
)
def test_options_that_do_not_fit_are_refused(terms, options, message):
    with pytest.raises(ConfigError, match=message):
        gedi(terms, **options)


def test_a_prior_that_is_no_distribution_is_refused():
    with pytest.raises(ValueError, match=r"sums to 0\.9"):
        Gedi.Options(class_prior=(0.5, 0.4))
