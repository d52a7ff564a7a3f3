"""A policy of one's own is a class with one method; here it tries one index on each column of the schema.

python examples/own_policy.py
sqlopt train --policy own_policy:OneIndex --iterations 0 --out runs/own   # with examples/ on PYTHONPATH
"""

import re
from typing import Any

import numpy as np
from sqlopt_agents.policy import Proposal

from sqlopt_env import Judge, SQLOptimizeEnv


class OneIndex:
    def propose(self, observation: dict[str, Any], n: int, rng: np.random.Generator) -> list[Proposal]:
        columns = []
        for table, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\)", observation["schema"], re.DOTALL):
            columns += [(table, line.split()[0]) for line in body.strip().splitlines()]
        picks = [columns[int(i)] for i in rng.integers(len(columns), size=n)]
        return [
            Proposal(f"CREATE INDEX i ON {t} ({c});\n{observation['query']}", (f"index({t}.{c})",)) for t, c in picks
        ]


if __name__ == "__main__":
    policy, rng = OneIndex(), np.random.default_rng(0)
    with Judge() as judge:
        env = SQLOptimizeEnv(judge=judge)
        for task in env.tasks[:5]:
            observation, _ = env.reset(options={"task": task.id})
            for proposal in policy.propose(observation, 3, rng):
                evaluation = judge.evaluate(task, proposal.text)
                print(f"{task.id}  {proposal.techniques[0]:<28} {evaluation.outcome}: {evaluation.reason}")
