"""The base of every options model, the core's and a plugin's."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Options of a plugin: frozen, unknown keys are errors, no silent conversion from text to number, numbers are finite.

    Example:
        >>> class SwavOptions(Options):
        ...     num_prototypes: int = 3000
        >>> SwavOptions(num_prototypes=10).num_prototypes
        10
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        validate_default=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )
