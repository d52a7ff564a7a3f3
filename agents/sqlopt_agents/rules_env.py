"""SQLOptimizeRules-v0: the rewrite techniques as a discrete action space, for algorithms that want numbers.

A thin shell: `rules_view` says in numbers what may be done, SQLOptimizeEnv judges what has come of it.
"""

from __future__ import annotations

import operator
from typing import Any, SupportsIndex, TypeAlias

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sqlopt_env.curriculum import Curriculum
from sqlopt_env.env import SQLOptimizeEnv
from sqlopt_env.judge import Judge
from sqlopt_env.reward import RewardFunction
from sqlopt_env.tasks import TaskSource
from sqlopt_env.types import Evaluation, SqlOptError, Task

from .drafting import Board, Option, board_for
from .rules_view import ACTIONS, STOP, Moment, Vector, numbers_space

Mask: TypeAlias = NDArray[np.int8]


class SQLOptimizeRulesEnv(gym.Env[Vector, np.int64]):
    """
    ## Description
    Make a slow SQLite query faster, one rewrite technique after the other, without changing what it returns. An
    episode is one task; the judge looks at what has become of the query when the episode ends.

    ## Action space
    `Discrete(1 + len(RULES) * SLOTS)`: 0 stops, and each technique of `sqlopt_agents.rules.RULES` has SLOTS actions,
    one for each place where it may be applied, the one whose plan then looks cheapest first. Places beyond SLOTS
    cannot be chosen. `rules_view.action_name(action)` says what an action does. `action_masks()`, and
    `info["action_mask"]`, say what is possible now: stopping always is.

    An action that the mask rules out does nothing, costs `mistake_cost` at once, and counts as a step. A number that is
    no action at all is a SqlOptError.

    ## Observation space
    A float32 Box whose positions are named by `rules_view.NAMES`: the task's features, the plan and the estimated cost
    of the query as it is now, what was done, and for each action whether it is possible, by how much the logarithm of
    the estimated cost would fall, and whether the plan would change.

    ## Reward
    0 until the end. Then the reward of the judged rewrite (`reward`, as for SQLOptimizeEnv), less `action_cost` for
    each technique applied. With `shaping` above 0, every step also earns discount * potential(after) -
    potential(before), where the potential is `shaping` for each decade by which the estimated cost has fallen, and 0 at
    the end. That changes no optimal policy (Ng, Harada and Russell 1999), if `discount` is the learner's own.

    ## Termination
    With action 0, or after `max_steps` actions. Episodes are never truncated.

    ## Arguments
    `tasks`, `curriculum`, `judge`, `workers` and the settings are those of SQLOptimizeEnv. A curriculum is told of
    an episode when its rewrite has been judged, with that rewrite's reward alone: one that is broken off before is
    not. `measure="steps"` makes training repeatable, `answer_repeats=True` judges equal rewrites once.
    `reset(options={"task": id})` chooses a task. `info` has the keys of SQLOptimizeEnv, where `turn` counts the
    steps, `script`, the rewrite as it stands, `techniques`, the names of those applied, and `action_mask`.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "human"], "render_fps": 1}  # noqa: RUF012 - Gymnasium's way

    def __init__(
        self,
        tasks: TaskSource = None,
        *,
        curriculum: Curriculum | None = None,
        reward: str | RewardFunction = "log",
        max_steps: int = 5,
        action_cost: float = 0.01,
        mistake_cost: float = 0.1,
        shaping: float = 0.0,
        discount: float = 1.0,
        render_mode: str | None = None,
        judge: Judge | None = None,
        workers: int = 1,
        **settings: Any,
    ) -> None:
        if type(max_steps) is not int or not 1 <= max_steps <= 100:
            raise SqlOptError(f"max_steps must be a whole number from 1 to 100, not {max_steps!r}")
        costs = {"action_cost": action_cost, "mistake_cost": mistake_cost, "shaping": shaping, "discount": discount}
        for name, value in costs.items():
            if type(value) not in (int, float) or not 0 <= value <= 1:
                raise SqlOptError(f"{name} must be a number from 0 to 1, not {value!r}")
        if "max_turns" in settings:
            raise SqlOptError("an episode has one rewrite here, of several steps: give max_steps in place of max_turns")
        self._text_env = SQLOptimizeEnv(
            tasks, curriculum=curriculum, reward=reward, render_mode=render_mode, judge=judge, workers=workers,
            **settings,
        )  # fmt: skip
        self._text_env.render_mode = render_mode and "ansi"  # it is this environment that shows things
        self.judge = self._text_env.judge
        self.render_mode = render_mode
        self.max_steps = max_steps
        self.action_cost, self.mistake_cost = action_cost, mistake_cost
        self.shaping, self.discount = shaping, discount
        self.action_space = spaces.Discrete(ACTIONS)
        self.observation_space = numbers_space()
        self._board: Board | None = None
        self._moment: Moment | None = None
        self._choices: dict[int, Option] = {}
        self._judged: dict[str, Any] = {}  # the judge's part of info

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Vector, dict[str, Any]]:
        super().reset(seed=seed)
        observation, self._judged = self._text_env.reset(seed=seed, options=options)
        self._board = board_for(observation["schema"])
        observed = self._see(self._board, Moment.first(self._board, observation))
        return observed, self._info()

    def step(self, action: SupportsIndex) -> tuple[Vector, float, bool, bool, dict[str, Any]]:
        chosen = _number(action)
        board, before = self._playing()
        option = self._choices.get(chosen)
        after = before.after(option, stops=chosen == STOP, max_steps=self.max_steps)
        reward = self.discount * self._potential(after) - self._potential(before)
        if option is None and chosen != STOP:
            reward -= self.mistake_cost
        if after.over:
            _, worth, _, _, self._judged = self._text_env.step(after.script)
            reward += worth - self.action_cost * len(after.taken)
        observed = self._see(board, after)
        if self.render_mode == "human":
            self.render()
        return observed, float(reward), after.over, False, self._info()

    def action_masks(self) -> Mask:
        """1 for each action that is possible now, else 0; fresh at every call. The name is sb3-contrib's."""
        self._playing(allow_over=True)
        mask = np.zeros(ACTIONS, dtype=np.int8)
        mask[[STOP, *self._choices]] = 1
        return mask

    @property
    def tasks(self) -> list[Task]:
        """All tasks; of a curriculum, those that it has handed out."""
        return self._text_env.tasks

    @property
    def curriculum(self) -> Curriculum | None:
        """The curriculum that was given."""
        return self._text_env.curriculum

    @property
    def task(self) -> Task:
        """The task of this episode."""
        return self._text_env.task

    @property
    def evaluation(self) -> Evaluation | None:
        """The evaluation of an episode that has ended; None before."""
        return self._text_env.evaluation

    def render(self) -> str | None:
        text = self._text_env.render()
        if text is None:
            return None
        if self._moment is not None:
            lines = [f"{number}. {option.name}" for number, option in enumerate(self._moment.taken, 1)]
            if lines and not self._moment.over:
                lines.append(f"so far:\n{self._moment.script}")
            text = "\n".join([text, *lines, ""])
        if self.render_mode == "ansi":
            return text
        print(text)
        return None

    def close(self) -> None:
        self._text_env.close()

    def _playing(self, allow_over: bool = False) -> tuple[Board, Moment]:
        if self._board is None or self._moment is None:
            raise SqlOptError("call reset() first: no episode has begun")
        if self._moment.over and not allow_over:
            raise SqlOptError("the episode is over: call reset() to begin another")
        return self._board, self._moment

    def _see(self, board: Board, moment: Moment) -> Vector:
        """Makes it the present moment, and looks ahead."""
        self._moment, self._choices = moment, moment.choices(board)
        return moment.numbers(self._choices, self.max_steps)

    def _potential(self, moment: Moment) -> float:
        return 0.0 if moment.over else self.shaping * moment.gained

    def _info(self) -> dict[str, Any]:
        """Constant keys and types, and fresh arrays: vector environments take the first one's types for all."""
        _, moment = self._playing(allow_over=True)
        return {
            **self._judged,
            "turn": moment.steps,
            "script": moment.script,
            "techniques": "; ".join(option.name for option in moment.taken),
            "action_mask": self.action_masks(),
        }


def _number(action: SupportsIndex) -> int:
    try:
        number = operator.index(action)  # an int, one of numpy's, or an array of one without a dimension
    except TypeError:
        raise SqlOptError(f"an action is a whole number, not {type(action).__name__}") from None
    if not 0 <= number < ACTIONS:
        raise SqlOptError(f"an action is a number from 0 to {ACTIONS - 1}, not {number}")
    return number
