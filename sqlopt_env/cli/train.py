"""`sqlopt train`: ReST-EM from the command line."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlopt_agents.config import Config, IterationMetrics, Watcher
from sqlopt_agents.policy import make_policy
from sqlopt_agents.restem import ReSTEM, Result
from sqlopt_agents.run_folder import RunFolder
from sqlopt_curricula import Stage1

from ..databases import held_out_name
from ..databases.build import file_hash
from ..judge import Judge
from ..reward import reward_function
from ..tasks import load_tasks
from ..trajectory import Trajectory, TrajectoryLog
from ..types import SqlOptError, Task
from ..version import versions


def train(
    stage: Annotated[int, typer.Option(help="1: techniques on the 20 seeds.")] = 1,
    policy: Annotated[
        str, typer.Option(help="rules, a saved policy's .json file, or package.module:Class of your own.")
    ] = "rules",
    iterations: Annotated[int, typer.Option(help="M-steps; iteration 0 is the untrained policy.")] = 10,
    candidates: Annotated[int, typer.Option(help="Rewrites sampled for each task in an iteration.")] = 8,
    seed: Annotated[int, typer.Option(help="The same seed gives the same proposals.")] = 0,
    out: Annotated[Path, typer.Option(help="The run's folder.")] = Path("runs/stage1"),
    threshold: Annotated[float, typer.Option(help="Effective speedup from which a rewrite is a success.")] = 1.5,
    keep: Annotated[int, typer.Option(help="Distinct successes kept for each task in an iteration.")] = 4,
    validation: Annotated[
        float, typer.Option(help="Share of candidates kept back to choose the best iteration.")
    ] = 0.25,
    tasks: Annotated[
        Path | None, typer.Option(help="A file of tasks (JSON, JSON Lines), instead of the seeds.")
    ] = None,
    reward: Annotated[str, typer.Option(help="log, quill or r-ves.")] = "log",
    measure: Annotated[str, typer.Option(help="time, or steps of SQLite's virtual machine (repeatable).")] = "time",
    timeout: Annotated[float, typer.Option(help="Seconds that one execution may take.")] = 2.0,
    workers: Annotated[int | None, typer.Option(help="Judging processes; one fewer than cores.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew; a run in the folder is moved aside.")] = False,
) -> None:
    """Train a policy with ReST-EM and leave verified training examples behind."""
    if stage != 1:
        raise SqlOptError(f"there is no stage {stage}: stage 1 is the one that exists")
    if resume and fresh:
        raise SqlOptError("choose one of --resume and --fresh")
    config = Config(iterations, candidates, threshold, keep, validation, seed)
    stage1 = Stage1()
    chosen = load_tasks(str(tasks)) if tasks else list(stage1)
    for task in chosen:
        if name := held_out_name(task.database):
            raise SqlOptError(f"task {task.id} is on {name}, which is held out: nothing is trained on it")
    sys.path.append(os.getcwd())  # where a policy of one's own lies; last, so that it shadows nothing
    made, paid = make_policy(policy), reward_function(reward)
    console = Console(soft_wrap=True)
    with Judge(workers=workers, measure=measure, timeout=timeout) as judge:
        agreed = _agreed(config, chosen, judge, policy=policy, reward=reward)
        if fresh:
            _move_aside(out, console)
        with RunFolder(out, agreed, _decisive(versions()), resume=resume) as folder, _Progress(console) as watcher:
            run = ReSTEM(
                made,
                chosen,
                judge,
                folder,
                config,
                policy_name=policy,
                reward=paid,
                seeds=stage1.examples if tasks is None else None,
                watcher=watcher,
            )
            result = run.run()
    _report(console, out, result)
    if result.interrupted:
        raise typer.Exit(130)


def _agreed(config: Config, tasks: list[Task], judge: Judge, **names: str) -> dict[str, Any]:
    """What must be the same when a run is resumed; the number of iterations may grow."""
    values = {name: value for name, value in asdict(config).items() if name != "iterations"}
    texts = json.dumps([asdict(task) for task in tasks])
    databases = {task.database: file_hash(judge.database_path(task.database)) for task in tasks}
    return {
        **values,
        **names,
        **{f"judge_{name}": value for name, value in asdict(judge.settings).items()},
        "tasks": hashlib.sha256(texts.encode()).hexdigest()[:16],
        "databases": databases,
    }


def _decisive(all_versions: dict[str, str]) -> dict[str, str]:
    return {name: version for name, version in all_versions.items() if name != "python"}


def _move_aside(out: Path, console: Console) -> None:
    if not (out / "run.json").exists():
        return  # RunFolder says what is wrong with any other folder that is not empty
    out = out.resolve()
    with TrajectoryLog(out / "trajectories.jsonl"):  # refuses while another process writes there
        number = next(n for n in range(1, 10_000) if not out.with_name(f"{out.name}.{n}").exists())
        aside = out.with_name(f"{out.name}.{number}")
        out.rename(aside)
    console.print(f"The earlier run is kept in {aside}.", highlight=False)


class _Progress(Watcher):
    """A bar for the iteration in progress, and a line for each that has ended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._successes = self._judged = 0

    def __enter__(self) -> _Progress:
        self._bar.start()
        self._task = self._bar.add_task("iteration 0", total=None, rate="")
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def iteration_begins(self, iteration: int, candidates: int) -> None:
        self._successes = self._judged = 0
        self._bar.reset(self._task, total=candidates, description=f"iteration {iteration}", rate="")

    def candidate_judged(self, trajectory: Trajectory) -> None:
        self._judged += 1
        self._successes += trajectory.success
        self._bar.update(self._task, advance=1, rate=f"{self._successes / self._judged:.0%} success")

    def confirming(self, iteration: int) -> None:
        self._bar.update(self._task, description=f"iteration {iteration}: second measurement of what is kept")

    def iteration_ended(self, metrics: IterationMetrics) -> None:
        self._console.print(
            f"iteration {metrics.iteration:>2}: success {metrics.success_rate:6.1%}, reward"
            f" {metrics.mean_reward:6.3f}, kept {metrics.kept:3d}, {metrics.seconds:5.1f} s",
            highlight=False,
        )


def _report(console: Console, out: Path, result: Result) -> None:
    table = Table(
        title="ReST-EM: iteration, success per candidate, mean reward, median effective speedup of the successes",
        title_justify="left",
    )
    for column in ("", "success", "curve", "reward", "speedup", "refuted", "validation"):
        table.add_column(column, justify="left" if column == "curve" else "right", no_wrap=True)
    for metrics in result.metrics:
        best = " *" if metrics.iteration == result.best_iteration else ""
        table.add_row(
            f"{metrics.iteration}{best}",
            f"{metrics.success_rate:.1%}",
            "█" * round(16 * metrics.success_rate),
            f"{metrics.mean_reward:.3f}",
            "-" if metrics.median_speedup is None else f"{metrics.median_speedup:.1f}x",
            f"{metrics.refuted_share:.1%}",
            f"{metrics.validation_success_rate:.1%}",
        )
    console.print(table)
    console.print("* the iteration whose policy is saved, the best on the validation candidates", highlight=False)
    if result.interrupted:
        console.print("Interrupted: what was done is kept; go on with --resume.", highlight=False)
    for what, name in (
        (f"{len(result.examples)} verified training examples", "training_data.json"),
        ("every candidate with its evaluation", "trajectories.jsonl"),
        ("the curve", "metrics.json"),
        ("the policy", "policy.json"),
    ):
        if (out / name).exists():
            console.print(f"{what}: {out / name}", highlight=False)
