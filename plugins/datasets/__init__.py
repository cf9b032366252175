"""Readers of data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gedi_nesy import hookimpl

if TYPE_CHECKING:
    from gedi_nesy.registry import Registrar


@hookimpl
def register(registry: Registrar) -> None:
    """Register every data set of this folder."""
    registry.add_dataset("mnist", f"{__name__}.mnist:Mnist")
    registry.add_dataset("mnist5k", f"{__name__}.mnist5k:Mnist5k")
