"""Images for a prediction: of the size that training saw, or made to fit as training made its own."""

from __future__ import annotations

import pytest
from PIL import Image

from gedi_nesy import DataError
from gedi_nesy.engine.predict import read_images


def test_images_of_another_size_are_refused_all_at_once(tmp_path):
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for file in files:
        Image.new("L", (6, 4), 200).save(file)
    with pytest.raises(DataError, match=r"a\.png is 6x4 of mode L; the run was trained on 8x8(.|\n)*b\.png is 6x4"):
        read_images(files, (1, 8, 8))


def test_they_are_stretched_where_training_stretched_its_own(tmp_path):
    Image.new("RGB", (6, 4), (200, 200, 200)).save(tmp_path / "a.png")
    pixels = read_images([tmp_path / "a.png"], (1, 8, 8), stretch=True)
    assert pixels.shape == (1, 1, 8, 8) and (pixels == 200).all()
