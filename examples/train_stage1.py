"""ReST-EM in a script: two iterations of the rule policy on the 20 seeds."""

from pathlib import Path

from sqlopt_agents.config import Config, IterationMetrics, Watcher
from sqlopt_agents.restem import ReSTEM
from sqlopt_agents.rule_policy import RulePolicy
from sqlopt_agents.run_folder import RunFolder
from sqlopt_curricula import Stage1

from sqlopt_env import Judge
from sqlopt_env.version import versions


class Printed(Watcher):
    def iteration_ended(self, metrics: IterationMetrics) -> None:
        print(f"iteration {metrics.iteration}: {metrics.success_rate:.0%} success, {metrics.kept} kept")


if __name__ == "__main__":
    config = Config(iterations=1, candidates=4)
    out = Path("runs/example")
    stage = Stage1()
    with Judge() as judge, RunFolder(out, {"example": 1}, versions(), resume=out.exists()) as folder:
        run = ReSTEM(RulePolicy(), list(stage), judge, folder, config, watcher=Printed())
        result = run.run()
    print(f"{len(result.examples)} verified examples in {out / 'training_data.json'}")
