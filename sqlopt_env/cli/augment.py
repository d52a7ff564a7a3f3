"""`sqlopt augment`: examples of training data under other names of tables, columns and aliases, each judged anew."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event
from typing import Annotated, Any

import apsw
import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..augmentation.rows import RowCheck
from ..augmentation.variants import TWIN, WHY, Example, LeftOut, Plan, is_example, judged, plan
from ..databases import find_domain
from ..databases.renamed import MOST
from ..judge import Judge
from ..reward import SUCCESS
from ..types import SqlOptError
from .augment_log import AugmentLog, Place, examples_of, out_file, write_examples
from .datasets.identity import form


def augment(
    data: Annotated[Path, typer.Argument(help="A dataset's folder, or a file of examples: JSON or JSON Lines.")],
    out: Annotated[Path, typer.Option(help="A file (.json, .jsonl), or a folder; a log is kept beside the file.")],
    variants: Annotated[int, typer.Option(min=1, max=MOST, help="Renamed variants of every example.")] = 3,
    sample: Annotated[int | None, typer.Option(min=1, help="Take only so many of the examples, by chance.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the sample.")] = 0,
    measure: Annotated[str, typer.Option(help="time, or steps of SQLite's virtual machine (repeatable).")] = "time",
    workers: Annotated[int | None, typer.Option(min=1, help="Judging processes; one fewer than cores.")] = None,
) -> None:
    """Rename tables, columns, aliases and indexes in schema, queries and index statements, and judge every variant.

    Variant 1 of an example on the shop is on the database shop~1, and so on. A variant is kept when its query returns
    the original's rows, and when its answer is improved as for any training example. The same command goes on where
    it was interrupted.
    """
    examples = _sampled(examples_of(data), sample, seed)
    target, console = out_file(out), Console(soft_wrap=True)
    plans = _planned(examples, variants)
    settings = {
        "examples": _digest(examples),
        "variants": variants,
        "measure": measure,
        "threshold": SUCCESS,
        "databases": _versions(plans),
        "sqlite": apsw.sqlite_lib_version(),
    }
    with (
        Judge(workers=workers, measure=measure) as judge,
        RowCheck(judge.workers) as check,
        AugmentLog(target, settings) as log,
    ):
        interrupted = _fill(plans, log, judge, check, console)
        found = {**{place: each for place, each in plans.items() if isinstance(each, LeftOut)}, **log.found}
    if interrupted:
        console.print("Interrupted: the same command goes on from here.")
        raise typer.Exit(130)
    kept = [found[place] for place in sorted(found) if not isinstance(found[place], LeftOut)]
    _report(console, len(examples), found)
    if not kept:
        reason = next(each.reason for each in found.values() if isinstance(each, LeftOut))
        raise SqlOptError(f"no variant was kept; the first was left out for: {reason}")
    write_examples(target, [example for example in kept if isinstance(example, dict)])
    console.print(f"examples: {target}", highlight=False)


def _sampled(examples: list[Any], sample: int | None, seed: int) -> list[Any]:
    """So many of them in their order; all of them where there are no more."""
    if sample is None or sample >= len(examples):
        return examples
    chosen = np.random.default_rng(seed).choice(len(examples), sample, replace=False)
    return [examples[place] for place in sorted(chosen)]


def _planned(examples: Sequence[Any], variants: int) -> dict[Place, Plan | LeftOut]:
    """Every variant, in the order of examples and seeds; one that is another example once more is left out."""
    known = {form(example) for example in examples if is_example(example)}
    plans: dict[Place, Plan | LeftOut] = {}
    for number, example in enumerate(examples):
        for seed in range(1, variants + 1):
            made = plan(example, seed)
            if isinstance(made, Plan):
                shape = form(made.example)
                made = LeftOut(TWIN, f"{made.task.id}: {WHY[TWIN]}") if shape in known else made
                known.add(shape)
            plans[number, seed] = made
    return plans


def _fill(plans: dict[Place, Plan | LeftOut], log: AugmentLog, judge: Judge, check: RowCheck, console: Console) -> bool:
    """Judges what the log has not. Whether it was interrupted."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    left = {place: each for place, each in plans.items() if isinstance(each, Plan) and place not in log.found}
    with Progress(*columns, console=console, transient=True) as bar:
        line = bar.add_task("judging", total=len(plans), completed=len(plans) - len(left))
        try:
            _judge_all(left, log, judge, check, lambda: bar.update(line, advance=1))
        except KeyboardInterrupt:
            return True
    return False


def _judge_all(
    plans: dict[Place, Plan], log: AugmentLog, judge: Judge, check: RowCheck, told: Callable[[], None]
) -> None:
    """As many queries at a time as the judge has workers; the answers of one query one after the other, so that its
    preparation serves them all."""
    groups: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for place, each in plans.items():
        groups[each.task.database, each.task.query].append(place)
    stop = Event()

    def run(places: Sequence[Place]) -> None:
        for place in places:
            result = None if stop.is_set() else judged(plans[place], judge, check)
            if result is None or stop.is_set():  # its worker may have been ended, which says nothing of the variant
                return
            log.append(place, result)
            told()

    threads = ThreadPoolExecutor(judge.workers)
    try:
        futures: list[Future[None]] = [threads.submit(run, groups[group]) for group in sorted(groups)]
        for future in wait(futures, return_when=FIRST_EXCEPTION).done:
            future.result()
    except BaseException:
        stop.set()
        judge.close()  # ends what is being judged, so that Ctrl-C does not wait for it
        check.close()
        raise
    finally:
        threads.shutdown(wait=True, cancel_futures=True)


def _digest(examples: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(examples, sort_keys=True).encode()).hexdigest()[:16]


def _versions(plans: dict[Place, Plan | LeftOut]) -> dict[str, int]:
    """Of the recipes of the renamed databases: their names are part of it."""
    names = sorted({each.task.database for each in plans.values() if isinstance(each, Plan)})
    return {name: domain.VERSION for name in names if (domain := find_domain(name)) is not None}


def _report(console: Console, examples: int, found: dict[Place, Example | LeftOut]) -> None:
    left_out = Counter(each.kind for each in found.values() if isinstance(each, LeftOut))
    title = f"{len(found)} variants of {examples} {'example' if examples == 1 else 'examples'}"
    table = Table("variants", "", title=title, title_justify="left")
    table.add_row(str(len(found) - left_out.total()), "kept")
    for kind, count in left_out.most_common():
        table.add_row(str(count), f"left out: {WHY.get(kind, f'judged {kind}')}")
    console.print(table)
