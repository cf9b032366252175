"""CelebA: aligned faces with 40 attributes each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
from jaxtyping import Int
from pydantic import Field
from torch import Tensor

from gedi_nesy import ConfigError, DataError, ImageDataset
from gedi_nesy.config.files import FullPath
from gedi_nesy.data.dataset import Images
from gedi_nesy.data.prepared import Frame, prepared
from gedi_nesy.data.published import Download, PublishedDataset, PublishedFile, Split, torchvision_class
from gedi_nesy.errors import did_you_mean

HAIR_COLOUR = "hair_colour"
HAIR_COLOURS = ("Bald", "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
ATTRIBUTES = "list_attr_celeba.txt"
PARTITION = "list_eval_partition.txt"
IMAGES = "img_align_celeba"
PAGE = "http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
PARTITIONS: dict[Split, str] = {"train": "0", "test": "2"}


class CelebA(PublishedDataset):
    """CelebA, aligned and cropped, from ROOT/celeba, in the published partition; its validation images are not used.

    Every image carries all 40 attributes (0 or 1) and its hair colour, the class is one of these. Hair colour: bald, black,
    blond, brown or grey where exactly one of the five is said, else unknown (label -1), as SimVAE's workshop paper of 2023 has it
    (appendix: "images with missing or ambiguous hair color information were discarded at evaluation"). The released code
    has another fifth class when it evaluates: none of black, blond, brown and grey.
    The papers do not say how they crop; by default the largest centred square is taken, 178 pixels.
    """

    NAME = "celeba"
    ABOUT = "CelebA, 162,770 + 19,962 faces with 40 attributes"

    class Options(PublishedDataset.Options):
        target: str = "Male"
        """What the class is: one of the 40 attributes, or hair_colour."""
        size: Annotated[int, Field(gt=0)] = 64
        """Height and width of the images."""
        crop: Annotated[float, Field(gt=0, le=1)] = 1.0
        """Side of the centred square that is kept, as a share of the shorter side, 178 pixels."""
        prepared: FullPath | None = None
        """Folder for the decoded images, 2.2 GB at size 64; ROOT/prepared by default."""

    options: Options

    def files(self) -> list[PublishedFile]:
        """Attributes, partition, and the folder of the images; these have no published checksum when unpacked."""
        published = torchvision_class("CelebA")
        md5 = {name: value for _, value, name in published.file_list}
        texts = [PublishedFile(f"{published.base_folder}/{name}", md5=md5[name]) for name in (ATTRIBUTES, PARTITION)]
        return [*texts, PublishedFile(f"{published.base_folder}/{IMAGES}")]

    def downloads(self) -> list[Download]:
        """Two texts, and the archive of the images; they are on a service that wants a person to ask."""
        published, wanted = torchvision_class("CelebA"), (ATTRIBUTES, PARTITION, f"{IMAGES}.zip")
        folder, found = published.base_folder, []
        for _, md5, name in published.file_list:
            if name in wanted:
                gives = f"{folder}/{name.removesuffix('.zip')}"
                is_packed = name.endswith(".zip")
                found.append(Download(name, (gives,), (), md5, folder, unpack=is_packed, page=PAGE))
        return found

    def class_names(self) -> tuple[str, ...]:
        """Of the target."""
        if self.options.target == HAIR_COLOUR:
            return HAIR_COLOURS
        return f"not {self.options.target}", self.options.target

    @property
    def frame(self) -> Frame:
        """How photographs become squares."""
        return Frame(3, self.options.size, self.options.crop)

    def read(self) -> ImageDataset:
        """Both splits, and how their images were cropped."""
        return replace(super().read(), fit=self.frame.fit)

    def read_split(self, split: Split) -> Images:
        """Pixels, the target as label, and all attributes."""
        folder = self.root / str(torchvision_class("CelebA").base_folder)
        lines = (folder / PARTITION).read_text().splitlines()
        names = [name for name, part in map(str.split, lines) if part == PARTITIONS[split]]
        attributes = self._attributes(folder / ATTRIBUTES, names)
        if (labels := attributes.get(self.options.target)) is None:
            raise ConfigError(
                f'data.target "{self.options.target}" is no attribute of CelebA.{did_you_mean(self.options.target, attributes)} '
                f"Known: {', '.join(attributes)}",
                key="data.target",
            )
        files = [folder / IMAGES / name for name in names]
        if absent := next((file for file in files if not file.is_file()), None):
            raise DataError(f"{absent} is missing. {self.fetch_command()}", key=self.root_key)
        pixels = prepared(files, self.frame, Path(self.options.prepared or self.root / "prepared"))
        return Images(pixels, labels, attributes)

    def _attributes(self, file: Path, wanted: list[str]) -> dict[str, Int[Tensor, " images"]]:
        """The attributes of the wanted images: a line with their number, one with the attributes' names, then one an image."""
        _, header, *lines = file.read_text().splitlines()
        rows = {name: values for name, *values in map(str.split, lines)}
        table = torch.tensor([[value == "1" for value in rows[name]] for name in wanted]).long()
        attributes = dict(zip(header.split(), table.unbind(dim=1), strict=True))
        hair = torch.stack([attributes[name] for name in HAIR_COLOURS], dim=1)
        colour = torch.where(hair.sum(dim=1) == 1, hair.argmax(dim=1), -1)
        return attributes | {HAIR_COLOUR: colour}
