"""What docs/curricula.md shows runs as shown."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "curricula.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
WITH_EXTRAS = ("datasets",)


@pytest.mark.parametrize(
    ("first_words", "printed"),
    [("from sqlopt_curricula import Sequential", r"shop-\d\d\n"), ("import gymnasium", r"(shop-\d\d equivalent\n){3}")],
)
def test_a_block_runs_as_shown(first_words: str, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = (block for block in BLOCKS if block.startswith(first_words))
    exec(compile(block, "docs/curricula.md", "exec"), {})
    assert re.fullmatch(printed, capsys.readouterr().out)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_what_a_block_imports_exists(block: str) -> None:
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.ImportFrom) and node.module not in WITH_EXTRAS:
            module = importlib.import_module(str(node.module))
            assert all(hasattr(module, alias.name) for alias in node.names), node.module
