"""What `sqlopt train` shows: a bar while an iteration is in progress, a line when it has ended, a table in the end."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlopt_agents.config import Watcher
from sqlopt_agents.curve import IterationMetrics
from sqlopt_agents.restem import Result

from ..trajectory import Trajectory

INTERRUPTED = "Interrupted: what was done is kept; go on with --resume."
_FILES = (
    ("the kept answers as training examples", "training_data.json"),
    ("every candidate with its evaluation", "trajectories.jsonl"),
    ("the curve", "metrics.json"),
    ("the policy", "policy.json"),
)


class TrainProgress(Watcher):
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

    def __enter__(self) -> TrainProgress:
        self._bar.start()
        self._task = self._bar.add_task("iteration 0", total=None, rate="")
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def choosing(self, iteration: int) -> None:
        self._bar.update(self._task, description=f"iteration {iteration}: tasks are chosen, new queries written")

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
        self._bar.update(self._task, description=f"iteration {metrics.iteration}: the policy is fitted")


def report(console: Console, out: Path, result: Result, patience: int | None) -> None:
    """The curve as a table, why the run ended where that was not its last iteration, and where its files are."""
    if result.metrics:
        console.print(_table(result))
        console.print("* the iteration whose policy is saved, the best by its validation rate", highlight=False)
    if result.ending == "stalled":
        console.print(f"Ended early: no better validation rate for {patience} iterations.", highlight=False)
    if result.ending == "interrupted":
        console.print(INTERRUPTED, highlight=False)
    console.print(f"{len(result.examples)} verified training examples", highlight=False)
    for what, name in _FILES:
        if (out / name).exists():
            console.print(f"{what}: {out / name}", highlight=False)


def _table(result: Result) -> Table:
    with_unsound = any(metrics.unsound_share is not None for metrics in result.metrics)
    table = Table(
        title="ReST-EM by iteration: success per candidate, its 95 % interval; mean reward;\n"
        "median effective speedup of the successes; refuted candidates; techniques in an\n"
        "answer; success in validation",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    columns = ["", "success", "95 %", "curve", "reward", "speedup", "refuted", "steps", "valid"]
    for column in columns + ["unsound"] * with_unsound:
        table.add_column(column, justify="left" if column == "curve" else "right", no_wrap=True)
    for metrics in result.metrics:
        low, high = metrics.success_interval
        cells = [
            f"{metrics.iteration}{' *' if metrics.iteration == result.best_iteration else ''}",
            f"{metrics.success_rate:.1%}",
            f"{100 * low:.0f}-{100 * high:.0f}%",
            "█" * round(5 * metrics.success_rate),
            f"{metrics.mean_reward:.3f}",
            "-" if metrics.median_speedup is None else f"{metrics.median_speedup:.1f}x",
            f"{metrics.refuted_share:.1%}",
            f"{metrics.mean_techniques:.1f}",
            f"{metrics.validation_success_rate:.1%}",
        ]
        table.add_row(*cells, *([f"{metrics.unsound_share or 0.0:.1%}"] * with_unsound))
    return table
