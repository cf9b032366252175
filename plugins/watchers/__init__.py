"""Watchers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gedi_nesy import hookimpl

if TYPE_CHECKING:
    from gedi_nesy.registry import Registrar


@hookimpl
def register(registry: Registrar) -> None:
    """Register every watcher of this folder."""
    registry.add_watcher("tensorboard", f"{__name__}.tensorboard:TensorBoard")
