"""The generator of slow queries on every training domain: how fast, how valid, how diverse, how improvable.

    python benchmarks/generator.py [--n 400] [--seed 0] [--judged 60] [DOMAIN ...]

Each domain gets `n` queries by two workers. Then the judge, by time, evaluates the known answers of `judged` of them,
evenly spaced; where that is not twice as fast, a bounded search with every technique looks for a better one. Then the
first queries are made again, with the same seed and with its neighbour.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from sqlopt_agents.search import search
from sqlopt_curricula.diversity import fingerprints
from sqlopt_curricula.generator.generate import Generator, Slot
from sqlopt_curricula.generator.slow_query import SlowQuery
from sqlopt_curricula.generator.summary import Summary, summarise

from sqlopt_env import Evaluation, Judge, SqlOptError
from sqlopt_env.databases import TRAINING, database_path

WANTED = 2.0  # times as fast
AGAIN = 20  # queries that are made a second time


@dataclass
class Judged:
    """What the judge says of known answers by time."""

    count: int = 0
    valid: int = 0  # tasks that the judge takes
    equivalent: int = 0  # answers that it finds equal to the query
    improvable: int = 0


def generated(domain: str, n: int, seed: int) -> list[Slot]:
    with Judge(workers=2, measure="steps") as judge:
        return list(Generator(judge, domain, seed).slots(n))


def judged(queries: list[SlowQuery], console: Console) -> Judged:
    found = Judged()
    with Judge(workers=1) as judge, console.status("judging") as status:
        for query in queries:
            found.count += 1
            status.update(f"judging {found.count} of {len(queries)}")
            try:
                judge.prepare(query.task)
                evaluation = judge.evaluate(query.task, query.task.reference or query.task.query)
            except SqlOptError as error:
                console.print(f"no task: {query.task.id}: {error}", markup=False)
                continue
            found.valid += 1
            found.equivalent += evaluation.outcome in ("improved", "equivalent")
            if evaluation.outcome not in ("improved", "equivalent"):
                text = (
                    f"{evaluation.outcome}: {query.task.id} ({query.shape}, {query.pessimisers}): {evaluation.reason}"
                )
                console.print(text, markup=False)
            found.improvable += is_fast(evaluation) or is_fast(search(judge, query.task).best)
    return found


def is_fast(evaluation: Evaluation | None) -> bool:
    paid = evaluation is not None and evaluation.outcome == "improved"
    return paid and evaluation is not None and (evaluation.effective_speedup or 0.0) >= WANTED


def texts(slots: list[Slot]) -> list[str]:
    return [slot.query.task.query for slot in slots if slot.query]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("domains", nargs="*", default=list(TRAINING))
    parser.add_argument("--n", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--judged", type=int, default=60)
    options = parser.parse_args()
    console = Console(width=160)
    table = Table(title=f"{options.n} slow queries a domain, seed {options.seed}, two workers", title_justify="left")
    for column in (
        "domain", "accepted", "seconds", "ms (median)", "literals masked", "names masked", "two shapes", "2x by steps",
        "valid", "equal", "2x by time", "same again", "neighbour shares",
    ):  # fmt: skip
        table.add_column(column, justify="left" if column == "domain" else "right")
    for domain in options.domains:
        database_path(domain)  # built beforehand
        start = time.perf_counter()
        slots = generated(domain, options.n, options.seed)
        seconds = time.perf_counter() - start
        summary = summarise(slots)
        queries = [slot.query for slot in slots if slot.query]
        step = max(1, len(queries) // max(1, options.judged))
        by_judge = judged(queries[::step][: options.judged], console)
        again = texts(generated(domain, AGAIN, options.seed)) == texts(slots[:AGAIN])
        neighbour = texts(generated(domain, AGAIN, options.seed + 1))
        table.add_row(*row(domain, summary, seconds, by_judge, again, shared(neighbour, texts(slots))))
        console.print(f"{domain}: refused {dict(summary.refused)}", markup=False, highlight=False)
    console.print(table)


def shared(some: list[str], others: list[str]) -> int:
    """How many of some queries share any fingerprint with one of the others."""
    kinds = ("exact", "literals", "names", "shape")
    known = {(kind, getattr(fingerprints(query), kind)) for query in others for kind in kinds}
    return sum(any((kind, getattr(fingerprints(query), kind)) in known for kind in kinds) for query in some)


def row(domain: str, summary: Summary, seconds: float, found: Judged, again: bool, shares: int) -> list[str]:
    count = max(1, found.count)
    return [
        domain,
        str(summary.count),
        f"{seconds:.0f}",
        f"{summary.milliseconds[3]:.1f}",
        f"{summary.diversity.literals:.1%}",
        f"{summary.diversity.names:.1%}",
        f"{summary.two_largest:.1%}",
        f"{summary.improvable:.1%}",
        f"{found.valid / count:.0%}",
        f"{found.equivalent / count:.0%}",
        f"{found.improvable / count:.0%}",
        "yes" if again else "NO",
        str(shares),
    ]


if __name__ == "__main__":
    main()
