"""`sqlopt generate`: new slow queries over a database, each with a known answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import apsw
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlopt_curricula.generator.generate import GIVE_UP, Generator, Known, Slot
from sqlopt_curricula.generator.log import GenerationLog, move_aside
from sqlopt_curricula.generator.summary import QUANTILES, Summary, summarise

from ..databases.build import file_hash
from ..judge import Judge
from ..types import Demands, SqlOptError, Task
from .authors import GRAMMAR, Chosen, MakeAuthor, chosen, requests_of
from .domains import ALL, DATABASE_HELP, DOMAIN_HELP, databases_of
from .policy_options import parsed

_DEFAULTS = Demands()


def generate(
    domain: Annotated[str, typer.Option(help=DOMAIN_HELP)] = ALL,
    database: Annotated[Path | None, typer.Option(help=DATABASE_HELP)] = None,
    n: Annotated[int, typer.Option("--n", min=1, help="How many queries, over all domains.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same tasks; neighbours share none.")] = 0,
    out: Annotated[Path, typer.Option(help="The file of tasks; a log is kept beside it.")] = Path("tasks.jsonl"),
    least_steps: Annotated[int, typer.Option(help="Steps of SQLite below which a query is too cheap.")] = (
        _DEFAULTS.least_steps
    ),
    most_steps: Annotated[int, typer.Option(help="Steps above which a query is too dear.")] = _DEFAULTS.most_steps,
    workers: Annotated[int, typer.Option(min=1, help="Processes that look at queries.")] = 2,
    author: Annotated[
        str, typer.Option(help="Who writes: grammar, openai:MODEL, or package.module:Class of your own.")
    ] = GRAMMAR,
    author_option: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE for the author: base_url, max_cost, temperature, queries (of a request) ..."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew; the earlier files are moved aside.")] = False,
) -> None:
    """Write slow queries that nobody has written, with their shape, what made them slow, their cost and an answer.

    The same command goes on where it was interrupted.
    """
    names = databases_of(domain, database)
    demands = Demands(least_steps=least_steps, most_steps=most_steps)
    console = Console(soft_wrap=True)
    if fresh and (aside := move_aside(out)) is not None:
        if requests_of(out).exists():
            requests_of(out).rename(requests_of(aside))
        console.print(f"The earlier tasks are kept in {aside}.", highlight=False)
    settings = {
        "databases": {name: file_hash(Judge.database_path(name)) for name in names},
        "n": n,
        "seed": seed,
        "least_steps": least_steps,
        "most_steps": most_steps,
        "sqlite": apsw.sqlite_lib_version(),
    }
    with (
        chosen(author, parsed(author_option or [], "author"), out) as writer,
        Judge(workers=workers, measure="steps", timeout=writer.timeout) as judge,
    ):
        for name in names:
            judge.prepare(Task(name, name, "SELECT 1"))  # a file that is no database is named before others are made
        with GenerationLog(out, {**settings, **writer.agreed}) as log:
            interrupted = _fill(log, judge, names, n, seed, demands, writer.make, console)
        slots = [slot for name in names for slot in log.slots.get(name, [])]
        _tell_spent(console, writer)
    if slots:
        report(console, summarise(slots))
    if interrupted:
        console.print("Interrupted: the same command goes on from here.")
        raise typer.Exit(130)
    if len(slots) < n or any(slot.query is None for slot in slots):
        found = sum(slot.query is not None for slot in slots)
        why = slots[-1].refused.most_common(1)
        most = f", mostly because they were: {why[0][0]}" if why else ""
        if not found:
            raise SqlOptError(
                f"no query was found{most or ': the author gave none'}; what it wrote is in the log by {out}"
            )
        console.print(f"{found} of {n} queries were found: at last all candidates were refused{most}", highlight=False)
    console.print(f"tasks: {out}", highlight=False)


def _fill(
    log: GenerationLog,
    judge: Judge,
    names: list[str],
    n: int,
    seed: int,
    demands: Demands,
    author: MakeAuthor,
    console: Console,
) -> bool:
    """Closes what slots are left. Whether it was interrupted."""
    known = Known()
    try:
        with _progress(console) as bar:
            line = bar.add_task("", total=n, completed=sum(map(len, log.slots.values())))
            for number, name in enumerate(names):
                share = (n + len(names) - 1 - number) // len(names)
                for slot in _slots(judge, name, share, seed, known, demands, author, log):
                    log.append(name, slot)
                    bar.update(line, advance=1, description=Path(name).stem)
    except KeyboardInterrupt:
        return True
    return False


def _tell_spent(console: Console, writer: Chosen) -> None:
    """What a language model took; requests that the log answered are counted with those that were made now."""
    if writer.client is None:
        return
    spent = writer.client.spent
    cost = "" if spent.dollars is None else f", ${spent.dollars:.4f}"
    console.print(
        f"{spent.requests} requests, {spent.prompt_tokens:,} tokens in and {spent.completion_tokens:,} out{cost}",
        highlight=False,
    )


def _slots(
    judge: Judge,
    name: str,
    count: int,
    seed: int,
    known: Known,
    demands: Demands,
    author: MakeAuthor,
    log: GenerationLog,
) -> Iterator[Slot]:
    """The slots of one database that are not closed yet. Those that are become known."""
    closed = log.slots.get(name, [])
    for slot in closed:
        if slot.query:
            known.add(slot.query.task.query)
    if len(closed) >= count or (len(closed) >= GIVE_UP and not any(slot.query for slot in closed[-GIVE_UP:])):
        return
    generator = Generator(judge, name, seed, known=known, demands=demands, author=author)
    yield from generator.slots(count, len(closed))


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        yield bar


def report(console: Console, summary: Summary) -> None:
    """The tables of a summary."""
    counts = Table("shape", "queries", "share", title=f"{summary.count} slow queries", title_justify="left")
    for shape, count in summary.shapes.most_common():
        counts.add_row(shape, str(count), f"{count / summary.count:.1%}")
    console.print(counts)
    slowed = Table("pessimiser", "queries")
    for name, count in summary.pessimisers.most_common():
        slowed.add_row(name, str(count))
    console.print(slowed)
    costs = Table("quantile")
    for title in ("steps", "ms", "best known speedup (steps)"):
        costs.add_column(title, justify="right")
    rows = zip(QUANTILES, summary.steps, summary.milliseconds, summary.speedups, strict=False)
    for share, steps, milliseconds, speedup in rows:
        costs.add_row(f"{share:.0%}", f"{steps:,}", f"{milliseconds:.1f}", f"{speedup:.1f}")
    console.print(costs)
    kinds = summary.diversity
    console.print(
        f"diversity: {kinds.exact:.1%} of the texts, {kinds.literals:.1%} with literals masked, {kinds.names:.1%} with"
        f" names masked too, {kinds.shape:.1%} of the tree shapes",
        f"improvable by 2x or more: {summary.improvable:.1%}; the two largest shapes hold {summary.two_largest:.1%}",
        "difficulty: " + ", ".join(f"{level}: {count}" for level, count in sorted(summary.difficulties.items())),
        "refused: " + (", ".join(f"{why} {count}" for why, count in summary.refused.most_common()) or "none"),
        sep="\n",
        highlight=False,
    )
