"""A file plugin for tests: 8x8 bars that any network separates, a few colour images, and hooks that end a run on demand."""

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


class Colours(DatasetReader):
    """Of CIFAR-10's shape and classes, two batches of eight."""

    ABOUT = "16 + 10 random colour images of 32x32, made on the fly"

    def read(self):
        generator = torch.Generator().manual_seed(3)
        pixels = torch.randint(0, 256, (26, 3, 32, 32), generator=generator, dtype=torch.uint8)
        labels = torch.arange(26) % 10
        return ImageDataset(
            Images(pixels[:16], labels[:16]), Images(pixels[16:], labels[16:]), tuple(str(k) for k in range(10))
        )


@hookimpl
def register(registry):
    registry.add_dataset("bars", Bars)
    registry.add_dataset("colours", Colours)


class Stopped(BaseException):
    """Stands for a death of the process: nothing in the project catches it for good."""


@hookimpl
def step_finished(step):
    if step == int(os.environ.get("TINY_KILL_AT", -1)):
        os.kill(os.getpid(), signal.SIGKILL)
    if step == int(os.environ.get("TINY_STOP_AT", -1)):
        raise Stopped
