"""The command line: arguments in, one call out. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from .. import __version__
from ..errors import GediNesyError, UserError
from . import config, data, listing, plugins, program, reproduce, runs, sweep
from .processes import is_first_to_fail

app = typer.Typer(
    name="gedi-nesy",
    help="Neural classifiers that learn from knowledge instead of labels.",
    no_args_is_help=True,
    invoke_without_command=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
runs.add_commands(app)
reproduce.add_commands(app)
sweep.add_commands(app)
app.add_typer(listing.app, name="runs")
app.add_typer(plugins.app, name="plugins")
app.add_typer(config.app, name="config")
app.add_typer(program.app, name="program")
app.add_typer(data.app, name="data")


@app.callback()
def about(
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,
) -> None:
    """Neural classifiers that learn from knowledge instead of labels."""
    if version:
        print(__version__)
        raise typer.Exit


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the command `gedi-nesy`; always ends with SystemExit.

    Exit codes: 0, 2 for what the user can mend (a message and no traceback), 1 for the rest, 130 for Ctrl-C.
    """
    # Read by OpenMP when torch is loaded: threads that wait sleep instead of spinning. On a machine that has other work to
    # do, spinning threads slow small networks down twenty times over.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    sys.exit(_run(sys.argv[1:] if arguments is None else arguments))


def _run(arguments: list[str]) -> int:
    try:
        app(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except GediNesyError as error:
        if is_first_to_fail():
            _say(error)
        return error.exit_code
    except Exception:
        if is_first_to_fail():
            raise
        return 1
    return 0


def _say(error: GediNesyError) -> None:
    kind = "error" if isinstance(error, UserError) else type(error).__name__
    for line in str(error).splitlines():
        print(f"{kind}: {line}" if not line.startswith("plugin ") else line, file=sys.stderr)
