"""Parts of a tensor are brought to the device when something is computed with them, and not before."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from gedi_nesy.data.dataset import to_unit_range
from gedi_nesy.data.host_tensor import HostTensor, with_pixels

PIXELS = torch.randint(0, 256, (10, 3, 4, 4), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
META = torch.device("meta")
CPU = torch.device("cpu")


def test_it_looks_like_a_tensor_on_the_device_while_its_memory_is_not_there():
    pixels = HostTensor.wrap(PIXELS, META)
    assert pixels.device == META and not pixels.is_cuda and HostTensor.wrap(PIXELS, torch.device("cuda")).is_cuda
    assert pixels.shape == PIXELS.shape and pixels.dtype == torch.uint8 and len(pixels) == 10 and pixels.nbytes == 480
    assert pixels.as_subclass(torch.Tensor).data_ptr() == PIXELS.data_ptr()


@pytest.mark.parametrize("rows", [slice(2, 5), torch.tensor([7, 1]), PIXELS[:, 0, 0, 0] > 100, (slice(None), 0)])
def test_parts_are_taken_where_they_are_and_computed_with_on_the_device(rows):
    part = HostTensor.wrap(PIXELS, META)[rows]
    assert isinstance(part, HostTensor) and torch.equal(part.as_subclass(torch.Tensor), PIXELS[rows])
    moved = to_unit_range(part)
    assert type(moved) is torch.Tensor and moved.device == META and moved.shape == PIXELS[rows].shape


@pytest.mark.parametrize(
    "take",
    [
        lambda pixels: pixels.split(4),
        lambda pixels: pixels.chunk(3),
        lambda pixels: torch.chunk(pixels, 3),
        lambda pixels: pixels.unbind(),
        lambda pixels: list(pixels),
        lambda pixels: [pixels.narrow(0, 2, 5)],
        lambda pixels: [torch.select(pixels, 0, 3)],
        lambda pixels: [pixels.index_select(0, torch.tensor([7, 1]))],
        lambda pixels: [torch.index_select(pixels, dim=0, index=torch.tensor([7, 1]))],
    ],
)
def test_every_way_to_take_parts_leaves_the_whole_where_it_is(take):
    parts, expected = take(HostTensor.wrap(PIXELS, META)), take(PIXELS)
    assert len(parts) == len(expected)
    for part, plain in zip(parts, expected, strict=True):
        assert isinstance(part, HostTensor) and part.device == META
        assert torch.equal(part.as_subclass(torch.Tensor), plain)


@pytest.mark.parametrize("name", ["T", "mT", "data"])
def test_a_property_with_values_is_computed_on_the_device(name):
    moved = getattr(HostTensor.wrap(PIXELS[0, 0], META), name)
    assert type(moved) is torch.Tensor and moved.device == META


def test_what_is_asked_about_it_moves_nothing(monkeypatch):
    pixels = HostTensor.wrap(PIXELS, META)
    monkeypatch.setattr(HostTensor, "on_device", None)
    assert pixels.ndim == pixels.dim() == 4 and pixels.layout == torch.strided and not pixels.requires_grad
    assert pixels.shape == (10, 3, 4, 4) and pixels.dtype == torch.uint8 and pixels.nbytes == 480 and len(pixels) == 10
    assert not pixels.is_floating_point() and pixels.size(0) == 10 and pixels.numel() == pixels.nelement() == 480


def test_the_numbers_are_the_same():
    pixels = HostTensor.wrap(PIXELS, CPU)
    joined = torch.cat([to_unit_range(part) for part in torch.split(pixels, 4)])
    assert type(joined) is torch.Tensor and torch.equal(joined, to_unit_range(PIXELS))
    assert torch.equal(pixels[3:].float() + pixels[:7], PIXELS[3:].float() + PIXELS[:7])


@dataclass
class Rows:
    images: torch.Tensor


@pytest.mark.parametrize("wrap", [lambda pixels: pixels, lambda pixels: HostTensor.wrap(pixels, CPU)])
@pytest.mark.parametrize("steps", [0, 1, 2, 7])
def test_each_selection_comes_with_its_images_in_order(wrap, steps):
    order = torch.randperm(70) % 10
    selections = [Rows(order[7 * step : 7 * step + 7]) for step in range(steps)]
    found = list(with_pixels(wrap(PIXELS), selections))
    assert [selection for selection, _ in found] == selections
    for selection, pixels in found:
        assert type(pixels) is torch.Tensor and torch.equal(pixels, PIXELS[selection.images])


def test_a_fault_while_images_are_taken_is_raised():
    with pytest.raises(IndexError):
        list(with_pixels(HostTensor.wrap(PIXELS, CPU), [Rows(torch.tensor([99]))]))


@pytest.mark.gpu
def test_on_a_gpu_batches_are_the_same_and_only_they_are_there():
    device = torch.device("cuda")
    torch.cuda.reset_peak_memory_stats()
    pixels = torch.randint(0, 256, (20_000, 3, 32, 32), dtype=torch.uint8)
    order = torch.randperm(len(pixels)).to(device)
    before = torch.cuda.memory_allocated()
    wrapped = HostTensor.wrap(pixels, device)
    for selection, images in with_pixels(wrapped, [Rows(rows) for rows in torch.split(order, 512)]):
        assert images.is_cuda and torch.equal(images.cpu(), pixels[selection.images.cpu()])
    assert torch.cuda.max_memory_allocated() - before < pixels.nbytes / 4
    # A GPU divides by a constant as it multiplies by its reciprocal.
    torch.testing.assert_close(to_unit_range(wrapped[order[:9]]).cpu(), to_unit_range(pixels[order[:9].cpu()]))
