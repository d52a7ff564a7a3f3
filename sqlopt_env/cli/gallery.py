"""`sqlopt gallery`: a page with one slow query of each shape, as the judge sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlopt_curricula.generator.generate import Generator
from sqlopt_curricula.generator.shapes import SHAPES
from sqlopt_curricula.generator.slow_query import SlowQuery

from ..databases import TRAINING
from ..judge import Judge
from ..types import Evaluation, SqlOptError
from .gallery_page import page

ROUNDS = 3  # turns that every shape has in a domain
PATIENCE = 10.0  # seconds; the queries take far less, but workers are killed by the clock, also on a busy machine


def gallery(
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("docs/gallery.md"),
    domain: Annotated[
        str, typer.Option(help=f"One of {', '.join(TRAINING)}, or all: in this order, until no shape is missing.")
    ] = "all",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same page.")] = 0,
) -> None:
    """Write a page with one slow query of each shape: its plan, its fast form, and what the judge says of them."""
    if domain != "all" and domain not in TRAINING:
        raise SqlOptError(f"unknown domain {domain!r}: it is one of {', '.join(TRAINING)}, or all")
    _prepare(out)
    console = Console(soft_wrap=True)
    columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bars = Progress(*columns, console=console, transient=True)
    with Judge(workers=2, measure="steps", timeout=PATIENCE) as judge, bars as bar:
        chosen = _chosen(judge, list(TRAINING) if domain == "all" else [domain], seed, bar)
        found = list(_judged(judge, chosen, bar))
    command = "sqlopt gallery" + f" --domain {domain}" * (domain != "all") + f" --seed {seed}" * (seed != 0)
    try:
        out.write_text(page(command, found), encoding="utf-8", newline="\n")
    except OSError as error:
        raise SqlOptError(f"the page {out} cannot be written: {error.strerror}") from None
    console.print(f"{len(found)} of {len(SHAPES)} shapes: {out}", highlight=False)


def _prepare(out: Path) -> None:
    """Makes the folder of the page. Raises SqlOptError where there can be none, before any work is done."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = out.is_dir()
    except OSError as error:
        raise SqlOptError(f"the page {out} cannot be written: {error.strerror}") from None
    if folder:
        raise SqlOptError(f"the page {out} cannot be written: it is a folder")


def _chosen(judge: Judge, domains: list[str], seed: int, bar: Progress) -> list[SlowQuery]:
    """For each shape, the first query with a fast form that a pessimiser made slow, else the first with a fast form."""
    slowed: dict[str, SlowQuery] = {}
    plain: dict[str, SlowQuery] = {}
    line = bar.add_task("", total=len(SHAPES))
    for name in domains:
        bar.update(line, description=name)
        for slot in Generator(judge, name, seed).slots(ROUNDS * len(SHAPES)):
            query = slot.query
            if query is not None and query.task.reference:
                (slowed if query.pessimisers else plain).setdefault(query.shape, query)
            bar.update(line, completed=len(slowed))
            if len(slowed) == len(SHAPES):
                return list(slowed.values())
    return list({**plain, **slowed}.values())


def _judged(judge: Judge, queries: list[SlowQuery], bar: Progress) -> Iterator[tuple[SlowQuery, Evaluation]]:
    """Raises SqlOptError where the judge could not look at a query: a page must not depend on the machine."""
    line = bar.add_task("judging", total=len(queries))
    evaluations = judge.evaluate_all((query.task, query.task.reference) for query in queries)
    for query, evaluation in zip(queries, evaluations, strict=True):
        if evaluation.plan_before is None or evaluation.plan_after is None:
            raise SqlOptError(f"{query.task.id} was not judged, and no page is written: {evaluation.reason}")
        bar.update(line, advance=1)
        yield query, evaluation
