"""What README and the examples show runs as shown."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlopt_agents.rules import RULES

from sqlopt_env.databases import default_path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def run(*arguments: str, cwd: Path) -> str:
    finished = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=cwd, timeout=300)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_the_ten_lines_run_as_shown() -> None:
    assert len(BLOCKS[0].strip().splitlines()) <= 11
    assert re.search(r"reward [12]\.\d\d: improved, \d+\.\d times as fast", run("-c", BLOCKS[0], cwd=ROOT))


def test_an_own_query_on_an_own_database_runs_as_shown() -> None:
    assert run("-c", BLOCKS[1], cwd=ROOT).startswith("improved the same rows")
    path = str(default_path("shop"))
    assert run("-c", BLOCKS[1].replace("shop", path), cwd=ROOT).startswith("improved the same rows")


def test_the_policy_of_ones_own_trains_as_shown(tmp_path: Path) -> None:
    (tmp_path / "my_module.py").write_text(BLOCKS[2], encoding="utf-8")
    sqlopt = str(Path(sys.executable).with_name("sqlopt"))
    arguments = "train", "--policy", "my_module:IndexOnCity", "--iterations", "0", "--candidates", "1"
    assert "iteration  0: success" in run(sqlopt, *arguments, cwd=tmp_path)


@pytest.mark.parametrize("name", ["gym_loop.py", "own_policy.py"])
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    assert "improved" in run(str(ROOT / "examples" / name), cwd=tmp_path)


@pytest.mark.parametrize("name", ["train_stage1.py", "train_stage2.py"])
def test_a_training_script_runs_twice(name: str, tmp_path: Path) -> None:
    for _ in range(2):
        assert "verified examples" in run(str(ROOT / "examples" / name), cwd=tmp_path)


def test_the_files_that_readme_names_exist() -> None:
    for name in re.findall(r"`((?:[a-z_]+/)+[a-z_0-9.]*)`|\((docs/[a-z.]+)\)", README):
        path = next(filter(None, name))
        assert (ROOT / path).exists() or path.startswith("runs/"), path


def test_the_number_of_techniques_is_true() -> None:
    assert f"{len(RULES)} rewrite techniques" in README
