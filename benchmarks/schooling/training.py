"""The training of one run: ReST-EM with an arm's curriculum, in a folder of its own, taken up where it was stopped."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlopt_agents.config import Config
from sqlopt_agents.restem import ReSTEM
from sqlopt_agents.rule_policy import RulePolicy
from sqlopt_agents.run_folder import RunFolder
from sqlopt_curricula import Stage1

from sqlopt_env import Judge
from sqlopt_env.version import versions

from .arms import Budget, curriculum_of


@dataclass(frozen=True, slots=True)
class Trained:
    """A run that has ended: the policy of its last iteration, and what the run's folder says of the way there.

    `success` and `refuted` are shares of the candidates of the last E-step; `tasks` are different ones that were tried
    in all E-steps, `seeds` of them seeds; `examples` are different rewrites that were kept, confirmed by a second
    measurement; `seconds` are those of all iterations.
    """

    arm: str
    seed: int
    policy: RulePolicy
    success: float
    refuted: float
    tasks: int
    seeds: int
    examples: int
    seconds: float

    def figures(self) -> dict[str, float]:
        names = ("success", "refuted", "tasks", "seeds", "examples", "seconds")
        return {name: float(getattr(self, name)) for name in names}


def trained(arm: str, seed: int, budget: Budget, out: Path, *, measure: str, workers: int) -> Trained:
    """The run of an arm and a seed of chance; what its folder under `out` has of it is not done again.

    Raises KeyboardInterrupt where Ctrl-C ended it, and SqlOptError for a folder of another budget.
    """
    folder, config = out / f"{arm}-{seed}", budget.config(seed)
    with ExitStack() as stack:
        judge = stack.enter_context(Judge(workers=workers, measure=measure))
        agreed = {**asdict(config), "curriculum": arm, "judge": asdict(judge.settings)}
        resume = (folder / "run.json").exists()
        opened = stack.enter_context(RunFolder(folder, agreed, versions(), resume=resume))
        if not _is_finished(folder, config):
            curriculum = curriculum_of(arm, seed, budget, out / f"stage2-{seed}.jsonl", workers, stack)
            if ReSTEM(RulePolicy(), curriculum, judge, opened, config, policy_name="rules").run().interrupted:
                raise KeyboardInterrupt
        return _read(arm, seed, opened, config)


def _is_finished(folder: Path, config: Config) -> bool:
    try:
        ending = _metrics(folder)["summary"]["ending"]
    except (OSError, ValueError, KeyError, TypeError):  # none yet; all that it says can be worked out again
        return False
    return bool(ending == "finished") and _last_policy(folder, config).is_file()


def _read(arm: str, seed: int, opened: RunFolder, config: Config) -> Trained:
    metrics = _metrics(opened.path)
    last = metrics["iterations"][-1]
    tasks = {task for _, task, _, _ in opened.trajectories}
    return Trained(
        arm=arm,
        seed=seed,
        policy=RulePolicy.load(_last_policy(opened.path, config)),
        success=last["success_rate"],
        refuted=last["refuted_share"],
        tasks=len(tasks),
        seeds=len(tasks & {task.id for task in Stage1()}),
        examples=metrics["summary"]["examples"],
        seconds=sum(line["seconds"] for line in metrics["iterations"]),
    )


def _metrics(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return found


def _last_policy(folder: Path, config: Config) -> Path:
    return folder / f"checkpoint_{config.iterations}.json"
