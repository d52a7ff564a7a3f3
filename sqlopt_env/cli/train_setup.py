"""What `sqlopt train` makes ready: its tasks, its folder, and what a resumed run must agree with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from sqlopt_agents.config import Config
from sqlopt_agents.validation import check_apart, hold_back
from sqlopt_curricula import Stage1

from ..databases import held_out_name
from ..databases.build import file_hash
from ..judge import Judge
from ..tasks import load_tasks
from ..trajectory import TrajectoryLog
from ..types import SqlOptError, Task
from ..version import versions
from .policy_options import decisive

_MAY_CHANGE = ("iterations", "patience", "executor")  # when a run is resumed


def tasks_and_validation(file: Path | None, validation: str | None, seed: int) -> tuple[list[Task], list[Task]]:
    """(tasks to train on, tasks held back), of the file or the seeds; `validation` is a share of them, or a file.

    Raises SqlOptError for tasks that are none, that are in both, or that are on a held-out database.
    """
    chosen, held_back = load_tasks(str(file)) if file else list(Stage1()), list[Task]()
    if validation is not None:
        try:
            share = float(validation)
        except ValueError:
            held_back = load_tasks(validation)
            check_apart(chosen, held_back)
        else:
            chosen, held_back = hold_back(chosen, share, seed)
    for task in (*chosen, *held_back):
        if name := held_out_name(task.database):
            raise SqlOptError(f"task {task.id} is on {name}, which is held out: nothing is trained on it")
    return chosen, held_back


def agreed(
    config: Config,
    tasks: Sequence[Task],
    held_back: Sequence[Task],
    judge: Judge,
    policy: str,
    options: Mapping[str, str],
    reward: str,
) -> dict[str, Any]:
    """All that decides what a run does, and must be the same when it is resumed."""
    file = Path(policy)
    return {
        **{name: value for name, value in asdict(config).items() if name not in _MAY_CHANGE},
        "policy": policy,
        "policy_options": decisive(options),
        "policy_file": file_hash(file) if policy.endswith(".json") and file.is_file() else None,
        "reward": reward,
        **{f"judge_{name}": value for name, value in asdict(judge.settings).items()},
        "tasks": _digest(tasks),
        "validation_tasks": _digest(held_back) if held_back else None,
        "databases": {t.database: file_hash(judge.database_path(t.database)) for t in (*tasks, *held_back)},
    }


def decisive_versions() -> dict[str, str]:
    """The versions that a resumed run must agree with."""
    return {name: version for name, version in versions().items() if name != "python"}


def move_aside(out: Path, console: Console) -> None:
    """Keeps the run in the folder, if there is one, beside it, and says where."""
    if not (out / "run.json").exists():
        return  # RunFolder says what is wrong with any other folder that is not empty
    out = out.resolve()
    with TrajectoryLog(out / "trajectories.jsonl"):  # refuses while another process writes there
        number = next(n for n in range(1, 10_000) if not out.with_name(f"{out.name}.{n}").exists())
        aside = out.with_name(f"{out.name}.{number}")
        out.rename(aside)
    console.print(f"The earlier run is kept in {aside}.", highlight=False)


def _digest(tasks: Sequence[Task]) -> str:
    return hashlib.sha256(json.dumps([asdict(task) for task in tasks]).encode()).hexdigest()[:16]
