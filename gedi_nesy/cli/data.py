"""Commands about data sets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.progress import TaskID

    from ..data.transfer import Progress

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


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar for each file on its way, on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    tasks: dict[str, TaskID] = {}
    console = Console(stderr=True)
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:

        def advance(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name)
            bars.update(tasks[name], completed=done, total=total)

        yield advance


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A data set, as in `data list`.", show_default=False)],
    origin: Annotated[
        Path | None,
        typer.Option("--from", help="Folder with the archives, or with the unpacked files; else they are downloaded."),
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Folder of the data sets; as data.root in a config by default.")
    ] = None,
    verify: Annotated[bool, typer.Option(help="Refuse files whose checksum differs from the published one.")] = True,
) -> None:
    """Bring the files of a data set to where its reader looks; what is there is kept, what was broken off goes on."""
    from ..data.fetching import Fetcher
    from ..data.published import PublishedDataset
    from ..errors import DataError
    from ..plugin_manager import load_plugins

    kind = load_plugins().registry.find("dataset", name).load()
    if not issubclass(kind, PublishedDataset):
        raise DataError(f'"{name}" has no files to fetch: {kind.ABOUT}')
    reader = kind(kind.Options(root=None if root is None else str(root), verify=verify))
    with _progress() as progress:
        Fetcher(reader, None if origin is None else origin.expanduser().resolve(), print, progress).fetch()
    print(f"{name}: {reader.status()}")
