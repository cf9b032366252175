"""Photographs in one folder for each class, as ImageNet and Places come, or your own; of any number."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field

from gedi_nesy import DataError, DatasetReader, ImageDataset
from gedi_nesy.config.files import FullPath
from gedi_nesy.data.dataset import Images
from gedi_nesy.data.prepared import Frame, prepared

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
WITHOUT = "Images without classes are read with data.class_depth=0"


class ImageFolder(DatasetReader):
    """FOLDER/train/CLASS/any.jpg and FOLDER/val/CLASS/any.jpg, each cut to a square and resized once, see `prepared`.

    The classes are those of both splits, sorted by name; files that are no images by their names are passed over, and so is what
    begins with a dot, such as the .ipynb_checkpoints of notebooks. Links are followed, but for those that lead back to a folder they
    are in. Without a training folder the training split is empty, enough
    for out-of-distribution evaluation.
    """

    ABOUT = "Your own folders with a folder for each class, such as ImageNet and Places205, of any size"
    FETCH = f"Train and test folder are called train and val unless data.train and data.test say otherwise. {WITHOUT}"

    class Options(DatasetReader.Options):
        folder: str
        """Folder of the set, relative to `data.root`: imagenet, places205."""
        train: str = "train"
        """Sub-folder of the training images."""
        test: str = "val"
        """Sub-folder of the test images: for ImageNet the validation images, whose classes are the published ones."""
        class_depth: Annotated[int, Field(ge=0)] = 1
        """How many folders make the name of a class: 2 for train/a/abbey/1.jpg of Places205, 0 for images without classes, in folders of
        any depth or none."""
        size: Annotated[int, Field(gt=0)] = 224
        """Height and width of the images."""
        crop: Annotated[float, Field(gt=0, le=1)] = 1.0
        """Side of the centred square that is kept, as a share of the shorter side; 0.875 is the usual "resize to 256, crop 224"."""
        channels: Literal[1, 3] = 3
        """1 for grey, 3 for RGB."""
        prepared: FullPath | None = None
        """Folder for the decoded images, size * size * channels bytes each; ROOT/prepared by default."""

    options: Options

    @property
    def folder(self) -> Path:
        """The set's own folder."""
        return self.root / Path(self.options.folder).expanduser()

    @property
    def frame(self) -> Frame:
        """How photographs become squares."""
        return Frame(self.options.channels, self.options.size, self.options.crop)

    def status(self) -> str:
        """Whether the folders of both splits are here."""
        if not (self.folder / self.options.test).is_dir():
            return f"not here: no {self.folder / self.options.test}. {self.FETCH.format(root=self.root)}".rstrip()
        has_train = (self.folder / self.options.train).is_dir()
        return f"here, in {self.folder}" if has_train else f"here, test split only, in {self.folder}"

    def read(self) -> ImageDataset:
        """Both splits, memory-mapped."""
        train_folder, test_folder = self.folder / self.options.train, self.folder / self.options.test
        if not test_folder.is_dir():
            raise self.missing(test_folder)
        test = self._listed(test_folder)
        train = self._listed(train_folder) if train_folder.is_dir() else {}
        names, depth = sorted(train.keys() | test.keys()), self.options.class_depth
        if depth and len(names) < 2:
            raise DataError(
                f"{test_folder} has {len(names)} folder with images, {', '.join(names) or 'none'}; each class has one, and at least "
                f"two are wanted. {WITHOUT}",
                key="data",
            )
        if not test:
            raise DataError(f"there are no images in {test_folder}", key="data")
        held_out = self._images(test, names)
        images = self._images(train, names) if train else held_out.at(slice(0))
        return ImageDataset(images, held_out, tuple(names) if depth else (), fit=self.frame.fit)

    def no_training_images(self) -> DataError:
        """With the folder that would hold them."""
        return self.missing(self.folder / self.options.train)

    def _listed(self, folder: Path) -> dict[str, list[Path]]:
        """The image files of each class, in the order of their paths."""
        found: dict[str, list[Path]] = {}
        for place, folders, names in os.walk(folder, followlinks=True):
            folders[:] = sorted(
                name for name in folders if not name.startswith(".") and not _leads_back(Path(place, name))
            )
            depth = Path(place).relative_to(folder).parts
            images = [Path(place, name) for name in sorted(names) if _is_image(name)]
            if images and len(depth) < self.options.class_depth:
                raise DataError(
                    f"{images[0]} is in no folder of a class: those are {self.options.class_depth} deep in {folder} (data.class_depth). "
                    f"{WITHOUT}",
                    key="data",
                )
            if images:
                found.setdefault("/".join(depth[: self.options.class_depth]), []).extend(images)
        return found

    def _images(self, listed: dict[str, list[Path]], names: list[str]) -> Images:
        files = [file for name in names for file in listed.get(name, ())]
        labels = torch.tensor([label for label, name in enumerate(names) for _ in listed.get(name, ())])
        folder = Path(self.options.prepared or self.root / "prepared")
        pixels = prepared(files, self.frame, folder)
        return Images(pixels, labels if self.options.class_depth else torch.full_like(labels, -1))


def _is_image(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def _leads_back(path: Path) -> bool:
    """Whether it is a link to a folder that it is in, or was reached through: there would be no end of following it."""
    if not path.is_symlink():
        return False
    target = path.resolve()
    return any(folder.resolve().is_relative_to(target) for folder in path.parents)
