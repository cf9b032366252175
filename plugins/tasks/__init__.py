"""Tasks: what is trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gedi_nesy import hookimpl

if TYPE_CHECKING:
    from gedi_nesy.registry import Registrar


@hookimpl
def register(registry: Registrar) -> None:
    """Register every task of this folder."""
    registry.add_task("classification", f"{__name__}.classification:Classification")
    registry.add_task("constraint", f"{__name__}.constraint:ConstraintTask")
    registry.add_task("pretraining", f"{__name__}.pretraining:Pretraining")
