"""MoCo's InfoNCE against the formula and lightly's memory bank, and the life of its queue."""

from __future__ import annotations

import math

import pytest
import torch
from gedi_nesy_plugins.methods.moco import MoCo, info_nce
from torch.nn import functional

from gedi_nesy.testing import make_batch, make_method


def rows(count, seed):
    return torch.randn(count, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def unit(x):
    return functional.normalize(x, dim=1)


def test_info_nce_is_equation_1():
    queries, keys, negatives = rows(4, 0), unit(rows(4, 1)), unit(rows(5, 2))
    total = 0.0
    for query, key in zip(unit(queries), keys, strict=True):
        positive = math.exp(float(query @ key) / 0.2)
        total -= math.log(
            positive / (positive + sum(math.exp(float(query @ negative) / 0.2) for negative in negatives))
        )
    assert float(info_nce(queries, keys, negatives, 0.2)) == pytest.approx(total / 4)


def test_info_nce_is_lightlys_with_a_memory_bank():
    lightly_loss = pytest.importorskip("lightly.loss", reason="lightly is not installed")
    loss = lightly_loss.NTXentLoss(temperature=0.2, memory_bank_size=(5, 3))
    queries, keys, negatives = rows(4, 0).float(), unit(rows(4, 1)).float(), unit(rows(5, 2)).float()
    loss.memory_bank.bank = negatives
    torch.testing.assert_close(info_nce(queries, keys, negatives, 0.2), loss(queries, keys))


def test_gradients_agree_with_finite_differences():
    keys, negatives = unit(rows(4, 1)), unit(rows(5, 2))
    torch.autograd.gradcheck(lambda queries: info_nce(queries, keys, negatives, 0.2), rows(4, 0).requires_grad_())


def test_keys_join_the_queue_after_the_step():
    method, batch = make_method(MoCo, projector=(8, 4), queue_size=16), make_batch()
    keys = unit(method.key_network(batch.images[1]))
    before = method.queue.rows.clone()
    method.losses(batch, frozenset(MoCo.TERMS))
    assert torch.equal(method.queue.rows, before)
    method.updated()
    torch.testing.assert_close(method.queue.rows[:6], keys)
    assert torch.equal(method.queue.rows[6:], before[6:])


def moved_on(method):
    """A trained network that its momentum copy has not followed yet."""
    with torch.no_grad():
        for parameter in [*method.backbone.parameters(), *method.projector.parameters()]:
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    return method


def test_the_term_finds_the_key_of_the_second_view_among_the_queues():
    method, images = moved_on(make_method(MoCo, projector=(8, 4), queue_size=16)), make_batch().images
    queries, keys = unit(method.projector(method.backbone(images[0]))), unit(method.key_network(images[1]))
    scores = torch.cat([(queries * keys).sum(dim=1, keepdim=True), queries @ method.queue.rows.T], dim=1) / 0.2
    literal = -(scores[:, 0].exp() / scores.exp().sum(dim=1)).log().mean()
    torch.testing.assert_close(method.losses(make_batch(), frozenset(MoCo.TERMS)).terms["contrastive"], literal)


def test_the_key_network_follows_after_the_step():
    method = make_method(MoCo, projector=(8, 4), queue_size=16, momentum=0.75)
    before = [parameter.clone() for parameter in method.key_network.parameters()]
    trained = [*moved_on(method).backbone.parameters(), *method.projector.parameters()]
    method.losses(make_batch(), frozenset(MoCo.TERMS))
    assert all(map(torch.equal, before, method.key_network.parameters()))
    method.updated()
    for old, new, own in zip(before, trained, method.key_network.parameters(), strict=True):
        torch.testing.assert_close(own, 0.75 * old + 0.25 * new)


def test_known_chance_is_that_of_equal_similarities():
    ones = torch.ones(4, 3)
    chance = make_method(MoCo, projector=(8, 4), queue_size=16).terms()["contrastive"].chance
    assert float(info_nce(ones, unit(ones), unit(torch.ones(16, 3)), 0.2)) == pytest.approx(chance)
