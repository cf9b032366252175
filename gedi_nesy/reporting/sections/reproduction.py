"""What happened, where, and how to run it again."""

from __future__ import annotations

import json
from typing import Any

from ..page import Section, command_html, details_html, facts_html, list_html
from ..run_files import RunFiles
from ..text import duration


def notes(files: RunFiles) -> Section:
    """What the run has to tell about its way."""
    return Section("On the way", list_html(files.results.get("notes") or []), "What happened while the run trained.")


def training(files: RunFiles) -> Section:
    """Time, size and place of the training."""
    facts = dict(files.results.get("training") or {})
    if not facts and files.metrics:
        last, timed = files.metrics[-1], [line["seconds"] for line in files.metrics if line.get("seconds")]
        facts = {
            "seconds": timed[-1] if timed else None,
            "epochs": int(last.get("epoch") or 0),
            "steps": last["step"],
        }
    if isinstance(facts.get("seconds"), int | float):
        facts["time"] = duration(facts.pop("seconds"))
    if isinstance(facts.get("images_per_second"), float):
        facts["images_per_second"] = round(facts["images_per_second"])
    places = {key: files.environment.get(key) for key in ("device", "gpu", "threads", "platform", "started")}
    known = {key: value for key, value in ({"time": None} | places | facts).items() if value is not None}
    return Section("Training", facts_html(known))


def again(files: RunFiles) -> Section:
    """Command, versions, config and environment."""
    command = str(files.environment.get("command") or "")
    versions: dict[str, Any] = files.environment.get("versions") or {}
    facts = {"commit": files.environment.get("commit")} | versions
    environment = json.dumps(files.environment, indent=2, ensure_ascii=False) if files.environment else ""
    parts = [
        command_html(command) if command else "",
        facts_html({key: value for key, value in facts.items() if value is not None}),
        details_html("Resolved config", files.config),
        details_html("Environment", environment),
    ]
    return Section("To run it again", "\n".join(filter(None, parts)))
