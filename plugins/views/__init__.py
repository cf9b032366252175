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
        "color_jitter": "colour:ColorJitter",
        "gaussian_noise": "noise:GaussianNoise",
        "grayscale": "colour:Grayscale",
        "horizontal_flip": "geometry:HorizontalFlip",
        "random_affine": "geometry:RandomAffine",
        "random_crop": "geometry:RandomCrop",
    }.items():
        registry.add_view(name, f"{__name__}.{target}")
