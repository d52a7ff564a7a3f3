"""Mistakes made in the queries of the seeds and in generated ones: how many does `verify` refute?

    python -m benchmarks.mutations [--mutants 600] [--databases 3000] [--budget 1.0] [--seed 0] [--json FILE]

Prints refuted / (refuted + survivors) for each kind of mistake and in total, and each survivor with its query, its
mutant and a database on which they differ. `--mutants 0` examines all of them.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from .oracle import Oracle
from .queries import generated, seeds
from .survey import Finding, examine, mutants_of, sample


def table(findings: list[Finding]) -> Table:
    shown = Table(title="Mistakes made in queries", title_justify="left")
    shown.add_column("kind")
    for column in ("mutants", "refuted", "survivors", "same query", "not decided", "refuted of wrong"):
        shown.add_column(column, justify="right")
    kinds = sorted({finding.mutant.kind for finding in findings})
    for kind in [*kinds, None]:
        group = [finding for finding in findings if kind in (None, finding.mutant.kind)]
        statuses = Counter("survived" if finding.survived else finding.status for finding in group)
        wrong = statuses["refuted"] + statuses["survived"]
        undecided = statuses["unknown"] + statuses["invalid"]
        if kind is None:
            shown.add_section()
        shown.add_row(
            kind or "all",
            str(len(group)),
            str(statuses["refuted"]),
            str(statuses["survived"]),
            str(statuses["proved"] + statuses["tested"]),
            str(undecided),
            f"{statuses['refuted'] / wrong:.1%}" if wrong else "-",
        )
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=600)
    parser.add_argument("--databases", type=int, default=3000)
    parser.add_argument("--budget", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    console = Console(width=130)
    everything = [mutant for subject in [*seeds(), *generated(seed=arguments.seed)] for mutant in mutants_of(subject)]
    chosen = sample(everything, arguments.mutants or len(everything), arguments.seed)
    oracles: dict[str, Oracle] = {}
    findings = [
        examine(mutant, oracles, arguments.databases, arguments.budget)
        for mutant in track(chosen, f"{len(chosen):,} of {len(everything):,} mutants", console=Console(stderr=True))
    ]
    console.print(table(findings))
    for finding in findings:
        if finding.survived:
            console.print(f"\nsurvivor: {finding.mutant.kind} in {finding.mutant.subject.name}, {finding.status}")
            console.print(
                finding.mutant.subject.query,
                finding.mutant.query,
                finding.witness,
                sep="\n",
                markup=False,
                soft_wrap=True,
            )
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(finding) for finding in findings], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
