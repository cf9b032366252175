"""Commands about configs: check, schema."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(help="Check and list configs; print their schema.", no_args_is_help=True)


@app.command()
def check(
    file: Annotated[str, typer.Argument(help="A config file or bundled name.", show_default=False)],
    overrides: Annotated[list[str] | None, typer.Argument(help="key.sub=value ...", show_default=False)] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the resolved config.")] = False,
) -> None:
    """Check a config completely, its data and program included, without training."""
    from ..config.loader import load_tree, locating
    from ..config.validate import validate
    from ..config.writing import to_yaml
    from ..engine.build import build_run
    from ..engine.run_folder import RunFolder, resolved
    from ..engine.start_weights import start_weights
    from ..plugin_manager import load_plugins

    plugins = load_plugins()
    tree = load_tree(file, overrides or [])
    checked = validate(tree, plugins)
    folder = RunFolder(tree.file.parent)
    with locating(tree):
        run = build_run(checked, plugins, folder, start_weights(checked, folder))
    if show:
        print(to_yaml(resolved(checked)), end="")
    parameters = sum(parameter.numel() for parameter in run.method.parameters())
    print(
        f"{tree.file}: ok. {parameters} parameters, {run.num_steps} steps, {len(run.task.train_pixels)} training images"
    )


@app.command("list")
def list_() -> None:
    """List the bundled configs by the names that commands take."""
    from ..config.locate import bundled

    print("\n".join(bundled(".yaml")))


@app.command()
def schema() -> None:
    """Print the JSON Schema of configs, options of every installed plugin included, for editors that complete and check."""
    import json

    from ..config.json_schema import json_schema
    from ..plugin_manager import load_plugins

    print(json.dumps(json_schema(load_plugins().registry), indent=2))
