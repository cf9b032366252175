"""The package that `gedi-nesy plugins new` writes, kept as templates beside this file."""

from __future__ import annotations

import importlib.util
import keyword
import re
from importlib import resources
from pathlib import Path
from string import Template

from ..errors import PluginError
from ..files import write_failed

FILES = {
    "pyproject.txt": "pyproject.toml",
    "init.txt": "src/{module}/__init__.py",
    "method.txt": "src/{module}/method.py",
    "config.txt": "config.yaml",
    "test.txt": "tests/test_{module}.py",
}


def write_package(name: str, folder: Path) -> Path:
    """Write the package into folder/name and give its path.

    Raises:
        PluginError: the name cannot be a package, or the folder is there already.
        RunError: the folder cannot be written to.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise PluginError(
            f'"{name}" is no name for a package: use small letters and digits, words joined by "-", such as my-method'
        )
    if keyword.iskeyword(name.replace("-", "_")) or keyword.iskeyword(_class_name(name)):
        raise PluginError(f'"{name}" is a word of Python: choose another name')
    if importlib.util.find_spec(name.replace("-", "_")):
        raise PluginError(f'a package "{name}" is installed already: choose another name')
    target = folder / name
    if target.exists():
        raise PluginError(f"{target} exists already: choose another name or --folder")
    module = name.replace("-", "_")
    words = {"name": name, "module": module, "class_name": _class_name(name)}
    try:
        for template, destination in FILES.items():
            path = target / destination.format(module=module)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                Template(resources.files(__name__).joinpath(template).read_text()).substitute(words), encoding="utf-8"
            )
    except OSError as error:
        raise write_failed(target, error) from None
    return target


def _class_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))
