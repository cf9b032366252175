"""Image files of any number as one tensor: decoded once into a file, memory-mapped ever after.

To decode is what costs: a JPEG of 500 by 400 pixels takes a core about 5 ms, so that no sensible number of workers feeds a fast
GPU, and each epoch pays again. The decoded file is read at the speed of the disk, or of memory as far as it stays there, needs
no workers, and is indexed as any other tensor: what is beyond memory trains through the same code as what is not.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL.Image import Image
from torch import Tensor

from ..errors import DataError
from .image_files import describe, framed, is_deep, open_image, pixels_of
from .table import SHOWN_FAULTS, joined

FORMAT = 1  # to be counted up when decoding changes
AT_ONCE = 1024  # images between the disk and the file


@dataclass(frozen=True)
class Frame:
    """How an image becomes a square of pixels.

    Attributes:
        channels: 1 for grey, 3 for RGB.
        size: height and width of the result.
        crop: side of the centred square that is taken, as a share of the image's shorter side.
    """

    channels: int
    size: int
    crop: float

    def fit(self, image: Image) -> UInt8[Tensor, "channels size size"]:
        """The pixels of an image of 8 bits a channel."""
        return pixels_of(framed(image, self.channels, self.size, self.crop))


def prepared(files: Sequence[Path], frame: Frame, folder: Path) -> UInt8[Tensor, "images channels size size"]:
    """The pixels of image files, from a file in `folder` that is written first if it is not there.

    Its name is a hash of the images' paths, sizes and times and of the frame, so that changed images are decoded anew.

    Raises:
        DataError: images that cannot be read, the first 20; or the folder cannot be written.
    """
    shape = (len(files), frame.channels, frame.size, frame.size)
    target = folder / f"{_key(files, frame)}.npy"
    try:
        if (found := _mapped(target, shape)) is not None:
            return found
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(target):
            if (found := _mapped(target, shape)) is None:  # another process may have been first
                _write(files, frame, target, shape)
    except OSError as error:
        size = math.prod(shape) / 1e9
        raise DataError(
            f"{folder}: {len(files)} decoded images, {size:.1f} GB, cannot be kept there: {error.strerror or error}. "
            "Make room, or name another folder: data.prepared=FOLDER",
            key="data",
        ) from error
    found = _mapped(target, shape)
    assert found is not None, f"{target} was written a moment ago"
    return found


def _key(files: Sequence[Path], frame: Frame) -> str:
    digest, faults = hashlib.sha256(json.dumps([FORMAT, asdict(frame)]).encode()), list[DataError]()
    for file in files:
        try:
            state = file.stat()
        except OSError as error:  # a link that leads nowhere
            faults.append(DataError(f"{file} cannot be read: {error.strerror}"))
            continue
        digest.update(f"\n{file}\0{state.st_size}\0{state.st_mtime_ns}".encode(errors="surrogateescape"))
    if faults:
        raise joined(faults)
    return digest.hexdigest()[:32]


def _mapped(target: Path, shape: tuple[int, ...]) -> Tensor | None:
    """The tensor of a whole file; None if there is none. Pages are read when they are looked at."""
    try:
        # "c": torch wants to be allowed to write, and what it writes never reaches the file.
        array = np.lib.format.open_memmap(target, mode="c")
    except (FileNotFoundError, ValueError, EOFError):
        return None
    is_whole = array.shape == shape and array.dtype == np.uint8
    return torch.from_numpy(array) if is_whole else None


def _write(files: Sequence[Path], frame: Frame, target: Path, shape: tuple[int, ...]) -> None:
    """Decode all files into the target, under another name until it is complete."""
    if shutil.disk_usage(target.parent).free < math.prod(shape):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    temporary, faults = target.with_suffix(".part"), list[DataError]()
    try:
        # Not through memory-mapping: a disk that gets full ends a process that writes that way, without a word.
        with open(temporary, "wb") as opened:
            np.lib.format.write_array_header_1_0(opened, {"descr": "|u1", "fortran_order": False, "shape": shape})
            for pixels in _decoded(files, frame):
                if isinstance(pixels, DataError):
                    faults.append(pixels)
                elif not faults:
                    opened.write(pixels.numpy().tobytes())
                if len(faults) > SHOWN_FAULTS:
                    break
        if faults:
            raise joined(faults)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _decoded(files: Sequence[Path], frame: Frame) -> Iterator[Tensor | DataError]:
    """Pixels in order, decoded by a thread for each core: Pillow's decoders do not hold Python's lock."""
    from rich.console import Console
    from rich.progress import track

    def decode(file: Path) -> Tensor | DataError:
        try:
            image = open_image(file)
            if is_deep(image):
                return DataError(f"{file} is {describe(image)}, more than 8 bits a channel. Convert it to 8 bits")
            return frame.fit(image)
        except DataError as error:
            return error

    starts = range(0, len(files), AT_ONCE)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in track(starts, f"Decoding {len(files)} images once", console=Console(stderr=True)):
            yield from pool.map(decode, files[start : start + AT_ONCE])


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """One process of a machine at a time writes a target; others wait."""
    if os.name != "posix":
        yield
        return
    import fcntl

    with open(target.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
