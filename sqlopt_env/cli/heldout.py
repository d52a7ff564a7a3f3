"""`sqlopt heldout`: makes the held-out tasks anew, and says which of them can be solved."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlopt_agents.rules import RULES
from sqlopt_agents.search import search
from sqlopt_curricula.generator.generate import Generator, Known
from sqlopt_curricula.generator.shapes import SHAPES
from sqlopt_curricula.generator.slow_query import SlowQuery

from ..databases import HELD_OUT
from ..jsonlines import JsonLines, read_lines
from ..judge import Judge
from ..reward import SUCCESS
from ..tasks import seed_examples
from ..types import Evaluation, SqlOptError
from .heldout_card import card

TIMEOUT = 2.0  # seconds; the tasks themselves take far less
_SPARE = 5  # one task in so many is made beside those that are wanted, for those that cannot be verified

_judge: Judge | None = None  # of a process of the pool


def heldout(
    n: Annotated[int, typer.Option("--n", min=1, help="Tasks for each of the held-out domains.")] = 50,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same tasks.")] = 0,
    out: Annotated[Path, typer.Option(help="The folder to write tasks.json and its card to.")] = Path("data/heldout"),
    workers: Annotated[int, typer.Option(min=1, help="Processes that search.")] = 2,
) -> None:
    """Make the held-out tasks, search each with every technique, and write them with their best known answers.

    All is counted in steps, so that the same command writes the same files. It goes on where it was interrupted.
    """
    console = Console(soft_wrap=True)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SqlOptError(f"the folder {out} cannot be written: {error.strerror}") from None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    log = out / "heldout.log.jsonl"
    with Progress(*columns, console=console, transient=True) as bar, JsonLines(log) as lines:
        queries = list(_queries(n, seed, workers, bar))
        done = {record["id"]: record for record in read_lines(log, dict, "a held-out task")}
        records = [done.get(query.task.id) for query in queries]
        known = [
            record if record is not None and record["query"] == query.task.query else None
            for query, record in zip(queries, records, strict=True)
        ]
        line = bar.add_task("searching", total=len(queries), completed=sum(record is not None for record in known))
        left = [query for query, record in zip(queries, known, strict=True) if record is None]
        with ProcessPoolExecutor(workers, get_context("spawn"), _begin) as pool:
            for record in pool.map(_solved, left):
                lines.append(record)
                done[record["id"]] = record
                bar.update(line, advance=1)
    tasks = _kept([done[query.task.id] for query in queries], n)
    _write(out / "tasks.json", json.dumps(tasks, indent=1, ensure_ascii=False) + "\n")
    _write(out / "README.md", card(tasks, n, seed, len(RULES)))
    log.unlink()
    _report(console, out, tasks)


def _kept(records: list[dict[str, Any]], n: int) -> list[dict[str, Any]]:
    """The first `n` of every domain that can be paid at all: whose answer by the generator the judge can verify."""
    kept: list[dict[str, Any]] = []
    for name in HELD_OUT:
        of_domain = [record for record in records if record["database"] == name]
        kept += [record for record in of_domain if record.pop("verified")][:n]
    return kept


def _queries(n: int, seed: int, workers: int, bar: Progress) -> Iterator[SlowQuery]:
    """More than `n` of every held-out domain, new beside one another, and of other tree shapes than the seeds."""
    known = Known(away_from=[example["slow_query"] for example in seed_examples()])
    more = n + n // _SPARE + 1
    line = bar.add_task("generating", total=more * len(HELD_OUT))
    with Judge(workers=workers, measure="steps") as judge:
        for name in HELD_OUT:
            for slot in Generator(judge, name, seed, fold="heldout", known=known).slots(more):
                bar.update(line, advance=1)
                if slot.query is not None:
                    yield slot.query


def _begin() -> None:
    global _judge
    _judge = Judge(workers=1, measure="steps", timeout=TIMEOUT)


def _solved(query: SlowQuery) -> dict[str, Any]:
    """The record of a task: what the generator knows, and what a search and the judge say of it."""
    assert _judge is not None
    found = search(_judge, query.task)
    reference = _judge.evaluate(query.task, query.task.reference or query.task.query)
    answers = {"search": found.best, "generator": reference if reference.outcome == "improved" else None}
    paid = {source: evaluation for source, evaluation in answers.items() if evaluation is not None}
    source = max(paid, key=lambda name: _gain(paid[name]), default=None)
    return {
        **query.to_dict(),
        "verified": reference.outcome in ("improved", "equivalent"),
        "solvable": found.best is not None and _gain(found.best) >= SUCCESS,
        "search": {"judged": found.judged, "techniques": found.techniques, "speedup": _rounded(found.best)},
        "best": None if source is None else _best(source, paid[source]),
    }


def _best(source: str, evaluation: Evaluation) -> dict[str, Any]:
    assert evaluation.rewrite_seconds is not None
    return {
        "source": source,
        "script": evaluation.rewrite.script,
        "steps": round(evaluation.rewrite_seconds * 1e6),  # by steps, the seconds hold millions of them
        "index_steps": round((evaluation.index_seconds or 0.0) * 1e6),
        "speedup": _rounded(evaluation),
    }


def _gain(evaluation: Evaluation) -> float:
    return evaluation.effective_speedup or 0.0


def _rounded(evaluation: Evaluation | None) -> float | None:
    return None if evaluation is None else round(_gain(evaluation), 2)


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.writing")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def _report(console: Console, out: Path, tasks: list[dict[str, Any]]) -> None:
    domains = Counter(task["database"] for task in tasks)
    solvable = Counter(task["database"] for task in tasks if task["solvable"])
    for name, count in domains.items():
        console.print(f"{name}: {count} tasks, {solvable[name]} solvable", highlight=False)
    missing = {shape.NAME for shape in SHAPES} - {task["shape"] for task in tasks}
    if missing:
        console.print(f"without a task: {', '.join(sorted(missing))}; a larger --n may bring some", highlight=False)
    console.print(f"tasks: {out / 'tasks.json'}", highlight=False)
