"""Feature extractors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gedi_nesy import hookimpl

if TYPE_CHECKING:
    from gedi_nesy.registry import Registrar


@hookimpl
def register(registry: Registrar) -> None:
    """Register every backbone of this folder."""
    registry.add_backbone("library_model", f"{__name__}.library_model:LibraryModel")
    registry.add_backbone("mlp", f"{__name__}.mlp:Mlp")
    registry.add_backbone("resnet", f"{__name__}.resnet:ResNet")
    registry.add_backbone("resnet8", f"{__name__}.resnet8:ResNet8")
    registry.add_backbone("simvae_resnet", f"{__name__}.simvae_resnet:SimVaeResNet")
