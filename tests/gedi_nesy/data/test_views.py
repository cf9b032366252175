"""Views from pipelines, and pixel conversions."""

from __future__ import annotations

import pytest
import torch

from gedi_nesy.data.dataset import to_pixels, to_unit_range
from gedi_nesy.data.views import _on_host, choose, make_views, random_order, transform_chosen, uniform


def shift(batch, generator):
    return batch + uniform(-1, 1, len(batch), batch, generator)[:, None, None, None]


def double(batch, generator):
    return batch * 2


def test_pixels_and_unit_range_are_inverse():
    pixels = torch.arange(256, dtype=torch.uint8)
    assert to_unit_range(pixels).min() == -1 and to_unit_range(pixels).max() == 1
    assert torch.equal(to_pixels(to_unit_range(pixels)), pixels)
    assert torch.equal(to_pixels(torch.tensor([-5.0, 5.0])), torch.tensor([0, 255], dtype=torch.uint8))


def test_views_are_independent_and_fixed_by_the_generator():
    images = torch.zeros(3, 1, 4, 4)
    one = make_views(images, [[shift, shift]] * 2, torch.Generator().manual_seed(0))
    again = make_views(images, [[shift, shift]] * 2, torch.Generator().manual_seed(0))
    assert one.shape == (2, 3, 1, 4, 4) and torch.equal(one, again)
    assert len(one[:, :, 0, 0, 0].unique()) == 6
    assert torch.equal(make_views(images, [[]], torch.Generator())[0], images)


def test_each_view_has_its_own_pipeline_applied_in_order():
    images, seed = torch.ones(2, 1, 3, 3), 5
    views = make_views(images, [[double], [], [shift, double]], torch.Generator().manual_seed(seed))
    shifts = torch.rand(2, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    assert torch.equal(views[0], images * 2) and torch.equal(views[1], images)
    torch.testing.assert_close(views[2], 2 * (images + shifts[:, None, None, None]))


@pytest.mark.parametrize("pixels_at_once", [1, 9, 40, 10_000])
def test_a_batch_in_slices_is_the_batch_in_order(monkeypatch, pixels_at_once):
    monkeypatch.setattr("gedi_nesy.data.views.CPU_PIXELS", pixels_at_once)
    images, sizes = torch.arange(90.0).view(10, 1, 3, 3), []

    def count(batch, generator):
        sizes.append(len(batch))
        return batch * 2

    views = make_views(images, [[count], [shift]], torch.Generator().manual_seed(0))
    assert torch.equal(views[0], images * 2) and max(sizes) == min(10, max(1, pixels_at_once // 9))
    shifts = (views[1] - images).mean(dim=(1, 2, 3))
    assert len(shifts.unique()) == 10 and shifts.abs().max() <= 1


def test_an_empty_batch_has_empty_views():
    assert make_views(torch.zeros(0, 1, 3, 3), [[shift]] * 2, torch.Generator()).shape == (2, 0, 1, 3, 3)


def test_pixels_become_the_same_views_as_floats():
    pixels = torch.arange(48, dtype=torch.uint8).view(1, 3, 4, 4)
    views = [
        make_views(images, [[shift]], torch.Generator().manual_seed(0)) for images in (pixels, to_unit_range(pixels))
    ]
    assert torch.equal(*views)


def test_views_are_in_full_precision_where_the_caller_mixes_precisions():
    def product(batch, generator):
        return batch @ batch

    images = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        views = make_views(images, [[product]], torch.Generator())
    assert views.dtype == torch.float32 and torch.equal(views[0], images @ images)


class OnGpu(torch.Tensor):
    """A tensor that says it is on a GPU, to come to that branch without one."""

    is_cuda = True


@pytest.mark.parametrize("kind", [torch.Tensor, OnGpu])
@pytest.mark.parametrize("chosen", [[True, False, True], [False, False, False], [True, True, True]])
def test_only_the_chosen_images_are_transformed_with_their_own_parameters(kind, chosen):
    images, amounts = torch.arange(12.0).view(3, 1, 2, 2), torch.tensor([1.0, 2.0, 3.0])
    result = transform_chosen(
        lambda some, amount: some + amount[:, None, None, None], torch.tensor(chosen), images.as_subclass(kind), amounts
    )
    for row, (is_chosen, amount) in enumerate(zip(chosen, amounts, strict=True)):
        assert torch.equal(torch.Tensor(result[row]), images[row] + amount if is_chosen else images[row])


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_images_are_chosen_with_the_probability(probability):
    chosen = choose(probability, torch.zeros(4000, 1, 1, 1), torch.Generator().manual_seed(0))
    assert chosen.dtype == torch.bool and abs(chosen.float().mean() - probability) < (
        0.02 if 0 < probability < 1 else 1e-9
    )


def test_an_order_is_a_permutation_that_the_generators_state_alone_decides():
    """`_on_host` is the way of a generator on a GPU; here it starts from one on the CPU."""
    generator = torch.Generator().manual_seed(0)
    orders = [random_order(4, generator) for _ in range(50)]
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders) and len({tuple(order) for order in orders}) > 10
    assert orders[0] == torch.randperm(4, generator=torch.Generator().manual_seed(0)).tolist()
    first, again = random_order(9, _on_host(generator)), random_order(9, _on_host(generator))
    torch.rand(1, generator=generator)
    assert first == again != random_order(9, _on_host(generator))
