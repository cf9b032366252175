"""SwAV's swapped prediction against lightly and the literal sum; queue, multi-crop and class probabilities."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.methods.swav import Swav
from torch.nn import functional

from gedi_nesy import Batch, MethodContext
from gedi_nesy.losses import log_sinkhorn
from gedi_nesy.methods import capabilities
from gedi_nesy.testing import NUM_CLASSES, SHAPE, TinyBackbone, make_batch, make_method

SWAP = frozenset({"swap"})


def scores(method, images):
    """Cosines of projections and prototypes, written out."""
    directions = functional.normalize(method.prototypes.directions, dim=1)
    return [functional.normalize(method.projector(method.backbone(view)), dim=1) @ directions.T for view in images]


def test_the_term_predicts_each_views_codes_from_the_other():
    method, batch = make_method(Swav, projector=(8, 4)), make_batch()
    first, second = scores(method, batch.images)
    codes = [log_sinkhorn(view, 0.05, 3).exp() for view in (first, second)]
    literal = -(codes[0] * (second / 0.1).log_softmax(dim=1)).sum(dim=1).mean()
    literal = (literal - (codes[1] * (first / 0.1).log_softmax(dim=1)).sum(dim=1).mean()) / 2
    torch.testing.assert_close(method.losses(batch, SWAP).terms["swap"], literal)


def multi_crop():
    """Two views that give codes and two small ones (of the same size here, for a backbone that takes one size only)."""
    images = torch.rand(4, 6, *SHAPE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    context = MethodContext(TinyBackbone(), SHAPE, NUM_CLASSES, SWAP, 2, torch.Generator())
    return Swav(Swav.Options(projector=(8, 4)), context), Batch(images[:2], small_images=images[2:])


def test_multi_crop_is_lightlys():
    loss = pytest.importorskip("lightly.loss", reason="lightly is not installed").SwaVLoss()
    method, batch = multi_crop()
    views = scores(method, batch.crops)
    torch.testing.assert_close(method.losses(batch, SWAP).terms["swap"], loss(views[:2], views[2:])[0])


def test_small_views_may_have_a_size_of_their_own():
    from gedi_nesy_plugins.backbones.resnet8 import ResNet8

    backbone = ResNet8(ResNet8.Options(width=4), SHAPE)
    method = Swav(
        Swav.Options(projector=(8, 4)), MethodContext(backbone, SHAPE, NUM_CLASSES, SWAP, 2, torch.Generator())
    )
    large = make_batch().images
    without = method.losses(Batch(large), SWAP).terms["swap"]
    with_small = method.losses(Batch(large, small_images=large[..., :4, :4]), SWAP).terms["swap"]
    assert torch.isfinite(with_small) and not torch.equal(with_small, without)


def test_codes_take_no_gradient():
    method, batch = make_method(Swav, projector=(8, 4)), make_batch()
    weight = method.prototypes.directions
    (gradient,) = torch.autograd.grad(method.losses(batch, SWAP).terms["swap"], weight)
    codes = [log_sinkhorn(view, 0.05, 3).exp() for view in scores(method, batch.images)]
    views = scores(method, batch.images)
    terms = [-(codes[i] * (views[1 - i] / 0.1).log_softmax(dim=1)).sum(dim=1).mean() for i in (0, 1)]
    torch.testing.assert_close(gradient, torch.autograd.grad((terms[0] + terms[1]) / 2, weight)[0])


def test_a_queue_takes_part_in_the_codes_once_it_is_full():
    method, batch = make_method(Swav, projector=(8, 4), queue_size=12), make_batch()
    earlier = torch.randn(12, 2, 4, generator=torch.Generator().manual_seed(0))  # images, views, features
    without = method.losses(batch, SWAP).terms["swap"]
    method.queue.push(earlier[:8].flatten(1))
    torch.testing.assert_close(method.losses(batch, SWAP).terms["swap"], without)
    method.queue.push(earlier[8:].flatten(1))
    views, queued = scores(method, batch.images), [method.prototypes(earlier[:, view]) for view in (0, 1)]
    codes = [log_sinkhorn(torch.cat([views[i], queued[i]]), 0.05, 3)[:6].exp() for i in (0, 1)]
    terms = [-(codes[i] * (views[1 - i] / 0.1).log_softmax(dim=1)).sum(dim=1).mean() for i in (0, 1)]
    literal = (terms[0] + terms[1]) / 2
    torch.testing.assert_close(method.losses(batch, SWAP).terms["swap"], literal)
    assert (literal - without).abs() > 1e-3


def test_projections_of_both_views_join_the_queue_after_the_step():
    method, batch = make_method(Swav, projector=(8, 4), queue_size=12), make_batch()
    method.losses(batch, SWAP)
    method.updated()
    second = method.projector(method.backbone(batch.images[1]))
    torch.testing.assert_close(method.queue.rows[:6, 4:], second.detach())


def test_class_probabilities_are_the_softmax_of_the_cosines_over_tau():
    method, images = make_method(Swav, projector=(8, 4), temperature=0.3).eval(), make_batch().images
    expected = (scores(method, images)[0] / 0.3).log_softmax(dim=1)
    torch.testing.assert_close(method.class_log_probs(images[0]), expected)
    torch.testing.assert_close(method.losses(make_batch(), SWAP).class_log_probs, expected)


def test_class_probabilities_need_as_many_prototypes_as_classes():
    assert capabilities(make_method(Swav, projector=(8, 4))) == ["class_log_probs", "embed", "logits"]
    other = make_method(Swav, projector=(8, 4), prototypes=7)
    assert capabilities(other) == ["embed", "logits"] and other.losses(make_batch(), SWAP).class_log_probs is None
