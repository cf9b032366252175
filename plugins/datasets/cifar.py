"""CIFAR-10 and CIFAR-100: pickled batches of 32x32 colour images."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from gedi_nesy.data.dataset import Images
from gedi_nesy.data.published import Download, PublishedDataset, PublishedFile, Split, torchvision_class


class Cifar10(PublishedDataset):
    """CIFAR-10 from ROOT/cifar-10-batches-py. File names and checksums are torchvision's."""

    NAME = "cifar10"
    ABOUT = "CIFAR-10, 50,000 + 10,000 photographs of 10 classes, 32x32 colour"
    TORCHVISION: ClassVar[str] = "CIFAR10"
    LABELS: ClassVar[str] = "labels"

    def files(self) -> list[PublishedFile]:
        """The batches of each split, and the names of the classes."""
        known = torchvision_class(self.TORCHVISION)
        return [
            *(PublishedFile(f"{known.base_folder}/{name}", ("train",), md5) for name, md5 in known.train_list),
            *(PublishedFile(f"{known.base_folder}/{name}", ("test",), md5) for name, md5 in known.test_list),
            PublishedFile(f"{known.base_folder}/{known.meta['filename']}", md5=known.meta["md5"]),
        ]

    def downloads(self) -> list[Download]:
        """One archive."""
        known = torchvision_class(self.TORCHVISION)
        gives = tuple(file.path for file in self.files())
        return [Download(known.filename, gives, (known.url,), known.tgz_md5, unpack=True)]

    def class_names(self) -> tuple[str, ...]:
        """From the file that holds them."""
        known = torchvision_class(self.TORCHVISION)
        return tuple(read_plain_pickle(self.root / known.base_folder / known.meta["filename"])[known.meta["key"]])

    def read_split(self, split: Split) -> Images:
        """Pixels and labels of all batches."""
        batches = [read_plain_pickle(self.root / file.path) for file in self.files() if file.splits == (split,)]
        pixels = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)
        labels = [label for batch in batches for label in batch[self.LABELS]]
        return Images(torch.from_numpy(pixels), torch.tensor(labels))


class Cifar100(Cifar10):
    """CIFAR-100 from ROOT/cifar-100-python, with its 100 fine classes."""

    NAME = "cifar100"
    ABOUT = "CIFAR-100, 50,000 + 10,000 photographs of 100 classes, 32x32 colour"
    TORCHVISION = "CIFAR100"
    LABELS = "fine_labels"


def read_plain_pickle(file: Path) -> Any:
    """What a pickle holds if that is numbers, texts and arrays of bytes; unlike `pickle.load` it runs nothing from the file.

    Arrays come as objects that `numpy.asarray` turns into arrays.

    Raises:
        pickle.UnpicklingError: it holds anything else.
    """
    with open(file, "rb") as opened:
        return _PlainUnpickler(opened, encoding="latin1").load()


class _PlainUnpickler(pickle.Unpickler):
    """Knows what numpy's arrays are rebuilt with, under the names that numpy 1 and 2 have for it, and gives stand-ins for it.

    Not numpy's own: a file may set the state of what it is given, and a dtype of a made-up state corrupts memory.
    """

    def find_class(self, module: str, name: str) -> type[_StandIn]:
        short = module.removeprefix("numpy.core.").removeprefix("numpy._core.")
        if (found := _STAND_INS.get(f"{short}.{name}")) is None:
            raise pickle.UnpicklingError(f"it asks to run {module}.{name}, which no data needs")
        return found


class _StandIn:
    """Its state cannot be set, nor that of its class: to call this on a class lacks an argument."""

    def __setstate__(self, state: Any) -> None:
        """Nothing in it is wanted."""


class _Dtype(_StandIn):
    """Bytes, the only kind of number whose order in memory is not a matter of state."""

    def __init__(self, code: Any, *_: Any) -> None:
        if code != "u1":
            raise pickle.UnpicklingError(f"it has an array of {code!r}, and all that CIFAR's data need is u1")


class _Encoded(_StandIn, bytes):
    """How Python 2's byte strings are written by Python 3."""

    def __new__(cls, text: str, encoding: str) -> _Encoded:
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"it has a text in {encoding!r}, and numpy writes latin1")
        return super().__new__(cls, text.encode("latin1"))


class _Array(_StandIn):
    """What `_reconstruct` makes: an empty array, whose state is set next."""

    values: np.ndarray[Any, np.dtype[np.uint8]]

    def __init__(self, *_: Any) -> None:
        self.values = np.empty(0, np.uint8)

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, is_fortran, raw = state
        self._fill(raw, dtype, shape, "F" if is_fortran else "C")

    def _fill(self, raw: Any, dtype: Any, shape: Any, order: Any) -> None:
        if not isinstance(dtype, _Dtype):
            raise pickle.UnpicklingError(f"it has an array of {dtype!r}")
        raw = raw.encode("latin1") if isinstance(raw, str) else raw  # as Python 2 wrote it
        self.values = np.frombuffer(raw, np.uint8).reshape(shape, order=order)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return self.values


class _FromBuffer(_Array):
    """An array of protocol 5, which is made at once."""

    def __init__(self, raw: Any, dtype: Any, shape: Any, order: Any, *_: Any) -> None:
        self._fill(raw, dtype, shape, order)


_STAND_INS: dict[str, type[_StandIn]] = {
    "multiarray._reconstruct": _Array,
    "numeric._frombuffer": _FromBuffer,
    "numpy.ndarray": _Array,
    "numpy.dtype": _Dtype,
    "_codecs.encode": _Encoded,
}
