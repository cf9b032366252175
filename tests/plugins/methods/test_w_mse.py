"""W-MSE: whitened rows have covariance I, the distance is lightly's, groups are cut alike in all views."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.methods.w_mse import WMse, whiten
from torch.nn import functional

from gedi_nesy import Batch, ConfigError
from gedi_nesy.testing import SHAPE, make_batch, make_method

ALL = frozenset({"distance"})
SMALL = {"projector": (8, 2), "group_size": 6}


def rows(count=7, features=3):
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(features, features, dtype=torch.float64, generator=generator)
    return torch.randn(count, features, dtype=torch.float64, generator=generator) @ mixing + 3


def test_whitened_rows_have_mean_0_and_covariance_i():
    whitened = whiten(rows())
    torch.testing.assert_close(whitened.mean(dim=0), torch.zeros(3, dtype=torch.float64))
    torch.testing.assert_close(torch.cov(whitened.T), torch.eye(3, dtype=torch.float64))


def test_rows_that_have_collapsed_are_no_numbers_and_no_error():
    """The engine sees a term that is not finite and stops or rolls back."""
    assert whiten(torch.ones(7, 3)).isnan().all()
    assert whiten(torch.full((7, 3), torch.nan)).isnan().all()


def test_gradients_of_whitening_agree_with_finite_differences():
    torch.autograd.gradcheck(whiten, rows().requires_grad_())


def test_the_distance_over_one_group_is_the_formula_and_lightlys():
    method, batch = make_method(WMse, **SMALL), make_batch()
    projected = [method.projector(method.backbone(view)).detach() for view in batch.images]
    first, second = (functional.normalize(whiten(view), dim=1) for view in projected)
    value = method.losses(batch, ALL).terms["distance"]
    torch.testing.assert_close(value, (first - second).square().sum(dim=1).mean(), rtol=1e-4, atol=1e-5)
    lightly_loss = pytest.importorskip("lightly.loss", reason="lightly is not installed")
    loss = lightly_loss.WMSELoss(embedding_dim=2, w_size=6, num_samples=2)
    torch.testing.assert_close(value, loss(torch.cat(projected)), rtol=1e-4, atol=1e-5)


def test_groups_are_whitened_apart_and_those_too_small_left_out():
    """Six images in groups of four: one group, of the same four images in both views."""
    method, batch = make_method(WMse, projector=(8, 2), group_size=4), make_batch()
    order = torch.randperm(6, generator=torch.Generator().manual_seed(5))[:4]
    method.generator.manual_seed(5)
    views = [
        functional.normalize(whiten(method.projector(method.backbone(view))[order]), dim=1) for view in batch.images
    ]
    literal = (views[0] - views[1]).square().sum(dim=1).mean()
    torch.testing.assert_close(method.losses(batch, ALL).terms["distance"], literal, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_distance_is_the_mean_over_random_cuts_into_groups():
    """Twelve images in groups of five, three times: two groups and two images left out, others each time."""
    method = make_method(WMse, projector=(8, 2), group_size=5, cuts=3)
    images = torch.rand(2, 12, *SHAPE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    views, generator = [method.projector(method.backbone(view)) for view in images], torch.Generator().manual_seed(5)
    distances = []
    for _ in range(3):
        order = torch.randperm(12, generator=generator)
        for group in (order[:5], order[5:10]):
            first, second = (functional.normalize(whiten(view[group]), dim=1) for view in views)
            distances.append((first - second).square().sum(dim=1).mean())
    method.generator.manual_seed(5)
    literal = torch.stack(distances).mean()
    torch.testing.assert_close(method.losses(Batch(images), ALL).terms["distance"], literal, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_equal_views_reach_the_minimum():
    method, batch = make_method(WMse, **SMALL), make_batch()
    images = batch.images[:1].expand(2, -1, -1, -1, -1)
    assert float(method.losses(type(batch)(images), ALL).terms["distance"]) == pytest.approx(0.0, abs=1e-5)


def test_groups_that_cannot_be_whitened_are_refused():
    with pytest.raises(ValueError, match=r"group_size is 6: whitening 4 features is unstable with fewer than 8 images"):
        WMse.Options(projector=(8, 4), group_size=6)
    with pytest.raises(ConfigError, match=r"method.group_size is 8 and a step has 6 images"):
        make_method(WMse, projector=(8, 2), group_size=8).losses(make_batch(), ALL)
