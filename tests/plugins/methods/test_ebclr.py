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
