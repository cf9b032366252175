"""Commands about plugins: list them, start a new one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="What is registered, by whom, and what failed to load.", invoke_without_command=True)


@app.callback()
def list_(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Import every registered object too; slow.")] = False,
) -> None:
    """List every plugin with its version or path, what it registered, and why a failed one failed."""
    if context.invoked_subcommand:
        return
    from ..errors import PluginError
    from ..plugin_manager import load_plugins

    manager = load_plugins()
    for record in manager.records:
        print(f"{record.name}  ({record.origin})")
        if record.error:
            print(f"  FAILED: {record.error}")
        for entry in manager.registry.entries():
            if entry.provider != f"{record.name}, {record.origin}":
                continue
            print(f"  {entry.kind.replace('_', ' '):<14} {entry.name}")
            if check:
                try:
                    entry.load()
                except PluginError as error:
                    print(f"  FAILED: {error}")


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the method, such as my-method.", show_default=False)],
    folder: Annotated[Path, typer.Option(help="Where to put the package.")] = Path("."),
) -> None:
    """Write a third-party package with a method, a config and a test that passes."""
    from ..errors import PluginError
    from ..plugin_manager import load_plugins
    from ..scaffold import write_package

    for entry in load_plugins().registry.entries("method"):
        if entry.name == name:
            raise PluginError(f'method "{name}" is there already, from {entry.provider}: choose another name')
    path = write_package(name, folder)
    print(
        f"{path}: a package with the method {name}. Install and test it:\n  pip install -e {path}\n  python -m pytest {path}"
    )
    print(f"Then train it:\n  gedi-nesy train {path / 'config.yaml'}")
