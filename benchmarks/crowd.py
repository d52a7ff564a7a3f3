"""What more workers than cores do to the figures of the judge.

    python benchmarks/crowd.py [--workers 1 2 4 8] [--tasks 20] [--passes 5]

The answers of the seeds by time, as texts that the judge has not seen, on indexes that it has; more and more workers at
a time. `deviation` is |log speedup - its median| over the passes of one judge; `width` the log of the 95 % interval's
ends' ratio.
"""

from __future__ import annotations

import argparse
import os
import time
from math import log
from statistics import median, quantiles

from pairs import seed_pairs
from rich.console import Console
from rich.table import Table

from sqlopt_env import Judge


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--tasks", type=int, default=20, help="seeds, the first of them")
    parser.add_argument("--passes", type=int, default=5)
    arguments = parser.parse_args()
    console, passes = Console(), arguments.passes
    table = Table(title=f"More workers than cores: {os.cpu_count()} cores", title_justify="left")
    for column in ("workers", "evaluations/s", "p90 deviation of log speedup", "median width of the interval"):
        table.add_column(column, justify="right")
    table.add_column("improved", justify="right")
    pairs = seed_pairs()[: arguments.tasks]
    for size in arguments.workers:
        logs: dict[str, list[float]] = {pair.task.id: [] for pair in pairs}
        widths, improved = [], 0
        with Judge(workers=size) as judge:
            for _ in judge.evaluate_all((pair.task, pair.script(n)) for n in range(size) for pair in pairs):
                pass  # every worker knows every task
            start = time.perf_counter()
            given = [(pair.task, pair.script(100 + n)) for n in range(passes) for pair in pairs]
            for evaluation in judge.evaluate_all(given):
                improved += evaluation.outcome == "improved"
                if evaluation.speedup is not None and evaluation.speedup_interval is not None:
                    low, high = evaluation.speedup_interval
                    logs[evaluation.task_id].append(log(evaluation.speedup))
                    widths.append(log(high / low) if low > 0 else 10.0)
            seconds = time.perf_counter() - start
        deviations = [abs(value - median(values)) for values in logs.values() for value in values]
        table.add_row(
            str(size), f"{len(given) / seconds:.1f}", f"{quantiles(deviations, n=10)[-1]:.3f}",
            f"{median(widths):.2f}", f"{improved / len(given):.1%}",
        )  # fmt: skip
    console.print(table)
    console.print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
