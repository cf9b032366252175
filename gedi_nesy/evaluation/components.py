"""Data sets and views that an evaluator's options name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, ValidationError, field_validator

from ..config.options import Options
from ..data.dataset import ImageDataset
from ..data.validation import hold_out
from ..errors import ConfigError
from ..registry import Kind, Registry

if TYPE_CHECKING:
    from ..evaluators import EvaluatorContext


class Named(Options):
    """Something by its registered name; every other key is an option of its own."""

    model_config = ConfigDict(extra="allow")

    name: str

    def make(self, kind: Kind, registry: Registry, wanted_by: str) -> Any:
        """The object, built from its options.

        Raises:
            ConfigError: the name is not registered, or an option is wrong.
        """
        target: Any = registry.find(kind, self.name, key="evaluators").load()
        given = {key: value for key, value in self.model_dump(mode="json", exclude_none=True).items() if key != "name"}
        try:
            options = target.Options.model_validate_json(json.dumps(given))
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
            raise ConfigError(f"options of {self.name} in {wanted_by}: {faults}", key="evaluators") from None
        return target(options)


class OtherData(Named):
    """A data set other than the run's own."""

    root: str | None = None
    """Where its files are; the run's own data.root by default, and where that looks if it is not set."""

    @field_validator("root")
    @classmethod
    def _absolute(cls, root: str | None) -> str | None:
        # A run folder must find its data from any working folder.
        return None if root is None else str(Path(root).expanduser().resolve())

    def within(self, root: str | None) -> OtherData:
        """The same data set, in a folder unless it has one of its own."""
        return self if self.root or root is None else self.model_copy(update={"root": root})

    def read(self, context: EvaluatorContext, wanted_by: str) -> ImageDataset:
        """The data set, held out as the run's own is if it has training images; DataError when its files are not here."""
        dataset: ImageDataset = self.within(context.data_root).make("dataset", context.registry, wanted_by).read()
        if context.validation is None or not len(dataset.train):
            return dataset
        return hold_out(dataset, context.validation)


def distinct(datasets: tuple[OtherData, ...]) -> tuple[OtherData, ...]:
    """The data sets; ValueError unless each has a name of its own, since numbers go by it."""
    if len({data.name for data in datasets}) < len(datasets):
        raise ValueError(f"each once, not {', '.join(data.name for data in datasets)}")
    return datasets
