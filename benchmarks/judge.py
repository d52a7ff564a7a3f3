"""How fast and how repeatable is the judge? The 20 seeds with their answers, several passes in one process.

    python benchmarks/judge.py [--passes 5]

Prints evaluations per second, the time of an evaluation in units of running the original and the answer once (the
floor of anything that measures), the 90th percentile of the deviation of log speedup from its own median, and how
often a query compared with itself is called improved.
"""

from __future__ import annotations

import argparse
import time
from math import log
from statistics import median, quantiles

from rich.console import Console
from rich.table import Table

from sqlopt_env import Evaluation, Judge, load_tasks


def measure(name: str, passes: int) -> list[str]:
    tasks = load_tasks()
    with Judge(workers=1, measure=name) as judge:
        for task in tasks:
            judge.evaluate(task, task.reference)  # loads the database, fetches the originals' rows
        start = time.perf_counter()
        rounds = [[judge.evaluate(task, task.reference) for task in tasks] for _ in range(passes)]
        seconds = time.perf_counter() - start
        itself = [judge.evaluate(task, task.query) for task in tasks for _ in range(passes)]
    by_task = [[log(speedup(row[i])) for row in rounds] for i in range(len(tasks))]
    deviations = [abs(value - median(values)) for values in by_task for value in values]
    count = passes * len(tasks)
    floor = sum((e.baseline_seconds or 0.0) + (e.rewrite_seconds or 0.0) for row in rounds for e in row)
    return [
        name,
        f"{count / seconds:.1f}",
        f"{seconds / floor:.1f}" if name == "time" else "-",
        f"{quantiles(deviations, n=10)[-1]:.3f}",
        f"{sum(e.outcome == 'improved' for e in itself)} of {count}",
    ]


def speedup(evaluation: Evaluation) -> float:
    assert evaluation.speedup is not None, evaluation.reason
    return evaluation.speedup


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passes", type=int, default=5)
    passes = parser.parse_args().passes
    table = Table(title="The judge on the 20 seeds", title_justify="left")
    for column in ("measure", "evaluations/s", "x floor", "p90 deviation of log speedup", "itself called improved"):
        table.add_column(column, justify="right")
    for name in ("time", "steps"):
        table.add_row(*measure(name, passes))
    Console().print(table)


if __name__ == "__main__":
    main()
