"""Training methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gedi_nesy import hookimpl

if TYPE_CHECKING:
    from gedi_nesy.registry import Registrar


@hookimpl
def register(registry: Registrar) -> None:
    """Register every method of this folder."""
    registry.add_method("gedi", f"{__name__}.gedi:Gedi")
