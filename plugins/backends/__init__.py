"""Logic engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gedi_nesy import hookimpl

if TYPE_CHECKING:
    from gedi_nesy.registry import Registrar


@hookimpl
def register(registry: Registrar) -> None:
    """Register every logic backend: the core's circuits and the reference beside this file."""
    registry.add_logic_backend("circuit", "gedi_nesy.logic.circuit_constraint:build_constraint")
    registry.add_logic_backend("deepproblog", f"{__name__}.deepproblog:build_constraint")
