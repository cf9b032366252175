"""Random transformations of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gedi_nesy import hookimpl

if TYPE_CHECKING:
    from gedi_nesy.registry import Registrar


@hookimpl
def register(registry: Registrar) -> None:
    """Register every view of this folder."""
    for name, target in {
        "channel_drop": "colour:ChannelDrop",
        "color_jitter": "jitter:ColorJitter",
        "gaussian_blur": "blur:GaussianBlur",
        "gaussian_noise": "noise:GaussianNoise",
        "grayscale": "colour:Grayscale",
        "horizontal_flip": "flips:HorizontalFlip",
        "random_affine": "geometry:RandomAffine",
        "random_crop": "geometry:RandomCrop",
        "random_resized_crop": "resized_crop:RandomResizedCrop",
        "solarize": "colour:Solarize",
        "vertical_flip": "flips:VerticalFlip",
    }.items():
        registry.add_view(name, f"{__name__}.{target}")
