"""Resized crops: torchvision's boxes, torchvision's pixels."""

from __future__ import annotations

import pytest
import torch
from gedi_nesy_plugins.views.resized_crop import RandomResizedCrop
from pydantic import ValidationError
from scipy.stats import ks_2samp
from torchvision.transforms import v2

BOXES = 3000


@pytest.mark.parametrize(
    ("height", "width", "options"),
    [
        (32, 32, {}),
        (32, 32, {"scale": (0.4, 1.0), "ratio": (0.75, 1.3)}),
        (32, 32, {"scale": (0.05, 0.14)}),
        (20, 48, {"scale": (0.3, 1.0)}),
    ],
    ids=["simclr", "simvae", "small crops", "wide images"],
)
def test_boxes_are_distributed_as_torchvisions(make, seeded, height, width, options):
    view = make(RandomResizedCrop, **options)
    ours = view._boxes(torch.zeros(BOXES, 1, 1, 1).expand(-1, -1, height, width), seeded())
    reference = v2.RandomResizedCrop(32, **options)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        boxes = [reference.make_params([torch.zeros(1, height, width)]) for _ in range(BOXES)]
    for values, name in zip(ours, ("top", "left", "height", "width"), strict=True):
        assert torch.equal(values, values.round())
        assert ks_2samp(values, [box[name] for box in boxes]).pvalue > 0.01, name
    assert ks_2samp(ours[2] * ours[3], [box["height"] * box["width"] for box in boxes]).pvalue > 0.01, "area"


def test_a_box_that_never_fits_gives_the_largest_in_the_middle_as_torchvisions_does(make, images, seeded):
    options = {"scale": (1.0, 1.0), "ratio": (0.9, 1.1)}
    for height, width in ((10, 40), (40, 10)):
        box = [
            int(values[0])
            for values in make(RandomResizedCrop, **options)._boxes(images(1, 1, height, width), seeded())
        ]
        wanted = v2.RandomResizedCrop(8, **options).make_params([torch.zeros(1, height, width)])
        assert box == [wanted[name] for name in ("top", "left", "height", "width")]


@pytest.mark.parametrize("size", [None, 9, 40])
def test_pixels_are_those_of_torchvisions_antialiased_crop(make, images, seeded, size):
    view, batch = make(RandomResizedCrop, size=size), images(count=20, height=24, width=31)
    cropped, boxes = view(batch, seeded(5)), torch.stack(view._boxes(batch, seeded(5)), dim=1)
    new_size = [size, size] if size else [24, 31]
    for image, box, result in zip(batch, boxes.int().tolist(), cropped, strict=True):
        wanted = v2.functional.resized_crop(image, *box, size=new_size, antialias=True)
        torch.testing.assert_close(result, wanted, atol=1e-5, rtol=0)


def test_the_whole_image_stays_as_it_is(make, images, seeded):
    view = make(RandomResizedCrop, scale=(1.0, 1.0), ratio=(1.0, 1.0))
    torch.testing.assert_close(view(images(), seeded()), images())


@pytest.mark.parametrize("ratio", [(100.0, 200.0), (0.005, 0.01)])
def test_shapes_that_no_box_can_have_leave_a_row_or_column_of_pixels(make, images, seeded, ratio):
    assert make(RandomResizedCrop, ratio=ratio)(images(), seeded()).isfinite().all()


@pytest.mark.parametrize("options", [{"scale": (1.0, 0.5)}, {"ratio": (2.0, 1.0)}, {"scale": (0.0, 1.0)}, {"size": 0}])
def test_limits_that_make_no_sense_are_refused(options):
    with pytest.raises(ValidationError):
        RandomResizedCrop.Options(**options)
