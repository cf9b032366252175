"""The backbone and the evaluator of docs/examples do what their pages say."""

from __future__ import annotations

import json
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def test_a_run_has_the_backbone_and_the_numbers_of_the_examples(tiny_config, cli):
    files = ", ".join(str(EXAMPLES / name) for name in ("plain_cnn.py", "regression_evaluator.py"))
    tiny_config.write_text(tiny_config.read_text().replace("plugins: [", f"plugins: [{files}, "))
    changes = ["backbone={name: plain_cnn, width: 4}", "evaluators=[{name: regression, penalty: 0.1}]"]
    code, _, err = cli("train", tiny_config, "--run-id", "r", "training.epochs=1", *changes)
    assert code == 0, err
    results = json.loads(Path("runs/tiny/r/results.json").read_text())
    assert 0 <= results["numbers"]["regression"]["regression"] <= 1 and not results.get("missing")
