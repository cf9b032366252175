"""Colourisation: luma and chroma of known colours, the cells' classes, and a network that sees no colour."""

from __future__ import annotations

import math

import pytest
import torch
from gedi_nesy_plugins.methods.colourisation import Colourisation, cell_colours, luma_chroma

from gedi_nesy import ConfigError
from gedi_nesy.testing import make_batch, make_method

COLOUR = (3, 8, 8)
SMALL = {"grid": 2, "bins": 4}


def plain(*rgb):
    """An image of one colour, from values in [0, 1]."""
    return (torch.tensor(rgb) * 2 - 1).reshape(1, 3, 1, 1).expand(1, 3, 8, 8)


def test_grey_has_no_chroma_and_white_and_black_are_the_ends_of_luma():
    for value in (0.0, 0.5, 1.0):
        luma, blue, red = luma_chroma(plain(value, value, value))[0, :, 0, 0]
        assert (float(luma), float(blue), float(red)) == pytest.approx((2 * value - 1, 0.0, 0.0), abs=1e-5)


def test_chroma_is_that_of_pillow():
    from PIL import Image

    for rgb in ((255, 0, 0), (0, 255, 0), (30, 60, 200)):
        expected = Image.new("RGB", (1, 1), rgb).convert("YCbCr").getpixel((0, 0))
        luma, blue, red = luma_chroma(plain(*(value / 255 for value in rgb)))[0, :, 0, 0].tolist()
        # Pillow's luma runs from 0 to 255, its chroma values are 128 at grey.
        got = ((luma + 1) * 127.5, 128 + blue * 127.5, 128 + red * 127.5)
        assert got == pytest.approx(expected, abs=1.5)


def test_a_cells_class_is_the_square_its_mean_colour_lies_in():
    image = torch.cat([plain(1.0, 0.0, 0.0)[..., :4], plain(0.0, 0.0, 1.0)[..., 4:]], dim=3)
    classes = cell_colours(image, 2, 4)[0].tolist()
    # Red: Cb -0.337 (second of four intervals), Cr 1 (fourth). Blue: Cb 1 (fourth), Cr -0.163 (second).
    assert classes == [1 * 4 + 3, 3 * 4 + 1] * 2


@torch.no_grad()
def test_the_term_is_the_cross_entropy_over_all_cells():
    method, batch = make_method(Colourisation, shape=COLOUR, **SMALL), make_batch(shape=COLOUR)
    images = batch.images[0]
    logits = method.classifier(method.embed(images)).reshape(6, 16, 4)
    classes, total = cell_colours(images, 2, 4), 0.0
    for image in range(6):
        for cell in range(4):
            total -= math.log(float(logits[image, :, cell].softmax(dim=0)[classes[image, cell]]))
    assert float(method.losses(batch, frozenset({"colour"})).terms["colour"]) == pytest.approx(total / 24, rel=1e-5)


def test_the_network_sees_no_colour():
    method, images = make_method(Colourisation, shape=COLOUR, **SMALL), make_batch(shape=COLOUR).images[0]
    grey = luma_chroma(images)[:, :1].expand_as(images)
    torch.testing.assert_close(method.embed(images), method.embed(grey))


def test_grey_images_are_refused():
    with pytest.raises(ConfigError, match="needs images with 3 channels, these have 1: choose a data set with colours"):
        make_method(Colourisation)
