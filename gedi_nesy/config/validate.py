"""From a tree to a frozen RunConfig: the core's keys, then each plugin's options by the plugin's own model."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..errors import ConfigError, PluginError, UserError, did_you_mean
from ..plugin_manager import PluginManager
from ..registry import Kind
from ..reporting.published import load_published, require
from .loader import Path, Tree
from .options import Options
from .schema import Component, RunConfig

SECTIONS: dict[str, Kind] = {"data": "dataset", "backbone": "backbone", "method": "method", "task": "task"}
LISTS: dict[str, Kind] = {"views": "view", "small_views": "view", "evaluators": "evaluator", "watchers": "watcher"}

Model = TypeVar("Model", bound=BaseModel)


class _Checked(RunConfig):
    """RunConfig whose components are already validated, so that only the core's keys are checked here."""

    data: Any
    backbone: Any
    method: Any
    task: Any
    views: Any = ()
    small_views: Any = ()
    evaluators: Any = ()
    watchers: Any = ()


def validate(tree: Tree, plugins: PluginManager) -> RunConfig:
    """The config of a tree; ConfigError with every fault at once.

    Loads the plugin files that the config names into `plugins` first, since options belong to plugins.
    """
    load_plugin_files(tree, plugins)
    faults: list[UserError] = []
    tree.data.setdefault("name", re.sub(r"[^A-Za-z0-9_-]+", "-", tree.file.stem).strip("-") or "run")
    parts: dict[str, Any] = {
        key: _component(tree, (key,), kind, plugins, faults) for key, kind in SECTIONS.items() if key in tree.data
    }
    parts |= {key: _components(tree, (key,), kind, plugins, faults) for key, kind in LISTS.items() if key in tree.data}
    plain = {key: None if key in parts else value for key, value in tree.data.items()}
    core = check_model(_Checked, plain, tree, (), faults)
    if core is not None:
        _check_views(tree, core, parts, faults)
        _check_terms(tree, core, parts, plugins, faults)
        _check_evaluate_with(tree, core, parts, faults)
        _check_compare(tree, core, faults)
    if faults or core is None:
        raise ConfigError(sorted(faults, key=lambda fault: _order(tree, fault)))
    fields = {key: getattr(core, key) for key in RunConfig.model_fields}
    fields |= parts
    method = plugins.registry.find("method", fields["method"].name).load()
    fields["weights"] = method.default_weights(core.weights) | core.weights
    return RunConfig.model_construct(**fields)


def load_plugin_files(tree: Tree, plugins: PluginManager) -> None:
    """Load the files under `plugins:`; faults of that key itself are left to validation."""
    files = tree.data.get("plugins") or []
    for index, name in enumerate(files if isinstance(files, list) else []):
        if isinstance(name, str):
            path = tree.folder(("plugins", index)) / name
            plugins.load_file(path.resolve(), tree.position(("plugins", index)))


def check_model(
    model: type[Model], data: dict[str, Any], tree: Tree, path: Path, faults: list[UserError]
) -> Model | None:
    """Validate plain data; append a fault with its position for each thing that is wrong."""
    context = {"folder": lambda field: tree.folder((*path, field) if field else path)}
    try:
        # JSON is the strict mode that still takes a YAML list where a tuple is meant.
        return model.model_validate_json(json.dumps(data), context=context)
    except ValidationError as error:
        faults += [_fault(tree, path, item, model) for item in error.errors(include_url=False)]
    return None


def _component(tree: Tree, path: Path, kind: Kind, plugins: PluginManager, faults: list[UserError]) -> Component | None:
    """The plugin that a section names, with its options checked; None when a fault was noted."""
    data = _at(tree, path)
    if isinstance(data, str):
        data = {"name": data}
    if not isinstance(data, dict) or not isinstance(data.get("name"), str):
        faults.append(
            ConfigError(
                f'"{_dotted(path)}" is a mapping with the name of a {kind}, for example {{name: ...}}',
                tree.position(path),
            )
        )
        return None
    try:
        options_model: type[Options] = (
            plugins.registry.find(kind, data["name"], tree.position((*path, "name"))).load().Options
        )
    except PluginError as error:
        extra = f"\n{plugins.failures()}" if error.position and plugins.failures() else ""
        faults.append(PluginError(error.message + extra, error.position or tree.position(path)))
        return None
    options = check_model(
        options_model, {key: value for key, value in data.items() if key != "name"}, tree, path, faults
    )
    return Component.model_construct(name=data["name"], options=options) if options is not None else None


def _components(tree: Tree, path: Path, kind: Kind, plugins: PluginManager, faults: list[UserError]) -> tuple[Any, ...]:
    """The plugins of a list; for `views` also of a list of lists."""
    items = _at(tree, path)
    if not isinstance(items, list):
        faults.append(
            ConfigError(f"{_dotted(path)} is {json.dumps(items, default=str)}: must be a list.", tree.position(path))
        )
        return ()
    places = [(*path, index) for index in range(len(items))]
    if path == ("views",) and any(isinstance(item, list) for item in items):
        return tuple(_components(tree, place, kind, plugins, faults) for place in places)
    parts = [part for place in places if (part := _component(tree, place, kind, plugins, faults)) is not None]
    names = [part.name for part in parts]
    if kind in ("evaluator", "watcher") and (twice := {name for name in names if names.count(name) > 1}):
        faults.append(ConfigError(f"{_dotted(path)} names {', '.join(twice)} twice", tree.position(path)))
    return tuple(parts)


def _check_views(tree: Tree, core: RunConfig, parts: dict[str, Any], faults: list[UserError]) -> None:
    """Lists of transformations and numbers of views belong together."""
    lists = [part for part in parts.get("views", ()) if isinstance(part, tuple)]
    if lists and len(lists) != core.num_views:
        message = f"views has {len(lists)} lists, one for each view, and num_views is {core.num_views}: set it to {len(lists)}"
        faults.append(ConfigError(message, tree.position(("views",))))
    if core.num_small_views and not parts.get("small_views"):
        message = (
            f"num_small_views is {core.num_small_views} and small_views is empty: it says how a small view is made"
        )
        faults.append(ConfigError(message, tree.position(("num_small_views",))))
    if parts.get("small_views") and not core.num_small_views:
        message = "small_views is there and num_small_views is 0: set it to the number of small views of each image"
        faults.append(ConfigError(message, tree.position(("small_views",))))


def _check_terms(
    tree: Tree, core: RunConfig, parts: dict[str, Any], plugins: PluginManager, faults: list[UserError]
) -> None:
    """Every term that the core's keys name is one that the method or the task has."""
    method, task = parts.get("method"), parts.get("task")
    if method is None or task is None:
        return
    owners = {f'method "{method.name}"': ("method", method.name), f'task "{task.name}"': ("task", task.name)}
    terms = {text: list(plugins.registry.find(kind, name).load().TERMS) for text, (kind, name) in owners.items()}  # type: ignore[arg-type]
    known = [term for names in terms.values() for term in names]
    sections = {"weights": core.weights, "starts": core.starts, "ends": core.ends}
    for section, term in [(section, term) for section, named in sections.items() for term in named]:
        if term not in known:
            offers = "; ".join(f"{owner} has {', '.join(names) or 'none'}" for owner, names in terms.items())
            message = f"{section}.{term} is no loss term of this run.{did_you_mean(term, known)} Terms: {offers}."
            faults.append(ConfigError(message, tree.position((section, term))))
    restart, own = core.training.restart, terms[f'task "{task.name}"']
    if restart and restart.term not in own:
        message = f'training.restart.term is "{restart.term}": must be a term of the task, {", ".join(own) or "and it has none"}.'
        faults.append(ConfigError(message, tree.position(("training", "restart", "term"))))
    elif restart and not core.weights.get(restart.term):
        message = f"training.restart decides by {restart.term}, and its weight is 0: set training.restart to null"
        faults.append(ConfigError(message, tree.position(("training", "restart"))))
    if not any(core.weights.values()):
        faults.append(ConfigError("every weight is 0: there is nothing to train", tree.position(("weights",))))
    elif all(core.starts.get(term, 0) > 0 for term, weight in core.weights.items() if weight):
        faults.append(
            ConfigError("every term starts later: there is nothing to train at first", tree.position(("starts",)))
        )
    faults += [ConfigError(text, tree.position(("ends", term))) for term, text in _unsound_ends(core).items()]


def _unsound_ends(core: RunConfig) -> dict[str, str]:
    """What is wrong with the end of a term: it comes before the start, or leaves nothing to train."""
    weighted = [term for term, weight in core.weights.items() if weight]
    found = {
        term: f"ends.{term} is {end:g}: the term starts at {core.starts.get(term, 0.0):g}, let it end later"
        for term, end in core.ends.items()
        if end <= core.starts.get(term, 0.0)
    }
    for term, end in core.ends.items():
        is_left = any(core.starts.get(name, 0.0) <= end < core.ends.get(name, 2.0) for name in weighted)
        if term in weighted and end < 1 and not is_left:
            found.setdefault(term, f"ends.{term} is {end:g}: no other term is on then, so there is nothing to train")
    return found


def _check_evaluate_with(tree: Tree, core: RunConfig, parts: dict[str, Any], faults: list[UserError]) -> None:
    """Evaluators that look on the way are among those of the config."""
    known = [part.name for part in parts.get("evaluators", ())]
    for index, name in enumerate(core.training.evaluate_with):
        if name not in known:
            message = (
                f'training.evaluate_with names "{name}", which is not among the evaluators of this config.{did_you_mean(name, known)} '
                f"It has: {', '.join(known) or 'none'}."
            )
            faults.append(ConfigError(message, tree.position(("training", "evaluate_with", index))))


def _check_compare(tree: Tree, core: RunConfig, faults: list[UserError]) -> None:
    """The published cell to stand beside exists, and its metrics."""
    if core.compare is None:
        return
    try:
        table = load_published(core.compare.table)
        table.place(core.compare.row, core.compare.column)
        for metric in core.compare.numbers:
            require(metric, table.metrics, f'a metric of published table "{table.name}"')
    except UserError as error:
        faults.append(ConfigError(error.message, tree.position(("compare",))))


def _fault(tree: Tree, path: Path, item: Any, model: type[BaseModel]) -> UserError:
    """One pydantic error in our words: key, value, what is allowed, where."""
    inner = tuple(part for part in item["loc"] if part not in ("float", "int", "constrained-float", "constrained-int"))
    full = (*path, *inner)
    key, where = _dotted(full), tree.position(full)
    owner = f'{_dotted(path)} "{_name(tree, path)}"' if path else _kind_of_file(model, tree)
    if item["type"] == "missing":
        return ConfigError(f"{key} is missing: {owner} needs it.", where)
    if item["type"] == "extra_forbidden":
        known = ", ".join(_known_at(model, inner[:-1])) or "none"
        return ConfigError(f"{key} is not an option of {owner}.{_hint(model, path, inner)} Known: {known}.", where)
    if item["type"] in ("list_type", "tuple_type", "model_type", "dict_type"):
        wanted = "a list" if item["type"] in ("list_type", "tuple_type") else _section(_known_at(model, inner))
        return ConfigError(f"{key} is {json.dumps(item['input'], default=str)}: must be {wanted}.", where)
    message = item["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return ConfigError(
        f"{key} is {json.dumps(item['input'], default=str)}: {'must be ' if item['msg'].startswith('Input should be ') else ''}{message}.",
        where,
    )


def _hint(model: type[BaseModel], path: Path, inner: Path) -> str:
    """The same key in a section below, where there is one, else one that is written alike."""
    *above, word = inner
    options = _known_at(model, tuple(above))
    for section in options:
        if word in _known_at(model, (*above, section)):
            return f' Did you mean "{_dotted((*path, *above, section, word))}"?'
    return did_you_mean(str(word), options)


def _section(keys: list[str]) -> str:
    return f"a section with the keys {', '.join(keys)}" if keys else "a mapping of keys to values"


def _kind_of_file(model: type[BaseModel], tree: Tree) -> str:
    return "a config" if issubclass(model, RunConfig) else tree.file.name


def _known_at(model: type[BaseModel], path: Path) -> list[str]:
    """Field names of the model nested at a path."""
    for part in path:
        field = model.model_fields.get(str(part))
        if field is None:
            continue  # a place in a list, or a key of a mapping, of the model's kind
        nested = next((kind for kind in _kinds(field.annotation) if issubclass(kind, BaseModel)), None)
        if nested is None:
            return []
        model = nested
    return list(model.model_fields)


def _kinds(annotation: Any) -> Iterator[type]:
    """The classes in an annotation, at any depth."""
    inside = getattr(annotation, "__args__", ())
    if isinstance(annotation, type) and not inside:
        yield annotation
    for item in inside:
        yield from _kinds(item)


def _at(tree: Tree, path: Path) -> Any:
    data: Any = tree.data
    for part in path:
        data = data[part]
    return data


def _name(tree: Tree, path: Path) -> Any:
    data = _at(tree, path)
    return data.get("name") if isinstance(data, dict) else data


def _dotted(path: Path) -> str:
    return ".".join(str(part) for part in path)


def _order(tree: Tree, fault: UserError) -> tuple[bool, int, int]:
    where = fault.position
    return (
        where is None or FilePath(where.file) != tree.file,
        where.line if where else 0,
        where.column if where else 0,
    )
