"""EBCLR: similarity, density and the gradient of its generative term, and what it offers without one."""

from __future__ import annotations

import math

import pytest
import torch
from gedi_nesy_plugins.methods.ebclr import Ebclr, log_density, mean_squared_length
from torch.nn import functional

from gedi_nesy import ConfigError
from gedi_nesy.methods import capabilities
from gedi_nesy.testing import make_batch, make_method

ALL = frozenset(Ebclr.TERMS)
SMALL = {
    "projector": (8, 4),
    "buffer_size": 12,
    "chains": 3,
    "references": 6,
    "sgld": {"steps": 2, "step_size": 0.1, "noise_std": 0.01},
}


def rows(count, seed):
    return torch.randn(count, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_the_density_is_the_sum_over_references():
    projected, references = functional.normalize(rows(4, 0), dim=1), functional.normalize(rows(5, 1), dim=1)
    literal = [math.log(sum(math.exp(-float((z - r).square().sum()) / 0.3) for r in references)) for z in projected]
    torch.testing.assert_close(log_density(rows(4, 0), rows(5, 1), 0.3), torch.tensor(literal, dtype=torch.float64))


@torch.no_grad()
def test_contrastive_is_the_softmax_of_negative_squared_distances():
    method, images = make_method(Ebclr, {"contrastive"}, **SMALL), make_batch().images
    z = torch.cat([functional.normalize(method.projector(method.backbone(view)), dim=1) for view in images])
    total = 0.0
    for i in range(12):
        similarity = {k: math.exp(-float((z[i] - z[k]).square().sum()) / 0.1) for k in range(12) if k != i}
        total -= math.log(similarity[(i + 6) % 12] / sum(similarity.values()))
    term = method.losses(make_batch(), frozenset({"contrastive"})).terms["contrastive"]
    assert float(term) == pytest.approx(total / 12, rel=1e-4)


def test_gen_and_norm_compare_the_moved_chains_with_the_first_view():
    method, images = make_method(Ebclr, **SMALL), make_batch().images
    before = method.buffer.images.clone()
    terms = method.losses(make_batch(), ALL).terms
    moved = method.buffer.images[(method.buffer.images != before).flatten(1).any(dim=1)]
    assert len(moved) == 3
    first, second, samples = (method.projector(method.backbone(x)) for x in (*images, moved))
    gen = log_density(samples, second, 0.1).mean() - log_density(first, second, 0.1).mean()
    torch.testing.assert_close(terms["gen"], gen)
    torch.testing.assert_close(terms["norm"], (first**2).sum(dim=1).mean() + (samples**2).sum(dim=1).mean())
    torch.testing.assert_close(mean_squared_length(first), (first**2).sum() / 6)


def without_noise():
    quiet = {"steps": 2, "step_size": 0.1, "noise_std": 0.0}
    return make_method(Ebclr, **(SMALL | {"sgld": quiet, "fresh_chains": 0.0, "sample_steps": 4}))


def climbed(method, chains, references, steps):
    """Noiseless moves of 0.1 up the log-density under some references."""
    for _ in range(steps):
        chains = chains.detach().requires_grad_()
        density = log_density(method.projector(method.backbone(chains)), references, 0.1)
        chains = chains + 0.1 * torch.autograd.grad(density.sum(), chains)[0]
    return chains.detach()


def test_chains_climb_the_density_of_the_second_views_in_evaluation_mode():
    method, modes = without_noise(), []
    before, references = method.buffer.images.clone(), method.projector(method.backbone(make_batch().images[1]))
    hook = method.projector.register_forward_pre_hook(lambda module, _: modes.append(module.training))
    terms = method.losses(make_batch(), ALL).terms
    hook.remove()
    rows = (method.buffer.images != before).flatten(1).any(dim=1)
    moved = climbed(method, before[rows], references.detach(), 2)
    assert rows.sum() == 3
    torch.testing.assert_close(method.buffer.images[rows], moved)
    # Two views, two moves of the chains, the samples: batch norm never takes chains on their way for data.
    assert modes == [True, True, False, False, True]
    first, second, samples = (method.projector(method.backbone(x)) for x in (*make_batch().images, moved))
    gen = log_density(samples, second, 0.1).mean() - log_density(first, second, 0.1).mean()
    weight = method.projector[0].weight
    torch.testing.assert_close(torch.autograd.grad(terms["gen"], weight), torch.autograd.grad(gen, weight))


def test_samples_are_chains_of_the_buffer_moved_on():
    method = without_noise()
    rows = torch.randint(12, (5,), generator=torch.Generator().manual_seed(7))
    samples = method.sample(5, torch.Generator().manual_seed(7))
    moved = climbed(method, method.buffer.images[rows], method.references.rows, 4)
    torch.testing.assert_close(samples, moved)


def test_the_projector_has_no_batch_norm():
    method, features = make_method(Ebclr, **SMALL), torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    first, last = method.projector[0], method.projector[-1]
    literal = (features @ first.weight.T + first.bias).relu() @ last.weight.T + last.bias
    torch.testing.assert_close(method.projector(features), literal)


def test_references_are_the_newest_second_views():
    method, images = make_method(Ebclr, **SMALL).eval(), make_batch().images
    method.losses(make_batch(), ALL)
    method.updated()
    first, second = (method.projector(method.backbone(view)) for view in images)
    torch.testing.assert_close(method.log_density(images[0]), log_density(first, second, 0.1))


def test_without_gen_there_is_no_density_and_norm_is_refused():
    assert capabilities(make_method(Ebclr, {"contrastive"}, **SMALL)) == ["embed"]
    assert capabilities(make_method(Ebclr, {"gen"}, **SMALL)) == ["embed", "log_density", "sample"]
    with pytest.raises(ConfigError, match="norm regularises gen, and the weight of gen is 0"):
        make_method(Ebclr, {"contrastive", "norm"}, **SMALL)
