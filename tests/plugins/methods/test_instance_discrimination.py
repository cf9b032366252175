"""The instance loss against its likelihood written image by image."""

from __future__ import annotations

import math

import pytest
import torch
from gedi_nesy_plugins.methods.instance_discrimination import InstanceDiscrimination, instance_loss

from gedi_nesy.testing import make_batch, make_method


def rows(seed):
    return torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_the_loss_is_equation_7():
    images, views = ([row / row.norm() for row in rows(seed)] for seed in (0, 1))

    def p(i, x):
        return math.exp(float(images[i] @ x) / 0.1) / sum(math.exp(float(image @ x) / 0.1) for image in images)

    total = 0.0
    for i in range(5):
        total -= math.log(p(i, views[i]))
        total -= sum(math.log(1 - p(i, images[j])) for j in range(5) if j != i)
    assert float(instance_loss(rows(0), rows(1), 0.1)) == pytest.approx(total / 5)


def test_gradients_agree_with_finite_differences():
    torch.autograd.gradcheck(
        lambda a, b: instance_loss(a, b, 0.5), (rows(0).requires_grad_(), rows(1).requires_grad_())
    )


def test_equal_images_have_a_finite_loss_and_gradient():
    ones = torch.ones(4, 3, requires_grad=True)
    loss = instance_loss(ones, ones, 0.1)
    loss.backward()
    # Guessing among four, and 1 - 1/4 for each of the three others.
    assert loss.item() == pytest.approx(math.log(4) - 3 * math.log(3 / 4)) and torch.isfinite(ones.grad).all()


def test_the_first_view_stands_for_the_image():
    method, images = make_method(InstanceDiscrimination), make_batch().images
    first, second = (method.projector(method.backbone(view)) for view in images)
    term = method.losses(make_batch(), frozenset({"instance"})).terms["instance"]
    torch.testing.assert_close(term, instance_loss(first, second, 0.1))
