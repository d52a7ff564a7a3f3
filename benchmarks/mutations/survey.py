"""How many plausible mistakes does `verify` find, kind by kind?

Each mutant that SQLite prepares goes to `verify`. One that is not refuted goes to the oracle: thousands of plain random
databases. Mutants that the oracle tells apart and `verify` accepted are the survivors; those that neither tells apart
are held to be the same query and do not count.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import apsw
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sqlopt_env import verify

from . import aggregates, filters, joins, values
from .oracle import Oracle
from .queries import Subject, columns_of

KINDS = {**filters.KINDS, **values.KINDS, **aggregates.KINDS, **joins.KINDS}
WITH_COLUMNS = {"another column": values.other_columns, "COUNT(*) as COUNT(column)": aggregates.count_of_column}


@dataclass(frozen=True)
class Mutant:
    subject: Subject
    kind: str
    query: str


@dataclass(frozen=True)
class Finding:
    mutant: Mutant
    status: str  # verify's
    survived: bool  # verify did not refute it, and the oracle tells it apart
    witness: str  # the oracle's
    reason: str
    seconds: float


def mutants_of(subject: Subject) -> Iterator[Mutant]:
    """The mutants of a query that SQLite prepares, each text once."""
    tree = sqlglot.parse_one(subject.query, dialect="sqlite")
    types = columns_of(subject.schema)
    connection = apsw.Connection(":memory:")
    connection.execute(subject.schema).fetchall()
    seen = {tree.sql(dialect="sqlite"), subject.query}
    kinds: dict[str, Callable[[exp.Expr], Iterator[exp.Expr]]] = dict(KINDS)
    for name, kind in WITH_COLUMNS.items():
        kinds[name] = lambda query, kind=kind: kind(query, types)  # type: ignore[misc]
    for name, mutate in kinds.items():
        for mutated in mutate(tree):
            try:
                text = mutated.sql(dialect="sqlite")
                connection.execute(f"EXPLAIN {text}").fetchall()
            except (apsw.Error, SqlglotError):
                continue
            if text not in seen:
                seen.add(text)
                yield Mutant(subject, name, text)


def sample(mutants: list[Mutant], count: int, seed: int) -> list[Mutant]:
    """`count` mutants, every kind in turn, so that rare kinds are there too."""
    rng = random.Random(seed)
    piles: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        piles.setdefault(mutant.kind, []).append(mutant)
    for pile in piles.values():
        rng.shuffle(pile)
    chosen: list[Mutant] = []
    while len(chosen) < min(count, len(mutants)):
        chosen += [pile.pop() for pile in piles.values() if pile]
    return chosen[:count]


def examine(mutant: Mutant, oracles: dict[str, Oracle], databases: int, budget: float) -> Finding:
    schema, query = mutant.subject.schema, mutant.subject.query
    verdict = verify(schema, query, mutant.query, budget=budget)
    witness = None
    if verdict.status != "refuted":
        oracle = oracles.setdefault(schema, Oracle(schema))
        witness = oracle.witness(query, mutant.query, databases)
    return Finding(mutant, verdict.status, witness is not None, witness or "", verdict.reason, verdict.seconds)
