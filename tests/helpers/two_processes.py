"""Two processes as torchrun starts them, without its launcher and with torch loaded once for all of them."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import distributed

# What every process would import for seconds.
LOADED = [
    "torch._dynamo",
    "gedi_nesy.cli",
    "gedi_nesy.engine.start",
    "gedi_nesy.engine.train",
    "gedi_nesy.engine.evaluate",
    "gedi_nesy.reporting.progress",
    "gedi_nesy_plugins.methods.gedi",
    "gedi_nesy_plugins.tasks.constraint",
]
PATIENCE = 120


@dataclass
class Outcome:
    """How a process ended: what the function gave (tensors), or None, and what it wrote."""

    result: Any
    exit_code: int | None
    out: str
    err: str


def both(folder: Path, function: Any, *arguments: Any, environment: dict[str, str] | None = None) -> list[Outcome]:
    """Call a function of an importable module in two processes that know of each other.

    Args:
        folder: working folder of both; what they print is kept there.
        environment: further variables.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    # As torchrun does, keep what processes tell each other here, where it outlives them.
    store = distributed.TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    shared = {
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(store.port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
    }
    started = []
    for rank in ("0", "1"):
        variables = os.environ | shared | {"RANK": rank, "LOCAL_RANK": rank} | (environment or {})
        process = context.Process(target=_child, args=(folder, rank, variables, function, arguments))
        process.start()
        started.append(process)
    return [_outcome(folder, rank, process) for rank, process in enumerate(started)]


def _outcome(folder: Path, rank: int, process: Any) -> Outcome:
    process.join(PATIENCE)
    if process.exitcode is None:
        process.kill()
    file = folder / f"result-{rank}.pt"
    result = torch.load(file) if file.exists() else None
    file.unlink(missing_ok=True)
    return Outcome(result, process.exitcode, *((folder / f"{name}-{rank}").read_text() for name in ("out", "err")))


def _child(folder: Path, rank: str, variables: dict[str, str], function: Any, arguments: Any) -> None:
    os.environ |= variables
    os.chdir(folder)
    (folder / f"pid-{rank}").write_text(str(os.getpid()))
    for name, descriptor in (("out", 1), ("err", 2)):
        os.dup2(os.open(folder / f"{name}-{rank}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    faulthandler.enable()
    try:
        torch.set_num_threads(1)
        torch.save(function(*arguments), folder / f"result-{rank}.pt")
    except SystemExit:
        raise
    except BaseException:
        traceback.print_exc()
        sys.exit(3)


def command_line(*arguments: str) -> None:
    """`gedi-nesy` with these arguments; ends with its exit code."""
    from gedi_nesy.cli import main

    main(list(arguments))


def stale_command_line(*arguments: str) -> None:
    """The same, while the second process does not see the newest checkpoint yet, as on a shared file system."""
    from gedi_nesy.engine import checkpoint

    seen = checkpoint._newest_first
    checkpoint._newest_first = (lambda folder: seen(folder)[1:]) if os.environ["RANK"] == "1" else seen
    command_line(*arguments)


def blind_command_line(*arguments: str) -> None:
    """The same, while the second process finds no checksum beside any checkpoint."""
    from gedi_nesy.engine import checkpoint

    if os.environ["RANK"] == "1":
        checkpoint._checksum = lambda path: path.with_suffix(".none")
    command_line(*arguments)
