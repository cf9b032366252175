"""The house rules that a test can check."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from gedi_nesy.plugin_manager import load_plugins

ROOT = Path(__file__).parent.parent.parent
CORE = sorted((ROOT / "gedi_nesy").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))


def imports(path):
    """Modules a file imports, relative ones as dots and name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def test_every_plugin_file_is_registered_by_its_folder_or_shared_there():
    referred = {str(entry.target).partition(":")[0] for entry in load_plugins().registry.entries()}
    for path in PLUGINS:
        if path.name != "__init__.py" and f"gedi_nesy_plugins.{path.parent.name}.{path.stem}" not in referred:
            users = [other for other in path.parent.glob("*.py") if f".{path.stem}" in imports(other)]
            assert len(users) > 1, path


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_core_knows_no_plugin(path):
    assert not [name for name in imports(path) if "gedi_nesy_plugins" in name]
    words = {
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    names = {
        entry.name for entry in load_plugins().registry.entries() if entry.kind in ("method", "dataset", "backbone")
    }
    assert not words & names, f"{path} names a plugin"


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_plugin_imports_another(path):
    assert not [name for name in imports(path) if "gedi_nesy_plugins" in name or name.startswith("..")]


@pytest.mark.parametrize("path", [*CORE, *PLUGINS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_and_functions_stay_readable(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 50, f"{path}:{node.lineno} {node.name}"
