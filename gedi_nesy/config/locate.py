"""Find configs and programs by path, or by name among the bundled ones."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ..errors import ConfigError, Position, ProgramError, did_you_mean, nearest

_BUNDLED = {".yaml": "gedi_nesy_configs", ".pl": "gedi_nesy_programs"}


def find_config(name: str, beside: Path | None = None, where: Position | None = None) -> Path:
    """The file of a config; ConfigError that names the nearest bundled ones when there is none."""
    if found := _find(name, ".yaml", beside):
        return found
    known = bundled(".yaml")
    raise ConfigError(
        f'config "{name}" is neither a file nor a bundled name.{nearest(name, known, "gedi-nesy config list")}',
        where,
    )


def find_program(name: str, beside: Path | None = None, where: Position | None = None) -> Path:
    """The file of a ProbLog program; ProgramError that lists the bundled names when there is none."""
    if found := _find(name, ".pl", beside):
        return found
    known = bundled(".pl")
    folder = f" (looked in {beside} and the working folder)" if beside else ""
    raise ProgramError(
        f'program "{name}" is neither a file{folder} nor a bundled name.{did_you_mean(name, known)} Bundled: {", ".join(known)}',
        where,
    )


def bundled(suffix: str) -> list[str]:
    """Names of the bundled configs (".yaml") or programs (".pl"), without suffix."""
    root = _root(suffix)
    return (
        sorted(file.relative_to(root).with_suffix("").as_posix() for file in root.rglob(f"*{suffix}")) if root else []
    )


def _find(name: str, suffix: str, beside: Path | None) -> Path | None:
    for folder in filter(None, (beside, Path.cwd())):
        if (folder / name).is_file():
            return (folder / name).resolve()
    root = _root(suffix)
    candidate = root / f"{name.removesuffix(suffix)}{suffix}" if root else None
    return candidate if candidate and candidate.is_file() else None


def _root(suffix: str) -> Path | None:
    """The folder of the bundled files: configs/ or programs/ of a checkout, or where they were installed."""
    spec = importlib.util.find_spec(_BUNDLED[suffix])
    # An editable install lists a marker beside the real folder.
    places = map(Path, spec.submodule_search_locations or ()) if spec else ()
    return next((place for place in places if place.is_dir()), None)
