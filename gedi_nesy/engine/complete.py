"""A run from where it stands to its results."""

from __future__ import annotations

from typing import Any

from ..distributed import alone, is_main, join_parts, wait_for_main
from .evaluate import evaluate
from .run import Run
from .state import working
from .train import Display, train


def complete(run: Run, display: Display) -> dict[str, Any] | None:
    """Train to the last epoch, evaluate, and give the results; the run's folder says meanwhile what it is doing.

    Of several processes the main one evaluates, with the chains of all; the others get None when it is done.
    """
    if not is_main():
        train(run, display)
        join_parts(run.method)
        wait_for_main()
        return None
    try:
        with working(run.folder):
            train(run, display)
            join_parts(run.method)
            with alone():
                return evaluate(run)
    except BaseException as error:
        run.plugins.hook.run_failed(run=run, error=error)
        raise
