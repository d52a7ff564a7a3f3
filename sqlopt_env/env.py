"""SQLOptimizeEnv: the Gymnasium environment, a thin shell around the judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from .curriculum import Curriculum
from .judge import Judge
from .observation import Observation, feedback, observation_space, observe
from .rendering import Scene, print_scene, scene_text
from .reward import RewardFunction, is_success, reward_function
from .spaces import SQLText
from .task_choice import CurriculumTasks, ListedTasks
from .tasks import TaskSource, load_tasks
from .types import Brief, Evaluation, SqlOptError, Task


class SQLOptimizeEnv(gym.Env[Observation, str]):
    """
    ## Description
    Make a slow SQLite query faster without changing what it returns. Each episode is one task.

    ## Action space
    A text: SQL (optional CREATE INDEX statements, then one query), SQL in a Markdown fence, or the JSON object
    `{"optimized_query": ..., "explanation": ..., "optimization_type": ...}`.

    ## Observation space
    A Dict of texts, `schema`, `query`, `plan` and `feedback` (empty at first, then the judge's words on the last
    rewrite), and `features`, a float32 vector named by `observation.FEATURE_NAMES`.

    ## Reward
    `reward="log"` (see `reward.LogReward`), `"quill"`, `"r-ves"`, or any callable `Evaluation -> float`. With several
    turns the rewards of an episode add up to the reward of its best rewrite.

    ## Termination
    After `max_turns` rewrites. Episodes are never truncated.

    ## Arguments
    - `tasks`: None for the 20 seeds, "heldout", a file (JSON or JSON Lines), or a list of tasks or of
      `{"id", "database", "query"}`; a database is the name of a built-in one or the path of an SQLite file, which is
      never changed.
    - `curriculum`: in place of `tasks`, what hands them out (see `curriculum.Curriculum` and `sqlopt_curricula`). Every
      reset takes its next task, and every episode is recorded there once: with its reward, and as a success where one
      of its rewrites was (`reward.is_success`). An episode that reset breaks off is recorded if it has had a step.
    - `judge`: one to share; without it the environment makes its own from `workers` and `settings` (see
      `types.Settings`), such as `measure="steps"` or `timeout=5.0`.

    `reset(options={"task": id})` chooses a task; otherwise the seed does. A curriculum has a seed of its own: no
    `reset(seed=...)` rewinds it, and only what it has handed out can be chosen. `info` carries the evaluation, always
    under the same keys with the same types (0.0 or "" where there is nothing to say).
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "human"], "render_fps": 1}  # noqa: RUF012 - Gymnasium's way

    def __init__(
        self,
        tasks: TaskSource = None,
        *,
        curriculum: Curriculum | None = None,
        reward: str | RewardFunction = "log",
        max_turns: int = 1,
        render_mode: str | None = None,
        judge: Judge | None = None,
        workers: int = 1,
        **settings: Any,
    ) -> None:
        if type(max_turns) is not int or max_turns < 1:
            raise SqlOptError(f"max_turns must be a whole number of at least 1, not {max_turns!r}")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise SqlOptError(f"render_mode must be one of ansi, human, or None, not {render_mode!r}")
        if not isinstance(judge, Judge | None):
            raise SqlOptError(f"judge must be a Judge, not {type(judge).__name__}; without one, one is made")
        if judge is not None and settings:
            raise SqlOptError(f"{', '.join(settings)}: give settings to the judge, or leave the judge out")
        if curriculum is not None and tasks is not None:
            raise SqlOptError("give tasks or a curriculum, not both: a curriculum brings its own tasks")
        self._choice = ListedTasks(load_tasks(tasks)) if curriculum is None else CurriculumTasks.sharing(curriculum)
        self.max_turns = max_turns
        self.render_mode = render_mode
        self.observation_space = observation_space()
        self.action_space = SQLText()
        self.judge = judge or Judge(workers=workers, **settings)
        self._owns_judge = judge is None
        self._reward = reward_function(reward)
        self._brief: Brief | None = None
        self._evaluation: Evaluation | None = None
        self._foreseen: tuple[str, Evaluation] | None = None
        self._turn = 0
        self._best: float | None = None
        self._succeeded = False
        self._recorded = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        name = _chosen(options)
        asked = None if name is None else self._choice.find(name)
        super().reset(seed=seed)
        self._record()
        self._brief = self.judge.prepare(asked or self._choice.draw(self.np_random))
        self._evaluation, self._foreseen = None, None
        self._turn, self._best = 0, None
        self._succeeded = self._recorded = False
        return observe(self._brief), self._info()

    def step(self, action: str) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        brief = self._playing()
        if not isinstance(action, str):
            raise SqlOptError(f"an action is a text, not {type(action).__name__}")
        evaluation = self._judged(action)
        self._evaluation = evaluation
        self._turn += 1
        worth = self._worth(evaluation)
        best = worth if self._best is None else max(self._best, worth)
        reward = best - (self._best or 0.0)
        self._best = best
        self._succeeded = self._succeeded or is_success(evaluation)
        if self._turn >= self.max_turns:
            self._record()
        if self.render_mode == "human":
            self.render()
        return observe(brief, feedback(evaluation)), reward, self._turn >= self.max_turns, False, self._info()

    def _worth(self, evaluation: Evaluation) -> float:
        worth = self._reward(evaluation)
        if not isinstance(worth, int | float | np.number) or worth != worth:
            raise SqlOptError(f"the reward function must return a number, not {worth!r}")
        return float(worth)

    @property
    def tasks(self) -> list[Task]:
        """All tasks; of a curriculum, those that it has handed out, the last 10,000 at most."""
        return self._choice.tasks

    @property
    def curriculum(self) -> Curriculum | None:
        """The curriculum that was given: its `state()` is what a run saves."""
        return self._choice.curriculum if isinstance(self._choice, CurriculumTasks) else None

    @property
    def task(self) -> Task:
        """The task of this episode."""
        return self._playing(allow_over=True).task

    @property
    def evaluation(self) -> Evaluation | None:
        """The whole evaluation of the last action; None before the first."""
        return self._evaluation

    def foresee(self, action: str, evaluation: Evaluation) -> None:
        """Hands in the evaluation of the action that comes next; a vector environment judges all at once."""
        self._foreseen = (action, evaluation)

    def render(self) -> str | None:
        if self.render_mode is None:
            gym.logger.warn("render() does nothing without a render_mode: make the environment with 'ansi' or 'human'")
            return None
        scene = Scene(self._brief, self._evaluation, self._turn, self.max_turns, self._best)
        if self.render_mode == "ansi":
            return scene_text(scene)
        print_scene(scene)
        return None

    def close(self) -> None:
        if self._owns_judge:
            self.judge.close()

    def _record(self) -> None:
        """Tells a curriculum how the episode went, once, if there was a step."""
        if self._turn and not self._recorded:
            self._recorded = True
            self._choice.ended(self.task, success=self._succeeded, reward=self._best or 0.0)

    def _playing(self, allow_over: bool = False) -> Brief:
        if self._brief is None:
            raise SqlOptError("call reset() first: no episode has begun")
        if self._turn >= self.max_turns and not allow_over:
            raise SqlOptError("the episode is over: call reset() to begin another")
        return self._brief

    def _judged(self, action: str) -> Evaluation:
        foreseen, self._foreseen = self._foreseen, None
        if foreseen is not None and foreseen[0] == action:
            return foreseen[1]
        return self.judge.evaluate(self.task, action)

    def _info(self) -> dict[str, Any]:
        """Flat, with constant keys and types: vector environments take the first one's types for all."""
        e = self._evaluation
        low, high = (e.speedup_interval if e and e.speedup_interval else None) or (0.0, 0.0)
        return {
            "task_id": self.task.id,
            "turn": self._turn,
            "outcome": e.outcome if e else "",
            "reason": e.reason if e else "",
            "verdict": e.verdict.status if e and e.verdict else "",
            "speedup": _number(e and e.speedup),
            "speedup_low": float(low),
            "speedup_high": float(high),
            "effective_speedup": _number(e and e.effective_speedup),
            "baseline_seconds": _number(e and e.baseline_seconds),
            "baseline_is_lower_bound": bool(e and e.baseline_is_lower_bound),
            "rewrite_seconds": _number(e and e.rewrite_seconds),
            "index_seconds": _number(e and e.index_seconds),
            "index_bytes": int(e.index_bytes or 0) if e else 0,
            "plan_before": str(self._playing(allow_over=True).plan),
            "plan_after": str(e.plan_after) if e and e.plan_after else "",
            "best_reward": float(self._best or 0.0),
        }


def _chosen(options: Any) -> str | None:
    """The id of the task that a caller wants; None where the seed is to choose."""
    if not isinstance(options, Mapping | None):
        raise SqlOptError(f"options must be a dict such as {{'task': id}}, or None, not {type(options).__name__}")
    unknown = next((name for name in options or () if name != "task"), None)
    if unknown is not None:
        raise SqlOptError(f"unknown option {unknown!r}; the options of reset are: task")
    name = (options or {}).get("task")
    if isinstance(name, Task):
        raise SqlOptError(f"the option task is the id of a task: {name.id!r} in place of the Task itself")
    if not isinstance(name, str | None):
        raise SqlOptError(f"the option task must be the id of a task, not {type(name).__name__}")
    return name


def _number(value: float | Evaluation | None) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
