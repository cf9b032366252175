"""Images for a prediction: of the size that training saw, or made to fit as training made its own."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from gedi_nesy import DataError
from gedi_nesy.data.prepared import Frame
from gedi_nesy.engine.predict import Prediction, Reading, read_images


def test_images_of_another_size_are_refused_all_at_once(tmp_path):
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for file in files:
        Image.new("L", (6, 4), 200).save(file)
    with pytest.raises(DataError, match=r"a\.png is 6x4 of mode L; the run was trained on 8x8(.|\n)*b\.png is 6x4"):
        read_images(files, (1, 8, 8))


def test_they_are_made_to_fit_as_training_made_its_own_also_those_of_its_size(tmp_path):
    files = [tmp_path / "wide.png", tmp_path / "square.png"]
    for file, size in zip(files, [(16, 8), (8, 8)], strict=True):
        image = Image.new("RGB", size)
        image.paste((200, 200, 200), (size[0] // 2 - 4, 0, size[0] // 2, 8))  # the left half of the centred square
        image.save(file)
    pixels = read_images(files, (1, 8, 8), Frame(channels=1, size=8, crop=0.5).fit)
    assert pixels.shape == (2, 1, 8, 8) and (pixels[..., :3] == 200).all() and (pixels[..., 5:] == 0).all()
    with pytest.raises(DataError, match=r"wide\.png is 16x8 of mode RGB; the run was trained on 8x8"):
        read_images(files, (1, 8, 8))


def test_more_than_8_bits_are_refused_as_in_training(tmp_path):
    Image.fromarray(np.full((8, 8), 40_000, dtype=np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(DataError, match=r"deep\.png is 8x8 of mode I;16; the run was trained on 8x8 of mode L"):
        read_images([tmp_path / "deep.png"], (1, 8, 8), Frame(channels=1, size=8, crop=1.0).fit)


def test_each_query_that_was_asked_is_shown_with_its_answers_and_what_the_images_are_by_the_likeliest():
    answers = {"p(A,10,T)": {"7": 0.25, "8": 0.75}, "p(A,20,T)": {"17": 1.0}}
    readings = {"p(A,10,T)": {"8": Reading(["x"], [0.875])}, "p(A,20,T)": {}}
    prediction = Prediction(["a.png"], [{"x": 1.0}], "p(A,K,T)", answers, readings, "1")
    assert prediction.text() == (
        "a.png: x 1.0000\np(A,10,T): 8 0.7500  7 0.2500\n  given 8: x 0.8750\np(A,20,T): 17 1.0000"
    )
    assert prediction.plain()["query"] == "p(A,K,T)" and prediction.plain()["answers"] == answers
    assert prediction.plain()["readings"] == {
        "p(A,10,T)": {"8": {"classes": ["x"], "probabilities": [0.875]}},
        "p(A,20,T)": {},
    }
