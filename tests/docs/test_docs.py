"""What the pages in docs/ say is run."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
import torch

DOCS = Path(__file__).parents[2] / "docs"
COMMANDS = [
    pytest.param(match[1], id=f"{page.relative_to(DOCS)}:{page.read_text()[: match.start()].count(chr(10)) + 1}")
    for page in sorted(DOCS.rglob("*.md"))
    for match in re.finditer(r"^```sh\n(.*?)^```", page.read_text(), re.M | re.S)
]


@pytest.mark.parametrize("block", COMMANDS)
def test_every_command_exists(block, check_commands):
    check_commands(block)


def test_python_blocks_of_a_page_run_one_after_the_other():
    """No other page has such blocks: files with a title are run by the tests of the tutorials."""
    blocks = {
        page.name: re.findall(r"```python\n(.*?)```", page.read_text(), re.S) for page in sorted(DOCS.glob("*.md"))
    }
    assert [name for name, found in blocks.items() if found] == ["constraint_in_your_loop.md"]
    names = {}
    for block in blocks["constraint_in_your_loop.md"]:
        exec(compile(block, "block", "exec"), names)
    torch.testing.assert_close(names["by_answer"].exp().sum(1), torch.ones(32))
    assert (names["found"].classes["mnist_net"].sum(1) == 7).all()


@pytest.mark.parametrize("name", ["constraint_in_pytorch", "constraint_in_lightning"])
@pytest.mark.filterwarnings("ignore")
def test_examples_learn_digits_from_knowledge(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.main(epochs=8) > 0.7  # 0.1 by chance
