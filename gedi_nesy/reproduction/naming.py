"""What a table that is made is called, and the command that makes it again."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..engine.run_folder import RunFolder
from .job import as_override
from .plan import Plan

RUNS = Path("runs")
LONGEST = 40  # characters of a list of rows or columns in a file's name


def tables_folder(runs: Path) -> Path:
    """Where tables go by default."""
    return runs / "tables"


def table_name(plan: Plan) -> str:
    """Table and scale, and what has been chosen or changed, so that no part of a table takes the place of the whole."""
    table = plan.recipe.table
    parts = [plan.recipe.name, plan.scale]
    parts += _chosen("rows", plan.rows, table.rows) + _chosen("columns", plan.columns, table.columns)
    if plan.seeds != plan.recipe.scale(plan.scale).seeds:
        parts.append(f"seeds-{plan.seeds}")
    if plan.device:
        parts.append(f"device-{_plain(plan.device)}")
    if plan.changes:
        parts.append(f"set-{_digest(sorted(as_override(key, value) for key, value in plan.changes))}")
    return "-".join(parts)


def command(plan: Plan, runs: Path, out: Path) -> str:
    """What is typed to make the table again."""
    table = plan.recipe.table
    words = ["gedi-nesy", "reproduce", plan.recipe.source, "--scale", plan.scale]
    if plan.seeds != plan.recipe.scale(plan.scale).seeds:
        words += ["--seeds", str(plan.seeds)]
    words += ["--rows", ",".join(plan.rows)] if len(plan.rows) < len(table.rows) else []
    words += ["--columns", ",".join(plan.columns)] if len(plan.columns) < len(table.columns) else []
    words += ["--device", plan.device] if plan.device else []
    words += [word for key, value in plan.changes for word in ("--set", as_override(key, value))]
    words += ["--runs", str(runs)] if runs != RUNS else []
    words += ["--out", str(out)] if out != tables_folder(runs) else []
    return shlex.join(words)


def report_link(run: Mapping[str, Any], folder: Path) -> str | None:
    """The way from a folder to the report of a run, as in a link; None if it has none."""
    report = RunFolder(Path(run["folder"])).report
    return quote(Path(os.path.relpath(report, folder)).as_posix()) if report.is_file() else None


def _chosen(what: str, names: tuple[str, ...], known: Iterable[str]) -> list[str]:
    """The names that are not all, or how many they are and a digest where that would be long or could be another choice."""
    known = list(known)
    if len(names) == len(known):
        return []
    text = "_".join(map(_plain, names))
    is_clear = len(set(map(_plain, known))) == len(known)
    short = text if is_clear and len(text) <= LONGEST else f"{len(names)}-{_digest(list(names))}"
    return [f"{what}-{short}"]


def _plain(text: str) -> str:
    """Letters, digits and dots; all else becomes a dash."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.") or "-"


def _digest(value: list[str]) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:6]
