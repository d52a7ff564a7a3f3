"""Tens of thousands of actions that no policy should write: does the judge answer each, in time, and pay none wrongly?

    python benchmarks/fuzz.py [--actions 20000] [--seed 0] [--workers 2] [--databases 200]
                              [--tasks 30] [--json FILE]

Actions come from hypothesis (texts, bytes, soups of tokens, nested queries, JSON, fences) and from mutations of the
seeds, of the tests' queries and of their attacks; each is judged on one of 30 tasks on two databases, by steps, with
half a second. What is paid is asked of plain SQLite again, on the file and on random databases. Ends with status 1
where anything is wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from fuzzing.actions import make_actions
from fuzzing.corpus import read_corpus
from fuzzing.run import Report, run
from rich.console import Console
from rich.table import Table


def tables(report: Report) -> list[Table]:
    outcomes = sorted({outcome for counter in report.outcomes.values() for outcome in counter})
    kinds = Table(title=f"{report.actions:,} actions, {report.rate:.0f} a second", title_justify="left")
    kinds.add_column("generator")
    for column in ("actions", *outcomes):
        kinds.add_column(column, justify="right")
    total = Counter[str]()
    for generator, counts in sorted(report.outcomes.items()):
        counter = Counter(counts)
        total += counter
        kinds.add_row(generator, f"{counter.total():,}", *(f"{counter[outcome]:,}" for outcome in outcomes))
    kinds.add_section()
    kinds.add_row("all", f"{total.total():,}", *(f"{total[outcome]:,}" for outcome in outcomes))
    held = Table(title="What the caller holds", title_justify="left")
    for column in ("", "before", "after"):
        held.add_column(column, justify="right" if column else "left")
    for name, before in asdict(report.before).items():
        after = asdict(report.after)[name]
        held.add_row(name, *(f"{n / 2**20:.1f} MiB" if "memory" in name else str(n) for n in (before, after)))
    return [kinds, held]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--actions", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--databases", type=int, default=200, help="random ones, on which what is paid is compared")
    parser.add_argument("--tasks", type=int, default=30, help="about so many of them; each is prepared first")
    parser.add_argument("--json", type=Path, help="a file for the report")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus = read_corpus(Path(folder), arguments.tasks)
        actions = make_actions(corpus, arguments.actions, arguments.seed)
        report = run(corpus, actions, arguments.workers, arguments.databases, arguments.seed)
    console = Console(width=150)
    for table in tables(report):
        console.print(table)
    console.print(f"paid {report.paid:,}; {report.checked:,} of them differ, and were compared with plain SQLite")
    for seconds, task, text in report.slowest[:5]:
        console.print(f"{seconds:.2f} s on {task}: {text[:100]!r}", markup=False)
    for fault in report.faults:
        console.print(
            f"\nFAULT {fault.what} [{fault.generator}, {fault.task}]: {fault.detail}", markup=False, soft_wrap=True
        )
        console.print(repr(fault.text[:2000]), markup=False, soft_wrap=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(asdict(report), indent=1), encoding="utf-8")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
