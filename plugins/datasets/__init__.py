"""Readers of data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gedi_nesy import hookimpl

if TYPE_CHECKING:
    from gedi_nesy.registry import Registrar


@hookimpl
def register(registry: Registrar) -> None:
    """Register every data set of this folder."""
    registry.add_dataset("celeba", f"{__name__}.celeba:CelebA")
    registry.add_dataset("circles", f"{__name__}.toys:Circles")
    registry.add_dataset("cifar10", f"{__name__}.cifar:Cifar10")
    registry.add_dataset("cifar100", f"{__name__}.cifar:Cifar100")
    registry.add_dataset("digits", f"{__name__}.digits:Digits")
    registry.add_dataset("fashion_mnist", f"{__name__}.mnist:FashionMnist")
    registry.add_dataset("image_folder", f"{__name__}.image_folder:ImageFolder")
    registry.add_dataset("image_table", f"{__name__}.image_table:ImageTable")
    registry.add_dataset("hwf_symbols", f"{__name__}.hwf_symbols:HwfSymbols")
    registry.add_dataset("kmnist", f"{__name__}.mnist:Kmnist")
    registry.add_dataset("mnist", f"{__name__}.mnist:Mnist")
    registry.add_dataset("mnist5k", f"{__name__}.mnist5k:Mnist5k")
    registry.add_dataset("moons", f"{__name__}.toys:Moons")
    registry.add_dataset("notmnist", f"{__name__}.mnist:NotMnist")
    registry.add_dataset("stl10", f"{__name__}.stl10:Stl10")
    registry.add_dataset("svhn", f"{__name__}.svhn:Svhn")
    registry.add_dataset("terrain", f"{__name__}.terrain:Terrain")
    registry.add_dataset("usps", f"{__name__}.usps:Usps")
