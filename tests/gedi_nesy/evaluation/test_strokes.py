"""Measures of drawn bars whose slant, direction and thickness are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from gedi_nesy.evaluation.strokes import ATTRIBUTES, measure_strokes

SIZE, FINE = 28, 16


def drawn(polygon):
    """A white polygon, smoothed; corners in pixels from the middle, x to the right and y upwards."""
    image = Image.new("L", (SIZE * FINE, SIZE * FINE))
    corners = [((SIZE / 2 + x) * FINE, (SIZE / 2 - y) * FINE) for x, y in polygon]
    ImageDraw.Draw(image).polygon(corners, fill=255)
    return torch.from_numpy(np.array(image.resize((SIZE, SIZE), Image.Resampling.BOX)))[None, None]


def bar(angle, thickness, length=18.0):
    """A bar through the middle, turned to the right of upright by an angle in degrees."""
    sine, cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    half, side = length / 2, thickness / 2
    return drawn(
        [
            (a * half * sine + b * side * cosine, a * half * cosine - b * side * sine)
            for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1))
        ]
    )


def measured(image):
    return {name: values[0].tolist() for name, values in measure_strokes(image).items()}


@pytest.mark.parametrize("angle", [-30, 0, 15, 30])
def test_the_slant_is_that_of_the_shear(angle):
    """A parallelogram: an upright bar whose rows are shifted."""
    lean = math.tan(math.radians(angle)) * 9
    image = drawn([(lean - 1.5, 9), (lean + 1.5, 9), (1.5 - lean, -9), (-1.5 - lean, -9)])
    assert measured(image)["slant"] == pytest.approx([angle], abs=0.7)


@pytest.mark.parametrize("angle", [-60, -10, 0, 25, 45, 80])
def test_the_orientation_is_that_of_the_long_axis(angle):
    cosine, sine = measured(bar(angle, 3))["orientation"]
    assert math.degrees(math.atan2(sine, cosine)) / 2 % 180 == pytest.approx((angle - 90) % 180, abs=1)
    assert measured(bar(angle + 180, 3))["orientation"] == pytest.approx([cosine, sine], abs=0.02)


@pytest.mark.parametrize("angle", [0, 20, 45])
@pytest.mark.parametrize("thickness", [2.0, 3.0, 4.0])
def test_the_thickness_is_that_of_the_stroke_but_for_its_ends(angle, thickness):
    expected = thickness * 18 / (18 + thickness)
    assert measured(bar(angle, thickness))["thickness"] == pytest.approx([expected], rel=0.15)


def test_a_ring_has_no_ends():
    image = Image.new("L", (SIZE * FINE, SIZE * FINE))
    ImageDraw.Draw(image).ellipse([4 * FINE, 4 * FINE, 24 * FINE, 24 * FINE], outline=255, width=3 * FINE)
    ring = torch.from_numpy(np.array(image.resize((SIZE, SIZE), Image.Resampling.BOX)))[None, None]
    assert measured(ring)["thickness"] == pytest.approx([3], rel=0.05)


def test_measures_of_a_bar_of_whole_pixels():
    image = torch.zeros(1, 1, 20, 30, dtype=torch.uint8)
    image[..., 2:18, 5:9] = 200
    found = measured(image)
    assert found["width"] == pytest.approx([4]) and found["height"] == pytest.approx([16])
    assert found["slant"] == pytest.approx([0], abs=1e-4)
    # Sides of 3 and 15 gradients of length 1 between pixels, and at each corner half of one in both directions.
    outline = 2 * 3 + 2 * 15 + 4 * math.hypot(0.5, 0.5)
    assert found["thickness"] == pytest.approx([2 * 4 * 16 / outline], rel=1e-5)


def test_brightness_and_place_change_nothing_but_where_the_stroke_leaves_the_image():
    image = bar(20, 3)
    moved = torch.zeros_like(image)
    moved[..., 2:, 3:] = image[..., :-2, :-3] // 2
    for name, values in measured(image).items():
        assert measured(moved)[name] == pytest.approx(values, abs=0.4 if name == "slant" else 0.05)


def test_thousands_of_images_are_measured_each_by_itself_and_blank_ones_are_no_number():
    images = torch.cat([bar(10, 2), torch.zeros(1, 1, SIZE, SIZE, dtype=torch.uint8), bar(-40, 3)]).repeat(900, 1, 1, 1)
    found = measure_strokes(images)
    assert set(found) == set(ATTRIBUTES)
    for name, values in found.items():
        assert len(values) == 2700 and values[1::3].isnan().all()
        assert torch.allclose(values[2600 // 3 * 3], values[0]) and values[2].tolist() == pytest.approx(
            measured(bar(-40, 3))[name]
        )
