"""Image files are decoded once, then mapped; what changes is decoded anew, what is wrong is named."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from gedi_nesy import DataError
from gedi_nesy.data import prepared as module
from gedi_nesy.data.image_files import framed, open_image, pixels_of
from gedi_nesy.data.prepared import Frame, prepared

FRAME = Frame(channels=3, size=8, crop=1.0)


@pytest.fixture
def files(tmp_path):
    """Five images of different sizes and kinds."""
    random, found = np.random.default_rng(0), []
    for number, shape in enumerate([(10, 8, 3), (9, 12, 3), (8, 8), (20, 31, 4), (8, 9, 3)]):
        found.append(tmp_path / f"{number}.png")
        Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(found[-1])
    return found


def decoded(files, frame=FRAME):
    return torch.stack([pixels_of(framed(open_image(file), frame.channels, frame.size, frame.crop)) for file in files])


def test_the_pixels_are_those_of_the_files_in_their_order(files, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 2)
    for frame in (FRAME, Frame(1, 5, 0.5)):
        assert torch.equal(prepared(files, frame, tmp_path / "p"), decoded(files, frame))


def test_the_second_time_nothing_is_decoded(files, tmp_path, monkeypatch):
    first = prepared(files, FRAME, tmp_path / "p")
    monkeypatch.setattr(module, "_write", None)
    assert torch.equal(prepared(files, FRAME, tmp_path / "p"), first)


def test_what_is_written_into_the_tensor_stays_out_of_the_file(files, tmp_path):
    first = prepared(files, FRAME, tmp_path / "p")
    expected = first.clone()
    first.zero_()
    assert torch.equal(prepared(files, FRAME, tmp_path / "p"), expected)


def test_a_changed_image_another_frame_and_another_order_are_decoded_anew(files, tmp_path):
    folder = tmp_path / "p"
    prepared(files, FRAME, folder)
    Image.new("RGB", (8, 8), "red").save(files[0])
    assert torch.equal(prepared(files, FRAME, folder), decoded(files))
    assert torch.equal(prepared(files[::-1], FRAME, folder), decoded(files[::-1]))
    assert prepared(files, Frame(3, 4, 1.0), folder).shape == (5, 3, 4, 4)


@pytest.mark.parametrize("damage", [lambda path: os.truncate(path, 300), lambda path: path.write_bytes(b"")])
def test_a_file_that_was_cut_short_is_written_anew(files, tmp_path, damage):
    expected = prepared(files, FRAME, tmp_path / "p").clone()
    (path,) = (tmp_path / "p").glob("*.npy")
    damage(path)
    assert torch.equal(prepared(files, FRAME, tmp_path / "p"), expected)


def test_a_prepared_file_is_never_unpickled(files, tmp_path):
    expected = prepared(files, FRAME, tmp_path / "p").clone()
    (path,) = (tmp_path / "p").glob("*.npy")
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert torch.equal(prepared(files, FRAME, tmp_path / "p"), expected)


def test_every_bad_image_is_named_and_nothing_is_left_behind(files, tmp_path):
    files[1].write_bytes(b"no image")
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(files[3])
    with pytest.raises(DataError) as caught:
        prepared(files, FRAME, tmp_path / "p")
    text = str(caught.value)
    assert f"{files[1]} is no readable image" in text and f"{files[3]} is 8x8 of mode I;16, more than 8 bits" in text
    assert not list((tmp_path / "p").glob("*.part")) and not list((tmp_path / "p").glob("*.npy"))


def test_links_that_lead_nowhere_are_named(files, tmp_path):
    for file in files[:2]:
        file.unlink()
        file.symlink_to("nowhere")
    with pytest.raises(DataError) as caught:
        prepared(files, FRAME, tmp_path / "kept")
    assert str(caught.value).splitlines() == [f"{file} cannot be read: No such file or directory" for file in files[:2]]


def test_a_folder_that_cannot_hold_the_images_is_named_with_their_size(files, tmp_path, monkeypatch):
    (tmp_path / "p").write_text("a file")
    with pytest.raises(DataError, match=r"5 decoded images, 0\.0 GB, cannot be kept there.*data\.prepared=FOLDER"):
        prepared(files, FRAME, tmp_path / "p")
    monkeypatch.setattr(
        module.shutil, "disk_usage", lambda folder: os.terminal_size((0, 0)) and type("", (), {"free": 1})
    )
    with pytest.raises(DataError, match="No space left"):
        prepared(files, FRAME, tmp_path / "q")


def test_two_at_once_decode_once(files, tmp_path, monkeypatch):
    calls, write = [], module._write

    def counted(*arguments):
        calls.append(1)
        write(*arguments)

    monkeypatch.setattr(module, "_write", counted)
    threads = [threading.Thread(target=prepared, args=(files, FRAME, tmp_path / "p")) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


def test_a_frame_keeps_proportions():
    """A centred square of a wide image: its left and right thirds are cut off."""
    image = Image.new("RGB", (30, 10), "black")
    image.paste("white", (10, 0, 20, 10))
    assert np.asarray(framed(image, 1, 10, 1.0)).min() == 255
    half = np.asarray(framed(image, 3, 6, 0.6))
    assert half.shape == (6, 6, 3) and half.min() == 255
