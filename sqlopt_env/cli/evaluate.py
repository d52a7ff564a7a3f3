"""`sqlopt evaluate`: how good a policy is, on tasks that it has not learnt from."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlopt_agents.evaluation import examine
from sqlopt_agents.evaluation_log import EvaluationLog
from sqlopt_agents.examination import Examination
from sqlopt_agents.policy import Policy, make_policy

from ..databases import HELD_OUT
from ..databases.build import file_hash
from ..judge import Judge
from ..types import SqlOptError, Task
from .policy_options import decisive, parsed
from .score_file import Evaluated, Result
from .score_tables import of_groups, of_one
from .split import spread, tasks_of
from .train_setup import decisive_versions


def evaluate(
    policy: Annotated[
        str,
        typer.Option(
            help="identity, random, advisor, sqlglot, advisor+sqlglot, rules, a saved policy's .json file,"
            " openai:MODEL, local:FOLDER, or package.module:Class of your own."
        ),
    ],
    policy_option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of the policy; may be given again.")
    ] = None,
    split: Annotated[
        str,
        typer.Option(help="heldout, held-out databases by name with commas between them, seeds, or a file of tasks."),
    ] = "heldout",
    candidates: Annotated[
        int | None, typer.Option(min=0, help="Samples for each task: 1, or with --greedy none, if not said.")
    ] = None,
    greedy: Annotated[bool, typer.Option("--greedy", help="Ask for the policy's one best answer too.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same proposals.")] = 0,
    threshold: Annotated[float, typer.Option(help="Effective speedup from which an answer is a success.")] = 1.5,
    measure: Annotated[str, typer.Option(help="time, steps (repeatable), or interleaved.")] = "time",
    timeout: Annotated[float, typer.Option(help="Seconds that one execution may take.")] = 2.0,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Judge every answer as one that is kept: on many more small databases.")
    ] = False,
    workers: Annotated[int | None, typer.Option(help="Judging processes; one fewer than cores.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many tasks at most, spread evenly.")] = None,
    by: Annotated[str | None, typer.Option(help="One more table, by database or shape.")] = None,
    name: Annotated[str | None, typer.Option(help="What tables call the policy.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="The file of scores: runs/evaluations/NAME.json; a log is kept beside it.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the evaluation in the log.")] = False,
) -> None:
    """Evaluate a policy: valid, equivalent, improved and successful answers, speedup, time and cost, with intervals.

    Answers are only judged here, and nothing is learnt from them, so that this is what held-out tasks are for.
    """
    if by not in (None, "database", "shape"):
        raise SqlOptError(f"--by must be database or shape, not {by!r}")
    options = parsed(policy_option or [])
    asked = Examination(int(not greedy) if candidates is None else candidates, greedy, seed, threshold, thorough)
    chosen = spread(tasks_of(split), limit)
    if by == "shape" and not any(shape for _, shape in chosen):
        raise SqlOptError(f"the tasks of {split} have no shape: use --by database")
    sys.path.append(os.getcwd())  # where a policy of one's own lies; last, so that it shadows nothing
    made = make_policy(policy, options)
    name = " ".join((name or policy).split())
    out = out or Path("runs/evaluations") / f"{_file_name(name)}.json"
    if out.is_dir():
        raise SqlOptError(f"{out} is a folder: --out names the file of scores")
    console = Console(soft_wrap=True)
    with Judge(workers=workers, measure=measure, timeout=timeout) as judge:
        settings = _settings(policy, options, asked, [task for task, _ in chosen], judge)
        results = _examined(made, chosen, judge, out, settings, asked, console, resume)
    if results is None:
        console.print("Interrupted: the same command with --resume goes on from here.")
        raise typer.Exit(130)
    evaluated = Evaluated(name, settings, results)
    evaluated.write(out)
    for grid in (of_one(evaluated), *([of_groups(evaluated, by)] if by else [])):
        for table in grid.rich(console.width):
            console.print(table)
    console.print(f"scores: {out}", highlight=False)


def _examined(
    policy: Policy,
    chosen: list[tuple[Task, str]],
    judge: Judge,
    out: Path,
    settings: dict[str, Any],
    asked: Examination,
    console: Console,
    resume: bool,
) -> tuple[Result, ...] | None:
    """The results in the order of the tasks; None where it was interrupted."""
    told = TextColumn("answers judged")
    bar = Progress(BarColumn(), MofNCompleteColumn(), told, TimeElapsedColumn(), console=console, transient=True)
    tasks = [task for task, _ in chosen]
    try:
        with EvaluationLog(out.with_name(f"{out.stem}.log.jsonl"), settings, resume=resume) as lines, bar:
            if hasattr(policy, "log_to"):  # a language model: its answers are kept, so that none is paid twice
                policy.log_to(out.with_name(f"{out.stem}.requests.jsonl"))
            line = bar.add_task("", total=asked.answers * len(tasks))
            found = examine(policy, tasks, judge, lines, asked, lambda answers: bar.update(line, advance=answers))
    except KeyboardInterrupt:
        return None
    return tuple(
        Result(task.id, task.database, shape, {mode: batches[task.id] for mode, batches in found.items()})
        for task, shape in chosen
    )


def _settings(
    policy: str, options: dict[str, str], asked: Examination, tasks: list[Task], judge: Judge
) -> dict[str, Any]:
    """All that decides the figures, and must be the same when an evaluation is resumed."""
    texts = json.dumps([asdict(task) for task in tasks])
    file = Path(policy)
    return {
        "policy": policy,
        "options": decisive(options),
        "policy_file": file_hash(file) if policy.endswith(".json") and file.is_file() else None,
        **asdict(asked),
        "judge": asdict(judge.settings),
        "tasks": hashlib.sha256(texts.encode()).hexdigest()[:16],
        "databases": {name: file_hash(_built(judge, name)) for name in dict.fromkeys(task.database for task in tasks)},
        "versions": decisive_versions(),
    }


def _built(judge: Judge, database: str) -> Path:
    try:
        return judge.database_path(database)
    except SqlOptError as error:
        if database not in HELD_OUT:
            raise
        others = ",".join(name for name in HELD_OUT if name != database)
        raise SqlOptError(f"{error}, or evaluate without it: --split {others}") from None


def _file_name(name: str) -> str:
    """The name as a file may have it: `runs/stage1/policy.json` becomes `runs-stage1-policy`."""
    return re.sub(r"[^A-Za-z0-9_.+-]+", "-", name.removesuffix(".json")).strip("-.") or "evaluation"
