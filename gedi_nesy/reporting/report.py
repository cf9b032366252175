"""report.html: everything a run folder says about its run, on one page that asks nothing of the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..files import write_atomic
from .page import Section, page
from .run_files import RunFiles, read_run, showing
from .sections import (
    calibration,
    chains,
    confusion,
    curves,
    detection,
    embedding,
    header,
    numbers,
    pictures,
    program,
    reproduction,
)

# What a page shows, in this order; a section with nothing to show is left out.
SECTIONS: tuple[Callable[[RunFiles], Section], ...] = (
    numbers.numbers,
    numbers.published,
    curves.on_the_way,
    curves.losses,
    curves.health,
    confusion.confusion,
    embedding.embedding,
    embedding.regions,
    pictures.shown,
    pictures.samples,
    chains.chains,
    calibration.calibration,
    detection.detection,
    program.constraint,
    reproduction.notes,
    reproduction.training,
    reproduction.again,
)


def write_report(folder: Path, out: Path | None = None) -> Path:
    """Write the report of a run, finished or not, from nothing but its folder's files; gives its path.

    Args:
        out: report.html in the folder by default.

    Raises:
        RunError: there is no such folder, a file in it is damaged, or the report cannot be written.
    """
    files = read_run(folder)
    with showing("the header", folder):
        top = header.header(files)
    html = page(files.name, top, [_section(build, files) for build in SECTIONS])
    path = out or folder / "report.html"
    write_atomic(path, html.encode("utf-8", "replace"))
    return path


def _section(build: Callable[[RunFiles], Section], files: RunFiles) -> Section:
    with showing(f"the section {build.__name__}", files.folder):
        return build(files)
