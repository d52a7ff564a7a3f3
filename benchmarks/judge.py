"""How fast and how repeatable is the judge? The 20 seeds with their answers, side by side with a naive harness.

    python benchmarks/judge.py [--passes 5] [--naive-passes 1] [--scale 1]

All in one run and one after the other, one worker: (a) the naive harness (naive.py), (b) the judge in its three
measures, every rewrite a text that it has not seen, on indexes that it has; (c) the floor: original once, answer once.
Then what an evaluation costs on a table of one row, and what two workers do. `deviation` is the 90th percentile of
|log speedup - its median| over all passes and pairs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import log
from pathlib import Path
from statistics import median, quantiles

import apsw
from naive import ENGINES, Floor, naive
from pairs import Pair, seed_pairs, shop
from rich.console import Console
from rich.progress import track
from rich.table import Table

from sqlopt_env import Judge, Task
from sqlopt_env.databases import database_path

Speedups = list[list[float]]  # a list for every pass


def timed(passes: int, one_pass: Callable[[int], list[float]], name: str) -> tuple[float, Speedups]:
    """Seconds of an evaluation, the median of the passes, and what they said."""
    seconds, speedups = [], []
    for number in track(range(passes), name, transient=True):
        start = time.perf_counter()
        found = one_pass(number)
        seconds.append((time.perf_counter() - start) / len(found))
        speedups.append(found)
    return median(seconds), speedups


def judged(judge: Judge, pairs: list[Pair], number: int) -> list[float]:
    found = []
    for pair, evaluation in zip(pairs, judge.evaluate_all((p.task, p.script(number)) for p in pairs), strict=True):
        assert evaluation.speedup is not None, f"{pair.task.id}: {evaluation.reason}"
        found.append(evaluation.speedup)
    return found


def deviation(speedups: Speedups) -> str:
    if len(speedups) < 3:
        return "-"
    logs = [[log(value) for value in of_pair] for of_pair in zip(*speedups, strict=True)]
    return f"{quantiles([abs(v - median(values)) for values in logs for v in values], n=10)[-1]:.3f}"


def affordable(path: Path, pairs: list[Pair], seconds: float = 1.0) -> list[Pair]:
    """Those whose original ends within so many seconds: some grow with the square of the rows."""
    kept = []
    with apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY) as connection:
        for pair in pairs:
            deadline = time.perf_counter() + seconds
            connection.set_progress_handler(lambda end=deadline: time.perf_counter() > end, 10_000)
            with suppress(apsw.InterruptError):
                deque(connection.execute(pair.task.query), maxlen=0)
                kept.append(pair)
    return kept


def side_by_side(console: Console, scale: int, passes: int, naive_passes: int) -> None:
    with shop(scale) as database:
        path = database_path(database)
        pairs = seed_pairs(database) if scale == 1 else affordable(path, seed_pairs(database))
        # Older SQLites take hours for some originals on larger databases.
        engines = dict(list(ENGINES.items())[0 if scale == 1 else -1 :])
        rows: list[tuple[str, float, Speedups]] = []
        for name, engine in engines.items():
            rows.append((name, *timed(naive_passes, lambda _, e=engine: [naive(e, path, p) for p in pairs], name)))
        floor = Floor(path, pairs)
        for measure in ("interleaved", "time", "steps"):
            with Judge(workers=1, measure=measure, timeout=30.0, cache_bytes=2**32) as judge:
                judged(judge, pairs, -1)  # loads the database, measures the originals, builds the indexes
                rows.append((measure, *timed(passes, lambda n, j=judge: judged(j, pairs, n), measure)))
        lowest = median(floor.run() for _ in range(max(3, passes))) / len(pairs)
    table = Table(
        title=f"20 pairs, {scale * 10_000:,} users, {scale * 50_000:,} orders, one worker", title_justify="left"
    )
    for column in ("", "evaluations/s", *(f"x {name}" for name in engines), "time / floor", "p90 deviation"):
        table.add_column(column, justify="left" if not column else "right")
    for name, seconds, speedups in [*rows, ("floor", lowest, [])]:
        ratios = [f"{other / seconds:.1f}" for _, other, _ in rows[: len(engines)]]
        table.add_row(name, f"{1 / seconds:.1f}", *ratios, f"{seconds / lowest:.2f}", deviation(speedups))
    console.print(table)


def fixed_cost(console: Console, count: int = 500) -> None:
    table = Table(title="One evaluation of `SELECT a FROM t`, one row: median milliseconds", title_justify="left")
    table.add_column("measure")
    table.add_column("small databases", justify="right")
    table.add_column("ms", justify="right")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.db"
        with apsw.Connection(str(path)) as connection:
            connection.execute("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1)").get  # noqa: B018 - runs it all
        task = Task("one", str(path), "SELECT a FROM t")
        for measure, instances in (("steps", 0), ("steps", 16), ("time", 16)):
            with Judge(workers=1, measure=measure, instances=instances) as judge:
                seconds = []
                for number in range(count):
                    start = time.perf_counter()
                    judge.evaluate(task, f"SELECT /* {number} */ a FROM t")
                    seconds.append(time.perf_counter() - start)
            table.add_row(measure, str(instances), f"{median(seconds[10:]) * 1e3:.2f}")
    console.print(table)


def workers(console: Console, passes: int) -> None:
    table = Table(title="Evaluations per second by workers", title_justify="left")
    for column in ("measure", "1 worker", "2 workers", "ratio"):
        table.add_column(column, justify="right")
    pairs = seed_pairs()
    for measure in ("time", "steps"):
        with (
            Judge(workers=1, measure=measure) as alone,
            Judge(workers=2, measure=measure) as both,
        ):
            for number in (-2, -1):
                judged(alone, pairs, number)
                judged(both, pairs * 2, number)
            one, two = [], []
            for number in range(passes):  # in turn, so that a drift of the machine meets both
                for judge, seconds in ((alone, one), (both, two)):
                    start = time.perf_counter()
                    judged(judge, pairs * 2, number)
                    seconds.append((time.perf_counter() - start) / len(pairs) / 2)
        table.add_row(measure, f"{1 / median(one):.1f}", f"{1 / median(two):.1f}", f"{median(one) / median(two):.2f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--naive-passes", type=int, default=1)
    parser.add_argument("--scale", type=int, default=1, help="times 10,000 users and 50,000 orders")
    arguments = parser.parse_args()
    console = Console()
    side_by_side(console, arguments.scale, arguments.passes, arguments.naive_passes)
    if arguments.scale == 1:
        fixed_cost(console)
        workers(console, arguments.passes)


if __name__ == "__main__":
    main()
