"""gedi-nesy: neural classifiers that learn from knowledge instead of labels.

The names below are the public interface. They are imported on first use, so that `import gedi_nesy` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .errors import (
    ConfigError,
    DataError,
    DivergenceError,
    GediNesyError,
    PluginError,
    ProgramError,
    RunError,
    UserError,
)
from .hookspecs import hookimpl

if TYPE_CHECKING:
    from .config.options import Options
    from .data.dataset import DatasetReader, ImageDataset
    from .data.views import View
    from .distributed import whole_batch
    from .engine.trained import load_data, load_method
    from .evaluators import Evaluation, Evaluator
    from .logic.constraint import Constraint
    from .logic.examples import Examples
    from .logic.program import load_program
    from .logic.query import QueryTemplate
    from .methods import Method, MethodContext
    from .models.backbone import Backbone
    from .reporting.image_grid import ImageGrid
    from .tasks import Selection, Task, TaskContext
    from .types import Batch, MethodOutput, Term
    from .watchers import Watcher

__version__ = "0.1.0"

_LAZY = {
    "Backbone": "models.backbone",
    "Batch": "types",
    "Constraint": "logic.constraint",
    "DatasetReader": "data.dataset",
    "Evaluation": "evaluators",
    "Evaluator": "evaluators",
    "Examples": "logic.examples",
    "ImageDataset": "data.dataset",
    "ImageGrid": "reporting.image_grid",
    "Method": "methods",
    "MethodContext": "methods",
    "MethodOutput": "types",
    "Options": "config.options",
    "Selection": "tasks",
    "Task": "tasks",
    "TaskContext": "tasks",
    "QueryTemplate": "logic.query",
    "Term": "types",
    "View": "data.views",
    "Watcher": "watchers",
    "load_data": "engine.trained",
    "load_method": "engine.trained",
    "load_program": "logic.program",
    "whole_batch": "distributed",
}

__all__ = [
    "Backbone",
    "Batch",
    "ConfigError",
    "Constraint",
    "DataError",
    "DatasetReader",
    "DivergenceError",
    "Evaluation",
    "Evaluator",
    "Examples",
    "GediNesyError",
    "ImageDataset",
    "ImageGrid",
    "Method",
    "MethodContext",
    "MethodOutput",
    "Options",
    "PluginError",
    "ProgramError",
    "QueryTemplate",
    "RunError",
    "Selection",
    "Task",
    "TaskContext",
    "Term",
    "UserError",
    "View",
    "Watcher",
    "hookimpl",
    "load_data",
    "load_method",
    "load_program",
    "whole_batch",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)
