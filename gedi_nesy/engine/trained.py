"""A trained method, and the images it was trained on, in a program of one's own."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Literal

import torch

from ..data.dataset import ImageDataset
from ..errors import RunError
from ..methods import Method
from ..plugin_manager import load_plugins
from .build import DataSize, new_method, read_data
from .checkpoint import Checkpoint, best, evaluated_weights, from_another_version, load_state, newest_sound, read
from .run_folder import RunFolder, find
from .seeding import make_generator
from .start import config_of


def load_method(
    run: str | os.PathLike[str], *, checkpoint: Literal["last", "best"] = "last", device: str | torch.device = "cpu"
) -> Method:
    """The trained method of a run, in evaluation mode; neither the data nor the program it was trained on are read.

    It is a `torch.nn.Module` with whatever its method offers, such as `embed(images)` and `class_log_probs(images)`, of images
    (batch, channels, height, width) with pixels in [-1, 1], and has the feature extractor as `backbone`. Where the run kept an average
    of the weights, it has that.

    Args:
        run: a run folder, or the folder above it for its newest run.
        checkpoint: the newest one, or the one nearest to the known minima of the terms.

    Raises:
        RunError: there is no run, or no sound checkpoint in it, or none of that name.

    Example:
        >>> method = load_method("runs/simclr")  # doctest: +SKIP
        >>> features = method.embed(images)  # doctest: +SKIP
    """
    folder, plugins = find(Path(run)), load_plugins()
    config, saved = config_of(folder, plugins), _saved(folder, checkpoint)
    generators = {
        "weights": make_generator(config.seed, "weights/1"),
        "method": make_generator(config.seed, "method/1", torch.device(device)),
    }
    try:
        size = DataSize(tuple(saved.values["shape"]), saved.values["num_classes"])
    except KeyError as error:
        raise from_another_version(error) from None
    method = new_method(config, plugins, size, generators)
    load_state(method, evaluated_weights(saved))
    return method.to(device).eval()


def load_data(run: str | os.PathLike[str]) -> ImageDataset:
    """The images of a run's data set with their classes, split into `train` and `test` as the run's evaluators have them.

    Pixels of pictures are whole numbers from 0 to 255: `pixels / 127.5 - 1` is what networks see. A class that is not known is -1.

    Args:
        run: see `load_method`.

    Raises:
        RunError: there is no run.
        DataError: files of the data set are missing or damaged.

    Example:
        >>> data = load_data("runs/simclr")  # doctest: +SKIP
        >>> data.train.pixels, data.train.labels, data.classes  # doctest: +SKIP
    """
    plugins = load_plugins()
    return read_data(config_of(find(Path(run)), plugins), plugins)


def _saved(folder: RunFolder, which: str) -> Checkpoint:
    """The checkpoint to read; a warning names each damaged one that was passed over."""
    if which not in ("last", "best"):
        raise RunError(f'checkpoint is "{which}": must be "last" or "best"')
    if which == "best":
        return read(best(folder))
    found: list[Checkpoint] = []
    _, complaints = newest_sound(folder, found.append)
    for complaint in complaints:
        warnings.warn(f"{complaint}; reading the one before", stacklevel=3)
    if not found:
        raise RunError(f"{folder.path} has no checkpoint yet: train it first, or resume it")
    return found[0]
