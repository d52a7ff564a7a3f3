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

from ..databases.build import file_hash
from ..judge import Judge
from ..trajectory import TrajectoryLog
from ..types import Task
from ..version import versions
from .policy_options import decisive
from .train_stages import Stage

_MAY_CHANGE = ("iterations", "patience", "executor", "tasks")  # when a run is resumed


def agreed(
    config: Config,
    stage: Stage,
    tasks: Sequence[Task],
    held_back: Sequence[Task],
    judge: Judge,
    policy: str,
    options: Mapping[str, str],
    reward: str,
) -> dict[str, Any]:
    """All that decides what a run does, and must be the same when it is resumed."""
    file = Path(policy)
    written_on = stage.databases if stage.is_stream else ()
    databases = [*written_on, *(task.database for task in (*tasks, *held_back))]
    return {
        **{name: value for name, value in asdict(config).items() if name not in _MAY_CHANGE},
        "policy": policy,
        "policy_options": decisive(options),
        "policy_file": file_hash(file) if policy.endswith(".json") and file.is_file() else None,
        "reward": reward,
        **{f"judge_{name}": value for name, value in asdict(judge.settings).items()},
        "tasks": _digest(tasks),
        "validation_tasks": _digest(held_back) if held_back else None,
        **stage.agreed(),
        "databases": {name: file_hash(judge.database_path(name)) for name in dict.fromkeys(databases)},
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
