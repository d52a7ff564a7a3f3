"""`sqlopt data make` and `sqlopt data check`: from training runs to a dataset, and a dataset judged again."""

from __future__ import annotations

import shlex
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..judge import Judge
from ..types import SqlOptError
from .datasets.card import write_card
from .datasets.checking import Check, begun, judge_places, to_judge
from .datasets.files import CARD, CHECKED, METRICS, RUN, Example, data_file, digest, read_object, shown, write_json
from .datasets.judging import CheckLog
from .datasets.making import known_of, made_of, write_made
from .datasets.others import other_answers as others_of
from .datasets.quotas import Quotas
from .datasets.reporting import dropped_by, refuse_untold, report_of, write_left
from .train_setup import decisive_versions

app = typer.Typer(help="Make datasets out of training runs, and check them.", no_args_is_help=True)
_USUAL = Quotas()
_MOST_SHOWN = 20  # failures
_NOT_COMPARED = "The dataset was measured by another measure: how fast its examples are told to be is not compared."


@app.command("make")
def make(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of sqlopt train.")],
    out: Annotated[Path, typer.Option(help="The dataset's folder.")],
    most_type: Annotated[
        float, typer.Option(help="The largest share of the set that one optimization type may hold.")
    ] = _USUAL.optimization_type,
    most_technique: Annotated[
        float, typer.Option(help="The same for the leading technique of an answer.")
    ] = _USUAL.technique,
    one_a_query: Annotated[
        bool, typer.Option("--one-a-query", help="At most one example for a slow query, whatever its literals.")
    ] = False,
    at_least: Annotated[int, typer.Option(min=1, help="Fail where fewer examples keep the quotas.")] = 1,
    tasks: Annotated[
        Path | None,
        typer.Option(help="A file of sqlopt generate: what it knows of the runs' tasks goes into the examples."),
    ] = None,
    other_answers: Annotated[
        bool,
        typer.Option(
            "--other-answers",
            help="Measure a second time what the runs found beside what they kept, where it is of another type.",
        ),
    ] = False,
    workers: Annotated[int | None, typer.Option(help="Judging processes for that; one fewer than cores.")] = None,
) -> None:
    """Choose the largest set of distinct examples in which no type and no technique dominates, and write its card.

    What the runs kept twice, what was too slow at one of its two measurements, and what is held out is left out.
    """
    quotas = Quotas(most_type, most_technique)
    known = {} if tasks is None else known_of(tasks)
    console = Console(soft_wrap=True)
    others = _others(runs, workers, console) if other_answers else []
    made = made_of(runs, quotas, one_a_query=one_a_query, at_least=at_least, known=known, others=others)
    words = ["sqlopt", "data", "make", *map(shown, runs), "--out", shown(out)]
    for option, value, usual in (
        ("--most-type", most_type, _USUAL.optimization_type),
        ("--most-technique", most_technique, _USUAL.technique),
        ("--at-least", at_least, 1),
    ):
        words += [option, f"{value:g}"] if value != usual else []
    words += ["--one-a-query"] * one_a_query + (["--tasks", shown(tasks)] if tasks else [])
    words += ["--other-answers"] * other_answers
    write_made(made, runs, out, quotas, shlex.join(words), one_a_query=one_a_query)
    for what, count in made.left_out.items():
        console.print(f"left out, {what}: {count}", markup=False, highlight=False)
    types = Counter(example["optimization_type"] for example in made.examples)
    told = ", ".join(f"{name} {count}" for name, count in types.most_common())
    queries = len({(example["database"], example["slow_query"]) for example in made.examples})
    console.print(f"{len(made.examples)} examples of {queries} slow queries: {told}", markup=False, highlight=False)
    console.print(f"card: {out / CARD}", markup=False, highlight=False)


def _others(runs: list[Path], workers: int | None, console: Console) -> list[Example]:
    """What all the runs found beside what they kept, with a bar."""
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("measured again"), TimeElapsedColumn())
    found: list[Example] = []
    with Progress(*columns, console=console, transient=True) as bar:
        for run in runs:
            found += others_of(run, workers, partial(_advance, bar, bar.add_task("", total=None)))
    return found


def _advance(bar: Progress, line: TaskID, done: int, total: int) -> None:
    bar.update(line, completed=done, total=total)


@app.command("check")
def check(
    dataset: Annotated[Path, typer.Argument(help="A dataset's or a run's folder, or a file of examples.")],
    sample: Annotated[int | None, typer.Option(min=1, help="Judge so many only, drawn at random.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the sample.")] = 0,
    measure: Annotated[str, typer.Option(help="time, steps (repeatable), or interleaved.")] = "time",
    timeout: Annotated[float, typer.Option(help="Seconds that one execution may take.")] = 2.0,
    workers: Annotated[int | None, typer.Option(help="Judging processes; one fewer than cores.")] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Take the examples that fail out of the dataset.")] = False,
) -> None:
    """Judge every example again from scratch: the same query, still faster, no duplicate, no leak, within the quotas.

    What is found goes to check.json and the card. Exit code 1 where anything failed. The same command goes on where it
    was interrupted. After a check of a whole dataset, --drop takes out what that found, without judging again.
    """
    path, console = data_file(dataset), Console(soft_wrap=True)
    if drop and path.with_name(RUN).exists():
        raise SqlOptError(f"{path} is a run's, which would write it anew: take examples out of what data make makes")
    report_file = path.with_name(CHECKED if dataset.is_dir() else f"{path.stem}.{CHECKED}")
    if drop and (earlier := dropped_by(report_file, dataset, path)) is not None:
        _show(console, earlier)
        if "dataset" in read_object(dataset / METRICS):
            write_card(dataset)
        raise typer.Exit(1)
    found = begun(dataset)
    refuse_untold(found, dataset)
    if not found.can_compare(measure):
        console.print(_NOT_COMPARED, highlight=False)
    with Judge(workers=workers, measure=measure, timeout=timeout) as judge:
        settings = {"measure": measure, "timeout": timeout, "versions": decisive_versions()}
        with CheckLog(report_file.with_name(f"{report_file.stem}.log.jsonl"), settings) as log:
            if not _judged(found, to_judge(found, sample, seed), judge, log, console):
                console.print("Interrupted: the same command goes on from here.")
                raise typer.Exit(130)
            command = _check_command(dataset, sample, seed, measure, drop)
            asked = {"sample": sample, "seed": seed, "measure": measure, "timeout": timeout}
            report = report_of(found, command, asked, dropped=drop)
            if drop and found.found:
                write_left(path, found.left())
            if not _says_more(report_file, report, path):
                write_json(report_file, {**report, "data": digest(path)})
            log.path.unlink()
    _show(console, report)
    if "dataset" in read_object(dataset / METRICS):
        if found.has_malformed and not drop:
            console.print("the card is as it was: it tells nothing of malformed examples", highlight=False)
        else:
            write_card(dataset)
    if found.failed:
        raise typer.Exit(1)


def _judged(found: Check, places: list[int], judge: Judge, log: CheckLog, console: Console) -> bool:
    """Judges the examples at these places; False where it was interrupted."""
    told = TextColumn("examples judged")
    bar = Progress(BarColumn(), MofNCompleteColumn(), told, TimeElapsedColumn(), console=console, transient=True)
    try:
        with bar:
            line = bar.add_task("", total=len(places))
            judge_places(found, places, judge, log, lambda: bar.update(line, advance=1))
    except KeyboardInterrupt:
        return False
    return True


def _says_more(report_file: Path, report: dict[str, Any], data: Path) -> bool:
    """Whether an earlier check judged all of this very data, and the new one only a sample: then it stays."""
    earlier = read_object(report_file)
    whole = isinstance(earlier.get("settings"), dict) and earlier["settings"].get("sample") is None
    return report["settings"]["sample"] is not None and whole and earlier.get("data") == digest(data)


def _check_command(dataset: Path, sample: int | None, seed: int, measure: str, drop: bool) -> str:
    words = ["sqlopt", "data", "check", shown(dataset)]
    words += ["--sample", str(sample), "--seed", str(seed)] if sample is not None else []
    return shlex.join([*words, *(["--measure", measure] if measure != "time" else []), *["--drop"] * drop])


def _show(console: Console, report: dict[str, Any]) -> None:
    """The failures, as many as a screen holds, the counts, and where the rest is told."""
    for failure in report["failed"][:_MOST_SHOWN]:
        told = f"place {failure['place']}, {failure['id']}: {failure['finding']}: {failure['reason']}"
        shown_as = told.encode("utf-8", "backslashreplace").decode()  # it may hold a lone surrogate
        console.print(shown_as, markup=False, highlight=False)
    if len(report["failed"]) > _MOST_SHOWN:
        console.print(f"... and {len(report['failed']) - _MOST_SHOWN} more", highlight=False)
    for finding in report["of_all"]:
        console.print(f"{finding['finding']}: {finding['reason']}", markup=False, highlight=False)
    table = Table("of the examples", "", title_justify="left")
    table.add_row("in the dataset", str(report["examples"]))
    table.add_row("judged again", str(report["judged"]))
    table.add_row("hold: the same query, and 1.5 times as fast", str(report["holds"]))
    table.add_row("of these only when measured a second time", str(report["only_at_the_second_measurement"]))
    for kind, count in report["findings"].items():
        table.add_row(kind, str(count), style="red")
    if report["dropped"]:
        table.add_row("taken out", str(report["dropped"]))
    console.print(table)
    if report["speedup_now_to_then"]:
        ratio = report["speedup_now_to_then"]["median"]
        console.print(f"effective speedup now to then: {ratio:.2f} in the median", highlight=False)
