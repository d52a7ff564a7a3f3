"""Does anything grow? Evaluations of all kinds, by the hundred thousand, and the memory of both sides.

    python benchmarks/soak.py [--evaluations 100000]

One judge with two workers, by steps. Of every thousand evaluations most are small: refusals, wrong answers, right
ones with one of 40 indexes, on a table of 2,000 rows; twenty are the shop's seeds, and one is an attack that the worker
does not survive. Memory is what a process holds at that moment; `growth` is against a tenth of the way, when caches
are full.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

import apsw
from pairs import seed_pairs
from rich.console import Console
from rich.progress import track
from rich.table import Table

from sqlopt_env import Judge, Task

QUERY = "SELECT city, count(*), sum(amount) FROM sales WHERE amount > 20 GROUP BY city"
COLUMNS = ("city", "amount", "day", "customer")
SMALL = (
    "SELECT /* {n} */ city, count(*), sum(amount) FROM sales WHERE amount > 20 GROUP BY city",
    "CREATE INDEX i ON sales ({columns}); SELECT /* {n} */ city, count(*), sum(amount) FROM sales WHERE amount > 20"
    " GROUP BY city",
    "SELECT /* {n} */ city, count(*), sum(amount) FROM sales WHERE amount > {m} GROUP BY city",
    "SELECT /* {n} */ city, count(*), total(amount) FROM sales WHERE amount >= 20 GROUP BY city",
    "SELECT /* {n} */ city, amount FROM sales",
    "DROP TABLE sales; SELECT {n}",
    "CREATE TABLE t{n} AS SELECT * FROM sales; SELECT * FROM t{n}",
    "SELECT random(), {n}, 3",
    "SELECT /* {n} */ city, FROM sales",
    "```sql\nSELECT /* {n} */ nothing FROM nowhere\n```",
    "WITH RECURSIVE r(x) AS (SELECT {n} UNION ALL SELECT x + 1 FROM r LIMIT 3000) SELECT x, x, x FROM r",
    "SELECT city, hex(zeroblob({m} * 1000)), /* {n} */ 1 FROM sales",
)
DEADLY = (  # one opcode without end
    "SELECT length(trim(replace(hex(zeroblob(500000)), '00', 'c'), replace(hex(zeroblob(50000)), '00', 'b') || 'c')),"
    " {n}, 1"
)


def actions(task: Task, count: int) -> Iterator[tuple[Task, str]]:
    seeds = seed_pairs()
    for n in range(count):
        if n % 50 == 7:
            pair = seeds[n // 50 % len(seeds)]
            yield pair.task, pair.script(n)
        elif n % 1000 == 999:
            yield task, DEADLY.format(n=n)
        else:
            columns = ", ".join(COLUMNS[(n // 7 + i) % 4] for i in range(1 + n // 11 % 4))
            yield task, SMALL[n % len(SMALL)].format(n=n, m=n % 200, columns=columns)


def resident(pid: int | str) -> int:
    """What a process holds now, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def soak(path: Path, evaluations: int) -> tuple[list[tuple[int, int, int]], Counter[str], float]:
    """(evaluations, caller's bytes, workers' bytes) ten times on the way; the outcomes; evaluations per second."""
    task = Task("sales", str(path), QUERY)
    stages, outcomes, start = [], Counter[str](), time.perf_counter()
    with Judge(workers=2, measure="steps", timeout=0.5, cache_bytes=128 * 2**20) as judge:
        tenth = evaluations // 10
        results = judge.evaluate_all(actions(task, evaluations))
        for number, evaluation in enumerate(track(results, "soak", total=evaluations, transient=True), 1):
            outcomes[evaluation.outcome] += 1
            if number % tenth == 0:
                stages.append((number, resident("self"), sum(map(resident, judge.worker_pids))))
    return stages, outcomes, evaluations / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evaluations", type=int, default=100_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sales.db"
        with apsw.Connection(str(path)) as connection:
            script = (
                "CREATE TABLE sales (id INTEGER PRIMARY KEY, city TEXT, amount INTEGER, day TEXT, customer INTEGER);"
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO sales"
                " SELECT i, 'city ' || (i * 7 % 30), i * 31 % 211, date('2024-01-01', i || ' hours'), i % 300 FROM n"
            )
            deque(connection.execute(script), maxlen=0)
        stages, outcomes, rate = soak(path, arguments.evaluations)
    table = Table(title=f"{arguments.evaluations:,} evaluations, {rate:.0f} a second", title_justify="left")
    for column in ("evaluations", "caller, MiB", "growth", "both workers, MiB", "growth"):
        table.add_column(column, justify="right")
    _, caller, workers = stages[0]
    for number, own, theirs in stages:
        figures = (
            f"{own / 2**20:.1f}",
            f"{own / caller - 1:+.1%}",
            f"{theirs / 2**20:.1f}",
            f"{theirs / workers - 1:+.1%}",
        )
        table.add_row(f"{number:,}", *figures)
    console = Console()
    console.print(table)
    console.print("outcomes: " + ", ".join(f"{name} {count:,}" for name, count in outcomes.most_common()))


if __name__ == "__main__":
    main()
