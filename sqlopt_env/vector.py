"""SQLOptimizeVectorEnv: several environments over one pool of judges, the default of `gym.make_vec`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from .env import SQLOptimizeEnv
from .judge import Judge
from .task_choice import CurriculumTasks
from .types import SqlOptError


class SQLOptimizeVectorEnv(SyncVectorEnv):
    """`num_envs` environments whose actions are judged side by side by the workers of one judge.

    Episodes restart within the step that ends them (AutoresetMode.SAME_STEP), so that no action is wasted: the last
    observation and info of an ended episode are in `infos["final_obs"]` and `infos["final_info"]`. Text observations
    are tuples of `num_envs` texts. Takes the arguments of SQLOptimizeEnv; `workers` is by default one fewer than
    there are cores. A `curriculum` is one for all: the environments take its tasks in turn, and of two episodes that
    end in the same step, the first environment's is recorded, and its next task drawn, before the second's.
    """

    def __init__(
        self, num_envs: int = 1, *, workers: int | None = None, judge: Judge | None = None, **arguments: Any
    ) -> None:
        if not isinstance(num_envs, int) or num_envs < 1:
            raise SqlOptError(f"num_envs must be a whole number of at least 1, not {num_envs!r}")
        own = ("tasks", "curriculum", "reward", "max_turns", "render_mode")
        settings = {name: value for name, value in arguments.items() if name not in own}
        if judge is not None and settings:
            raise SqlOptError(f"{', '.join(settings)}: give settings to the judge, or leave the judge out")
        self.judge = judge or Judge(workers=workers, **settings)
        self._owns_judge = judge is None
        per_env = {name: value for name, value in arguments.items() if name in own}
        if per_env.get("curriculum") is not None:
            per_env["curriculum"] = CurriculumTasks.sharing(per_env["curriculum"])
        self._environments = [SQLOptimizeEnv(judge=self.judge, **per_env) for _ in range(num_envs)]
        super().__init__([partial(_given, env) for env in self._environments], autoreset_mode=AutoresetMode.SAME_STEP)

    def step(self, actions: Sequence[str]) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        if isinstance(actions, str) or len(actions) != self.num_envs:
            raise SqlOptError(f"actions must be a list of {self.num_envs} texts, one for each environment")
        wrong = next((action for action in actions if not isinstance(action, str)), None)
        if wrong is not None:
            raise SqlOptError(f"an action is a text, not {type(wrong).__name__}")
        texts = [str(action) for action in actions]
        pairs = [(env.task, text) for env, text in zip(self._environments, texts, strict=True)]
        for env, text, evaluation in zip(self._environments, texts, self.judge.evaluate_all(pairs), strict=True):
            env.foresee(text, evaluation)
        observations, rewards, terminations, truncations, infos = super().step(texts)
        return observations, np.copy(rewards), np.copy(terminations), np.copy(truncations), infos

    def close_extras(self, **kwargs: Any) -> None:
        super().close_extras(**kwargs)
        if self._owns_judge:
            self.judge.close()


def _given(env: SQLOptimizeEnv) -> SQLOptimizeEnv:
    return env
