"""Does the curriculum help? ReST-EM of the rule policy on five of them, examined on the held-out databases.

    python benchmarks/curriculum.py [--seeds 5] [--iterations 3] [--tasks 20] [--candidates 4] [--keep 2]
                                    [--samples 4] [--workers 2]
                                    [--arms seeds stage2 sequential mix adaptive] [--measure steps] [--limit 40]
                                    [--out runs/curriculum] [--markdown docs/curricula.md] [--plots docs/figures]

Every arm has the same budget, `tasks` tasks of `candidates` samples for each E-step, and the M-step `accumulate`: of
the new tasks of one iteration alone there is little to learn. Each arm and seed is one run in a folder under --out; the
policy of its last iteration is examined, so that nothing is chosen by its result. All policies, and the untrained one,
answer all held-out tasks, or --limit of them, evenly spread: their best answer, and `samples` samples. Unless told
otherwise, steps are counted and not time, so that nothing depends on what else the machine does.

A benchmark that is stopped goes on when it is started again. `curriculum.json` holds the figures of every policy and
task; the tables go to the terminal, and between two marks of a page with --markdown.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from schooling.arms import ARMS, UNTRAINED, Budget
from schooling.exam import Candidate, Key, Scores, examine
from schooling.plot import draw
from schooling.tables import LABELS, check_page, insert, of_answers, of_differences, of_training
from schooling.training import Trained, trained
from sqlopt_agents.rule_policy import RulePolicy

from sqlopt_env import SqlOptError
from sqlopt_env.cli.split import spread, tasks_of
from sqlopt_env.types import Task
from sqlopt_env.version import versions

DEFAULTS = {"seeds": 5, "iterations": 3, "tasks": 20, "candidates": 4, "keep": 2, "samples": 4, "workers": 2}


def check_outputs(given: argparse.Namespace) -> None:
    """Says what is wrong with them before an hour's work, not after it."""
    if given.markdown is not None:
        check_page(given.markdown)
    if given.plots is not None and find_spec("matplotlib") is None:
        raise SqlOptError("a plot needs matplotlib: pip install --group bench")


def train_all(given: argparse.Namespace, console: Console) -> list[Trained]:
    """The arms of a seed one after the other, so that after a seed there is something to compare."""
    budget = Budget(given.iterations, given.tasks, given.candidates, given.keep)
    runs = []
    for seed in range(given.seeds):
        for arm in given.arms:
            with console.status(f"training: {LABELS[arm]}, seed {seed}"):
                run = trained(arm, seed, budget, given.out, measure=given.measure, workers=given.workers)
            console.print(f"{arm}, seed {seed}: {run.seconds:.0f} s, {run.examples} examples", highlight=False)
            runs.append(run)
    return runs


def examine_all(
    given: argparse.Namespace, runs: Sequence[Trained], tasks: Sequence[Task], console: Console
) -> dict[Key, Scores]:
    candidates = {(run.arm, run.seed): Candidate(run.policy, run.seed) for run in runs}
    candidates[UNTRAINED, 0] = Candidate(RulePolicy(), 0)
    with Progress(console=console) as progress:
        bar = progress.add_task(f"{len(candidates)} policies on held-out tasks", total=len(tasks))
        return examine(
            candidates,
            tasks,
            given.out / "examination.jsonl",
            samples=given.samples,
            measure=given.measure,
            workers=given.workers,
            told=lambda: progress.advance(bar),
        )


def report(
    given: argparse.Namespace,
    runs: Sequence[Trained],
    tasks: Sequence[Task],
    scores: dict[Key, Scores],
    console: Console,
) -> None:
    """The file, the tables and the plot."""
    told = {
        "command": vars(given),
        "versions": versions(),
        "tasks": [task.id for task in tasks],
        "runs": [{"arm": run.arm, "seed": run.seed, **run.figures()} for run in runs],
        "scores": [{"arm": arm, "seed": seed, **found} for (arm, seed), found in scores.items()],
    }
    (given.out / "curriculum.json").write_text(json.dumps(told, indent=1, default=str) + "\n", encoding="utf-8")
    grids = [of_answers(scores, given.samples), of_differences(scores), of_training(runs)]
    for grid in filter(None, grids):
        for table in grid.rich(console.width):
            console.print(table)
    if given.markdown is not None:
        insert(given.markdown, "\n".join(grid.markdown() for grid in filter(None, grids)))
    if given.plots is not None:
        draw(scores, given.plots / "curriculum.svg")


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", choices=ARMS, nargs="+", default=list(ARMS), metavar="ARM")
    for name, default in DEFAULTS.items():
        parser.add_argument(f"--{name}", type=count, default=default)
    parser.add_argument("--measure", choices=("steps", "time"), default="steps")
    parser.add_argument("--limit", type=count, default=None)
    parser.add_argument("--out", type=Path, default=Path("runs/curriculum"))
    parser.add_argument("--markdown", type=Path, default=None, metavar="PAGE")
    parser.add_argument("--plots", type=Path, default=None, metavar="FOLDER")
    return parser


def count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def main() -> int:
    given = options().parse_args()
    given.arms = [arm for arm in ARMS if arm in given.arms]
    console, start = Console(width=120), time.perf_counter()
    try:
        check_outputs(given)
        runs = train_all(given, console)
        tasks = [task for task, _ in spread(tasks_of("heldout"), given.limit)]
        report(given, runs, tasks, examine_all(given, runs, tasks, console), console)
    except (SqlOptError, OSError) as error:
        console.print(f"error: {error}", style="red", markup=False, highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("interrupted: the same command goes on from here")
        return 130
    console.print(f"{time.perf_counter() - start:.0f} s; the figures: {given.out / 'curriculum.json'}", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
