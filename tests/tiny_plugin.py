"""A file plugin for tests: a data set of 8x8 bars that any network separates, and hooks that end a run on demand."""

import os
import signal

import torch

from gedi_nesy import DatasetReader, ImageDataset, hookimpl
from gedi_nesy.data.dataset import Images


class Bars(DatasetReader):
    """Ten classes: class k is a bright row (k < 8) or a bright column pair, with noise."""

    ABOUT = "8x8 bars, made on the fly"

    def read(self):
        train, test = _images(60, seed=1), _images(20, seed=2)
        return ImageDataset(train, test, tuple(str(k) for k in range(10)))


def _images(per_class, seed):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(10).repeat_interleave(per_class)
    pixels = torch.randint(0, 40, (len(labels), 1, 8, 8), generator=generator, dtype=torch.uint8)
    for row, label in enumerate(labels.tolist()):
        if label < 8:
            pixels[row, 0, label] += 200
        else:
            pixels[row, 0, :, 4 * (label - 8) : 4 * (label - 8) + 2] += 200
    return Images(pixels, labels)


@hookimpl
def register(registry):
    registry.add_dataset("bars", Bars)


class Stopped(BaseException):
    """Stands for a death of the process: nothing in the project catches it for good."""


@hookimpl
def step_finished(step):
    if step == int(os.environ.get("TINY_KILL_AT", -1)):
        os.kill(os.getpid(), signal.SIGKILL)
    if step == int(os.environ.get("TINY_STOP_AT", -1)):
        raise Stopped
