"""Moons and circles: points of the plane in two classes, the toys of GEDI's section 6.1, drawn by scikit-learn.

The paper does not say how many points there are, how noisy they are and how wide the gap between the circles is. Ours: 2,000 points to
train on and 1,000 held out, noise 0.05, an inner circle of half the radius. With that noise the classes do not overlap, so that a
perfect clustering exists. A point is an image of two channels and 1 by 1 pixel, its coordinates; they are moved to have their centre
at 0 and halved, so that they lie in [-1, 1] with room around them. A noise of 0.03 in the units of the paper is therefore 0.015 here.
"""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field

from gedi_nesy import DatasetReader, ImageDataset
from gedi_nesy.data.dataset import Images

Count = Annotated[int, Field(gt=1)]
# Units of scikit-learn in one of ours.
SCALE = 2.0
# Changed once, when all settings of configs/toys were fixed: those were chosen looking at other points.
FIRST_SEED = 2_026


class ToyOptions(DatasetReader.Options):
    """What both toys can be asked for."""

    train: Count = 2000
    """Points to train on, half of each class."""
    test: Count = 1000
    """Points held out, half of each class."""
    noise: Annotated[float, Field(ge=0)] = 0.05
    """Standard deviation around the curves, in scikit-learn's units."""
    draw: Annotated[int, Field(ge=0)] = 0
    """Which points: other numbers give others, from the same distribution; the run's seed has no say in it."""


class Moons(DatasetReader):
    """Two half circles, each with an end inside the other."""

    ABOUT = "two half moons, 2,000 + 1,000 points of the plane drawn by scikit-learn; no files needed"

    class Options(ToyOptions):
        """Those of both toys."""

    options: Options

    def read(self) -> ImageDataset:
        """Points drawn anew, always the same ones for a draw."""
        from sklearn.datasets import make_moons  # slow to import

        return _dataset(self.options, make_moons, (0.5, 0.25), ("upper", "lower"))


class Circles(DatasetReader):
    """A circle inside another one."""

    ABOUT = "two circles around one centre, 2,000 + 1,000 points of the plane drawn by scikit-learn; no files needed"

    class Options(ToyOptions):
        factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
        """Radius of the inner circle; the outer one has 1."""

    options: Options

    def read(self) -> ImageDataset:
        """Points drawn anew, always the same ones for a draw."""
        from sklearn.datasets import make_circles  # slow to import

        return _dataset(self.options, make_circles, (0.0, 0.0), ("outer", "inner"), factor=self.options.factor)


def _dataset(
    options: ToyOptions, make: Any, centre: tuple[float, float], classes: tuple[str, str], **shape: float
) -> ImageDataset:
    """Both splits, drawn apart from each other."""

    def split(count: int, seed: int) -> Images:
        points, labels = make(n_samples=count, noise=options.noise, random_state=seed, **shape)
        scaled = torch.from_numpy((points - centre) / SCALE).float().clamp(-1, 1)
        return Images(scaled[:, :, None, None], torch.from_numpy(labels).long())

    seed = FIRST_SEED + 2 * options.draw
    return ImageDataset(split(options.train, seed), split(options.test, seed + 1), classes)
