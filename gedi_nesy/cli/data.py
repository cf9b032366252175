"""Commands about data sets."""

from __future__ import annotations

import typer

app = typer.Typer(help="Data sets and where they are.", no_args_is_help=True)


@app.command("list")
def list_() -> None:
    """Every data set a config can name, whether it is here, and how to get it."""
    from ..errors import UserError
    from ..plugin_manager import load_plugins

    for entry in load_plugins().registry.entries("dataset"):
        try:
            reader = entry.load()
            print(f"{entry.name:<14} {reader.ABOUT}  [{entry.provider}]")
            if needed := [name for name, field in reader.Options.model_fields.items() if field.is_required()]:
                print(f"{'':<14} needs in the config: data.{', data.'.join(needed)}")
            else:
                print(f"{'':<14} {reader(reader.Options()).status()}")
        except UserError as error:
            print(f"{entry.name:<14} {error}")
