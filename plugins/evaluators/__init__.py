"""Evaluators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gedi_nesy import hookimpl

if TYPE_CHECKING:
    from gedi_nesy.registry import Registrar


@hookimpl
def register(registry: Registrar) -> None:
    """Register every evaluator of this folder."""
    registry.add_evaluator("classification", f"{__name__}.classification:Classification")
    registry.add_evaluator("constraint", f"{__name__}.constraint:ConstraintSatisfaction")
