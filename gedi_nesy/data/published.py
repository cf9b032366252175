"""Data sets whose makers published files with checksums: found, checked and read split by split."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field

from ..errors import DataError, UserError
from .checksums import md5_of
from .dataset import DatasetReader, ImageDataset, Images

Split = Literal["train", "test"]
SUBSET_SEED = 2_026


@dataclass(frozen=True)
class PublishedFile:
    """A file that a reader opens, or a folder of such files.

    Attributes:
        path: relative to `data.root`.
        splits: those it is needed for.
        md5: as published, None where nobody has published one.
    """

    path: str
    splits: tuple[Split, ...] = ("train", "test")
    md5: str | None = None


@dataclass(frozen=True)
class Download:
    """A file as its makers publish it, and what becomes of it.

    Attributes:
        name: of the file.
        gives: files, or a folder of files, relative to `data.root`, that are there when it is fetched.
        urls: addresses to try in turn; none when people must fetch it themselves.
        md5: as published.
        folder: relative to `data.root`, where it is put or unpacked.
        unpack: whether it is an archive; otherwise the reader opens it as it is.
        page: where to read how to get it by hand.
    """

    name: str
    gives: tuple[str, ...]
    urls: tuple[str, ...] = ()
    md5: str | None = None
    folder: str = "."
    unpack: bool = False
    page: str = ""


def torchvision_class(name: str) -> Any:
    """The class of torchvision.datasets that knows a set's files, addresses and checksums; imported when first asked for."""
    import torchvision.datasets

    return getattr(torchvision.datasets, name)


class PublishedDataset(DatasetReader):
    """A reader that says which files it opens; missing and changed ones are dealt with here.

    A folder that has the test files only gives an empty training split, enough for out-of-distribution evaluation.

    Class attributes:
        NAME: the registered name, for the command that fetches the files.
    """

    NAME: ClassVar[str]

    class Options(DatasetReader.Options):
        verify: bool = True
        """Refuse files whose checksum differs from the published one; false reads them all the same."""
        train_images: Annotated[int, Field(gt=0)] | None = None
        """Training images to keep, drawn once and for all, the same in every run; all by default."""
        test_images: Annotated[int, Field(gt=0)] | None = None
        """The same for test images."""

    @abstractmethod
    def files(self) -> Sequence[PublishedFile]:
        """Every file that is opened; cheap, for `gedi-nesy data list` asks."""

    def downloads(self) -> Sequence[Download]:
        """What `gedi-nesy data fetch` fetches; nothing by default."""
        return ()

    @abstractmethod
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes in the order of the labels; the files are there."""

    @abstractmethod
    def read_split(self, split: Split) -> Images:
        """One split; its files are there and checked. What goes wrong in a library that parses them becomes a DataError."""

    def status(self) -> str:
        """Whether both splits are here, or the test split alone, or what is missing."""
        wanted, lacking = self._wanted()
        if lacking:
            return f"not here: no {lacking[0]}. {self.fetch_command()}"
        return f"here, in {self.root}" if "train" in wanted else f"here, test split only, in {self.root}"

    def _wanted(self) -> tuple[tuple[Split, ...], list[Path]]:
        """The splits that can be read or ought to be, and their files that are not here."""
        train_files = self._train_paths()
        train_is_here = not train_files or any(path.exists() for path in train_files)
        wanted: tuple[Split, ...] = ("train", "test") if train_is_here else ("test",)
        needed = (self.root / file.path for file in self.files() if set(file.splits) & set(wanted))
        return wanted, [path for path in needed if not path.exists()]

    def read(self) -> ImageDataset:
        """Both splits; without its files the training split is empty."""
        wanted, lacking = self._wanted()
        if lacking:
            raise self.missing(lacking[0])
        if self.options.verify:
            self._verify([file for file in self.files() if set(file.splits) & set(wanted)])
        test = self._kept(self._read("test"), self.options.test_images)
        train = self._kept(self._read("train"), self.options.train_images) if "train" in wanted else test.at(slice(0))
        classes: tuple[str, ...] = self._guarded("test", self.class_names)
        for split, images in (("train", train), ("test", test)):
            if len(images) and not -1 <= int(images.labels.min()) <= int(images.labels.max()) < len(classes):
                raise DataError(
                    f"{self._place(split)}: labels beyond the {len(classes)} classes. {self.fetch_command()}",
                    key=self.root_key,
                )
        return ImageDataset(train, test, classes)

    def no_training_images(self) -> DataError:
        """With the files that would hold them."""
        names = ", ".join(str(path) for path in self._train_paths())
        return DataError(
            f"{self.ABOUT}: only the test split is in {self.root}, which is enough for evaluators such as ood and not for "
            f"training. Missing: {names}. {self.fetch_command()}",
            key=self.root_key,
        )

    def fetch_command(self) -> str:
        """How to get the files."""
        return f"Fetch them: gedi-nesy data fetch {self.NAME} --root {self.root}"

    def missing(self, expected: Path) -> DataError:
        """The error for files that are not there."""
        return DataError(f"{super().missing(expected).message} {self.fetch_command()}", key=self.root_key)

    def _verify(self, files: Sequence[PublishedFile]) -> None:
        """DataError that names every file whose checksum is not the published one."""
        found = {file: self._guarded(file.path, partial(md5_of, self.root / file.path)) for file in files if file.md5}
        if changed := [file for file in found if found[file] != file.md5]:
            faults = [f"{self.root / file.path} has md5 {found[file]}, published is {file.md5}" for file in changed]
            remedy = f"{self.fetch_command()}. To read what is there all the same: data.verify=false"
            raise DataError("\n".join([*faults, remedy]), key=self.root_key)

    def _read(self, split: Split) -> Images:
        images: Images = self._guarded(split, lambda: self.read_split(split))
        if not len(images) or len(images) != len(images.labels):
            raise DataError(
                f"{self._place(split)}: {len(images)} images and {len(images.labels)} labels", key=self.root_key
            )
        return images

    def _guarded(self, what: str, read: Any) -> Any:
        """The result of a function, what it raises about damaged files turned into a DataError."""
        try:
            return read()
        except (UserError, MemoryError):
            raise
        except Exception as error:  # parsers of six formats raise about damaged files whatever they come across
            raise DataError(
                f"{self._place(what)} cannot be read: {type(error).__name__}: {error}. {self.fetch_command()}",
                key=self.root_key,
            ) from error

    def _place(self, what: str) -> str:
        """The file, or the files of a split."""
        paths = [self.root / file.path for file in self.files() if what in file.splits] or [self.root / what]
        return ", ".join(map(str, paths))

    def _train_paths(self) -> list[Path]:
        """The files that hold training images and nothing else."""
        return [self.root / file.path for file in self.files() if file.splits == ("train",)]

    def _kept(self, images: Images, count: int | None) -> Images:
        """As many images as asked for, in their own order."""
        if count is None or count >= len(images):
            return images
        rows = torch.randperm(len(images), generator=torch.Generator().manual_seed(SUBSET_SEED))[:count].sort().values
        return images.at(rows)
