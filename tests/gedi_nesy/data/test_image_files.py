"""Image files become uint8 pixels; what cannot is said in one line."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from gedi_nesy import DataError
from gedi_nesy.data.image_files import describe, fits, fitted, framed, is_deep, open_image, pixels_of


def test_pixels_are_those_of_the_file(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(array).save(tmp_path / "colour.png")
    Image.fromarray(array[:, :, 0]).save(tmp_path / "grey.png")
    colour, grey = open_image(tmp_path / "colour.png"), open_image(tmp_path / "grey.png")
    assert fits(colour, (3, 5, 7)) and not fits(colour, (3, 7, 5)) and not fits(colour, (1, 5, 7))
    assert fits(grey, (1, 5, 7)) and describe(grey) == "7x5 of mode L"
    assert all(pixels_of(colour)[c, y, x] == array[y, x, c] for c in range(3) for y in range(5) for x in range(7))
    assert torch.equal(pixels_of(grey), torch.from_numpy(array[None, :, :, 0].copy()))


@pytest.mark.parametrize(
    "damage",
    [
        lambda png: png[:40],
        lambda png: b"",
        lambda png: b"no image",
        lambda png: png[:33] + b"\0\0\0\x09" + png[37:],  # a chunk too short: Pillow raises SyntaxError
        lambda png: png.replace(b"IHDR", b"IHDQ"),
        lambda png: png[:16] + b"\x7f" * 8 + png[24:],  # a decompression bomb
    ],
)
def test_a_damaged_file_is_no_readable_image(tmp_path, damage):
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)).save(stream, "PNG")
    (tmp_path / "broken.png").write_bytes(damage(stream.getvalue()))
    with pytest.raises(DataError, match=r"broken\.png is no readable image: "):
        open_image(tmp_path / "broken.png")


def test_a_file_is_named_once(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    for name, reason in (("text.png", "its content is of no format that Pillow knows"), ("", "Is a directory")):
        with pytest.raises(DataError) as caught:
            open_image(tmp_path / name)
        assert str(caught.value) == f"{tmp_path / name} is no readable image: {reason}"


@pytest.mark.parametrize("name", ["none.png", ".", "zero\0byte.png"])
def test_what_is_no_file_is_named(tmp_path, name):
    with pytest.raises(DataError, match="does not exist" if name == "none.png" else "is no readable image"):
        open_image(tmp_path / name)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_8_bit_image_can_be_fitted(mode, channels):
    grey = fitted(Image.new("L", (9, 4), 255).convert(mode), (channels, 2, 3))
    assert fits(grey, (channels, 2, 3)) and pixels_of(grey).min() == 255


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_a_photo_is_turned_upright_whatever_becomes_of_it(tmp_path, suffix):
    picture = Image.new("RGB", (16, 8))
    picture.paste((255, 255, 255), (0, 0, 8, 8))  # the left half is white
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    picture.save(tmp_path / f"photo.{suffix}", exif=exif, **({"lossless": True} if suffix == "webp" else {}))
    photo = open_image(tmp_path / f"photo.{suffix}")
    assert fits(photo, (3, 16, 8))
    for pixels in (pixels_of(photo), pixels_of(fitted(photo, (1, 16, 8)))):
        assert (pixels[:, :8] > 250).all() and (pixels[:, 8:] < 5).all()


def test_fitting_makes_transparent_black():
    clear = Image.new("RGBA", (1, 1), (255, 255, 255, 0))
    assert pixels_of(fitted(clear, (3, 1, 1))).flatten().tolist() == [0, 0, 0]


def test_a_photo_with_damaged_exif_is_taken_as_it_lies(tmp_path):
    picture = Image.new("L", (4, 2), 90)
    picture.save(tmp_path / "photo.jpg", exif=b"Exif\0\0garbage, no TIFF")
    photo = open_image(tmp_path / "photo.jpg")
    assert pixels_of(fitted(photo, (1, 2, 4))).unique().tolist() == [90]
    assert pixels_of(framed(photo, 3, 2, 1.0)).unique().tolist() == [90]


def test_colours_that_pillow_does_not_convert_are_refused(tmp_path):
    Image.new("LAB", (2, 2)).save(tmp_path / "lab.tif")
    with pytest.raises(DataError, match=r"lab\.tif is no readable image: its colours are LAB, .* Save it as RGB"):
        open_image(tmp_path / "lab.tif")


def test_more_than_8_bits_are_seen(tmp_path):
    Image.fromarray(np.full((2, 2), 40_000, dtype=np.uint16)).save(tmp_path / "deep.png")
    assert is_deep(open_image(tmp_path / "deep.png")) and not is_deep(Image.new("RGBA", (1, 1)))
