"""Stage 2 in a script: two iterations on slow queries that nobody wrote, new ones in each."""

from pathlib import Path

from sqlopt_agents.config import Config, IterationMetrics, Watcher
from sqlopt_agents.restem import ReSTEM
from sqlopt_agents.rule_policy import RulePolicy
from sqlopt_agents.run_folder import RunFolder
from sqlopt_curricula import Stage2

from sqlopt_env import Judge
from sqlopt_env.curriculum import different_tasks
from sqlopt_env.version import versions


class Printed(Watcher):
    def iteration_ended(self, metrics: IterationMetrics) -> None:
        print(f"iteration {metrics.iteration}: {metrics.success_rate:.0%} success, {metrics.kept} kept")


if __name__ == "__main__":
    config = Config(iterations=1, tasks=6, candidates=4, variant="accumulate")
    out, databases = Path("runs/example2"), ["content", "hr"]  # without `databases`, all five training ones
    with (
        Judge() as judge,
        RunFolder(out, {"example": 2}, versions(), resume=out.exists()) as folder,
        Stage2(seed=0, databases=databases, file=out / "stage2.jsonl") as new,
        Stage2(seed=0, databases=databases, split="validation") as apart,
    ):
        held_back = different_tasks(apart, 2)  # the same in each iteration, to choose the best one by
        run = ReSTEM(RulePolicy(), new, judge, folder, config, validation_tasks=held_back, watcher=Printed())
        result = run.run()
    print(f"{len(result.examples)} verified examples in {out / 'training_data.json'}")
