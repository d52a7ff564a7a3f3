"""MaskablePPO of sb3-contrib on SQLOptimizeRules-v0, beside ReST-EM on the same tasks: reward against judged episodes.

    pip install 'sqlopt-env[rl]' matplotlib
    python examples/ppo_rules.py [--iterations 10] [--seeds 3] [--out docs/figures/ppo.svg]

Both rewrite the 20 tasks of the seeds with the same techniques, in at most five steps, and one judge pays both with the
reward `log`. It counts SQLite's steps, so that a run can be repeated. An episode of ReST-EM is a candidate. What single
actions cost PPO is in no figure.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from math import log10
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple, Self, TypeAlias

import gymnasium as gym
import numpy as np
from rich.console import Console
from rich.table import Table
from sqlopt_agents.config import Config
from sqlopt_agents.restem import ReSTEM
from sqlopt_agents.rule_policy import RulePolicy
from sqlopt_agents.rules_view import ACTIONS, NAMES, action_name
from sqlopt_agents.run_folder import RunFolder

from sqlopt_env import Judge, load_tasks
from sqlopt_env.version import versions

try:
    import matplotlib as mpl
    import torch
    from sb3_contrib import MaskablePPO
    from stable_baselines3.common.callbacks import BaseCallback
except ImportError as error:
    raise SystemExit(f"{error.name} is missing: pip install 'sqlopt-env[rl]' matplotlib") from None

Env: TypeAlias = gym.Env[Any, Any]

CANDIDATES = 8
POINT = 20 * CANDIDATES  # episodes of a point in both curves: an E-step of ReST-EM
FALLS = [0, *(NAMES.index(f"{action_name(action)}: log cost falls") for action in range(1, ACTIONS))]


class Episode(NamedTuple):
    """What the judge paid for which rewrite of which task."""

    task: str
    rewrite: str
    reward: float


class Recorder(BaseCallback):  # type: ignore[misc] # an extra, without types for those who lack it
    """Keeps every episode, and ends the training after so many."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.episodes: list[Episode] = []

    def _on_step(self) -> bool:
        for info, done in zip(self.locals["infos"], self.locals["dones"], strict=True):
            if done:
                self.episodes.append(Episode(info["task_id"], info["script"], info["best_reward"]))
        return len(self.episodes) < self.most


def ppo(judge: Judge, seed: int, most: int) -> tuple[list[Episode], float]:
    """Every episode of a training, and the mean reward of the greedy policy in the end."""
    env = gym.make("SQLOptimizeRules-v0", judge=judge)
    model = MaskablePPO(
        "MlpPolicy",
        env,
        n_steps=512,
        batch_size=128,
        learning_rate=1e-3,
        gamma=1.0,
        ent_coef=0.01,
        policy_kwargs={"net_arch": [64, 64]},
        seed=seed,
        device="cpu",
    )
    recorder = Recorder(most)
    model.learn(10**9, callback=recorder)
    return recorder.episodes, played(
        env, lambda seen, mask: model.predict(seen, action_masks=mask, deterministic=True)[0]
    )


def by_estimate(seen: Any, mask: Any) -> Any:
    """What no learning is needed for: the action whose plan looks cheapest, or to stop where none promises 12 %."""
    falls = {action: seen[FALLS[action]] if action else log10(1.12) for action in np.flatnonzero(mask)}
    return max(falls, key=lambda action: falls[action])


def played(env: Env, choose: Callable[[Any, Any], Any]) -> float:
    """The mean reward of one episode of every task."""
    rewards: list[float] = []
    for task in load_tasks():
        observation, info = env.reset(options={"task": task.id})
        over = False
        while not over:
            observation, _, over, _, info = env.step(choose(observation, info["action_mask"]))
        rewards.append(info["best_reward"])
    return mean(rewards)


def rest_em(judge: Judge, seed: int, iterations: int) -> list[Episode]:
    """Every candidate of a run, in the order of the iterations."""
    config = Config(iterations=iterations, candidates=CANDIDATES, seed=seed)
    with tempfile.TemporaryDirectory() as out, RunFolder(Path(out) / "run", {}, versions(), resume=False) as folder:
        ReSTEM(RulePolicy(), load_tasks(), judge, folder, config).run()
        found = [folder.trajectories[key] for key in sorted(folder.trajectories)]
    return [Episode(t.task.id, t.proposal.text, t.reward) for t in found]


class Curves(NamedTuple):
    """A value for each POINT episodes."""

    rewards: list[float]  # mean
    successes: list[float]  # share of the rewrites that are at least 1.5 times as fast, their indexes charged
    rewrites: list[float]  # different ones so far

    @classmethod
    def of(cls, episodes: Sequence[Episode]) -> Self:
        parts = [episodes[start : start + POINT] for start in range(0, len(episodes) - POINT + 1, POINT)]
        return cls(
            [mean(e.reward for e in part) for part in parts],
            [mean(e.reward >= log10(1.5) for e in part) for part in parts],
            [float(len({e[:2] for e in episodes[: POINT * end]})) for end in range(1, len(parts) + 1)],
        )


def table(ours: dict[str, list[Curves]]) -> Table:
    title = "Mean reward, successes, and different rewrites so far; the mean of the runs"
    shown = Table(title=title, title_justify="left")
    columns = [f"{name}: {what}" for name in ours for what in ("reward", "success", "rewrites")]
    for column in ("episodes", *columns):
        shown.add_column(column, justify="right")
    for point in range(min(len(run.rewards) for runs in ours.values() for run in runs)):
        row = [str(POINT * (point + 1))]
        for runs in ours.values():
            row.append(f"{mean(run.rewards[point] for run in runs):.3f}")
            row.append(f"{mean(run.successes[point] for run in runs):.1%}")
            row.append(f"{mean(run.rewrites[point] for run in runs):.0f}")
        shown.add_row(*row)
    return shown


def plot(ours: dict[str, list[Curves]], estimate: float, path: Path) -> None:
    """Mean of the runs, and between the lowest and the highest a shade; dotted what the estimate alone is worth."""
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "sqlopt"
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(10, 4))
    for panel, what, label in zip(
        panels, ("rewards", "successes"), ("mean reward (log10 of the effective speedup)", "successes"), strict=True
    ):
        for (name, runs), colour in zip(ours.items(), ("tab:orange", "tab:blue"), strict=True):
            values = list(zip(*(getattr(run, what) for run in runs), strict=True))
            episodes = [POINT * (number + 1) for number in range(len(values))]
            panel.plot(episodes, [mean(of) for of in values], color=colour, label=name)
            panel.fill_between(
                episodes, [min(of) for of in values], [max(of) for of in values], color=colour, alpha=0.2
            )
        panel.set_xlabel("judged episodes")
        panel.set_ylabel(label)
        panel.set_ylim(bottom=0)
    panels[0].axhline(estimate, color="grey", linestyle=":", label="by the estimate alone")
    panels[0].legend(loc="lower right")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=10, help="of ReST-EM; PPO has as many episodes")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each")
    parser.add_argument("--out", type=Path, default=Path("docs/figures/ppo.svg"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ours: dict[str, list[Curves]] = {"MaskablePPO": [], "ReST-EM": []}
    greedy = []
    start = time.perf_counter()
    with Judge(workers=1, measure="steps", answer_repeats=True) as judge:
        estimate = played(gym.make("SQLOptimizeRules-v0", judge=judge), by_estimate)
        for seed in range(arguments.seeds):
            episodes, reward = ppo(judge, seed, POINT * (arguments.iterations + 1))
            ours["MaskablePPO"].append(Curves.of(episodes))
            ours["ReST-EM"].append(Curves.of(rest_em(judge, seed, arguments.iterations)))
            greedy.append(reward)
    console = Console(width=120)
    console.print(table(ours))
    console.print(f"MaskablePPO, greedy in the end: mean reward {', '.join(f'{reward:.3f}' for reward in greedy)}")
    console.print(f"by the estimate alone: mean reward {estimate:.3f}")
    plot(ours, estimate, arguments.out)
    console.print(f"{arguments.out}, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
