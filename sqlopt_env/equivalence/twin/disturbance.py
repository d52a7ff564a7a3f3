"""Small changes to a real database under which an answer known by heart is found out.

A rewrite may recognise the real database by its size, its largest key or one of its rows, answer by heart there, and
compute its answer everywhere else: on small databases and on a twin. Here the real database itself is changed, in few
rows, so that nearly all such signs stay while the answer moves: first values, then the number of rows.

Or it may rely on what the real data happen to be like, behind a sign that small databases do not show: that an amount
is never negative, a name never there twice. So the changes break such habits, as far as the schema allows.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import apsw

from ..shape import TableShape
from .grafting import grafted, new_rows, refers
from .ground import Ground, Sampled
from .handles import Step
from .shuffling import shuffled
from .sprinkling import at_the_top, sprinkled, twins

SIZES = (60, 1000, 10_000)  # rows of a table that are changed; the first with which the answer moves is taken
_DELETED = 7
_ROWS_KEPT = 100  # of a table, about, where so few of its changes are enough


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Steps to be run one after the other inside a transaction: `changes` of rows among themselves, then what is
    `planted`, and at last rows that go and come, `losses`."""

    changes: list[Step]
    planted: list[Step]
    losses: list[Step]


def apply(connection: apsw.Connection, steps: Iterable[Step]) -> None:
    """Changes the database. What a constraint refuses stays as it is."""
    for statement, arguments in steps:
        connection.executemany(statement, arguments)


def narrowed(disturbance: Disturbance, moves: Callable[[list[Step]], bool], most_runs: int = 12) -> Disturbance:
    """The same with fewer changes, of which `moves` says that they still move the answer: half of them, and half of
    these, down to about a hundred rows a table, for as long as a half does and `most_runs` suffice."""
    changes, runs = disturbance.changes, 0
    while max((len(arguments) for _, arguments in changes), default=0) > _ROWS_KEPT:
        for half in _halves(changes):
            if runs == most_runs:
                return replace(disturbance, changes=changes)
            runs += 1
            if moves(half):
                changes = half
                break
        else:
            break
    return replace(disturbance, changes=changes)


def _halves(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Neighbours stay together: they lie on the same pages."""
    for second in (False, True):
        parts = ((s, a[(len(a) + 1) // 2 :] if second else a[: (len(a) + 1) // 2]) for s, a in steps)
        yield [(statement, arguments) for statement, arguments in parts if arguments]


def disturbance(
    connection: apsw.Connection,
    tables: Sequence[TableShape],
    reads: Iterable[tuple[str, str]],
    size: int,
    seed: int,
    query: str = "",
    samples: Sequence[Sampled] = (),
) -> Disturbance:
    """Changes `size` rows of each table that a query reads, in the columns that it reads, plants what `samples` hold,
    and takes some rows away.

    Tries the changes on the connection, and takes them back.
    """
    rng = random.Random(seed)
    ground = Ground(connection, tables, reads, query, samples, random.Random(seed))
    plan = Disturbance([], [], [])
    connection.execute("SAVEPOINT disturbance")
    try:
        read = {name: handle for name, handle in ground.handles.items() if name in ground.read}
        for name, handle in read.items():
            chosen = handle.some(size + _DELETED, rng)
            plan.changes.extend(handle.accepted(shuffled(handle, ground.read[name], chosen[_DELETED:], rng)))
            if len(chosen) > _DELETED and not ground.links.parents & {name}:  # whose rows others may refer to
                plan.losses.extend(handle.deleted(chosen[:_DELETED]))
        if samples:
            _plant(ground, plan)
    finally:
        connection.execute("ROLLBACK TO disturbance; RELEASE disturbance")
    return plan


def _plant(ground: Ground, plan: Disturbance) -> None:
    plants = grafted(ground)
    for name in [name for name in ground.read if name in ground.handles]:
        handle, grafts = ground.handles[name], plants[name]
        plan.planted.extend(handle.accepted(sprinkled(ground, name) | twins(ground, name, grafts) | grafts))
        plan.planted.extend(handle.accepted(at_the_top(ground, name, grafts)))
    for name, new in new_rows(ground).items():
        whole = (row for row in new if refers(ground, name, row))  # asked when the rows before it are in
        plan.losses.extend(ground.handles[name].inserted(whole))
