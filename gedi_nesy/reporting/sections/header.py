"""The top of the page: the run in a sentence, its circumstances, what went wrong."""

from __future__ import annotations

from html import escape

from ..run_files import RunFiles
from ..text import counted, duration, show, words


def header(files: RunFiles) -> str:
    """Name, sentence, circumstances and badges."""
    return f"""<header><h1>{escape(files.name)}</h1>
<p class="lead">{escape(_sentence(files))}</p>
<p class="meta">{" · ".join(escape(part) for part in circumstances(files))}</p>
<ul class="badges" aria-label="Status">{"".join(_badges(files))}</ul></header>"""


def circumstances(files: RunFiles) -> list[str]:
    """Method, what was learnt from, seed, time and place, as far as known."""
    results, training = files.results, files.results.get("training") or {}
    constraint, seed = files.constraint, files.seed
    device = training.get("device") or files.environment.get("device")
    query, time = constraint.get("query") or "the query", duration(training.get("seconds") or 0)
    parts = (
        (results.get("method"), f"method {results.get('method')}"),
        (constraint.get("examples"), f"{counted(constraint.get('examples'), 'example')} of {query}"),
        (seed is not None, f"seed {seed}"),
        (training.get("seconds"), f"{counted(training.get('epochs'), 'epoch')} in {time}"),
        (device, f"on {device}"),
    )
    return [text for known, text in parts if known]


def _sentence(files: RunFiles) -> str:
    """The run in one sentence: the first main number with its definition, or how far the run has come."""
    for evaluator, name in files.main[:1]:
        value = files.part("numbers")[evaluator][name]
        definition = str(files.part("definitions").get(evaluator, {}).get(name, ""))
        is_share = definition.startswith("share") and isinstance(value, int | float)
        result = f"{words(name, capital=True)} {f'{value:.1%}' if is_share else show(value)}"
        return f"{result}: {definition.split(';')[0]}." if definition else f"{result}."
    if files.finished:
        return "Finished; no evaluator gave a number."
    if not files.metrics:
        return "Nothing logged yet."
    last = files.metrics[-1]
    steps, epochs = counted(last["step"], "step"), counted(int(last.get("epoch") or 0), "whole epoch")
    return f"Unfinished: {steps}, {epochs} so far, no results yet."


def _badges(files: RunFiles) -> list[str]:
    unfinished = _badge("open", "unfinished: results.json is not there yet")
    badges = [_badge("good", "finished") if files.finished else unfinished]
    if files.diagnosis is None:
        return [*badges, _badge("open", "not diagnosed yet")]
    return badges + ([_badge("bad", failure) for failure in files.failures] or [_badge("good", "no failure detected")])


def _badge(kind: str, text: str) -> str:
    sign = {"good": "✓", "bad": "✕", "open": "…"}[kind]
    return f'<li class="badge {kind}"><span aria-hidden="true">{sign}</span> {escape(str(text))}</li>'
