"""The indexes to choose from: for every column of a large table one, and for pairs that queries like to ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlopt_env.trees.draft import identifier

from .catalogue import Catalogue, Relation

MOST = 60  # a script may have 64
_LEAST_ROWS = 500
_LARGE = 80_000  # rows from which building takes longer than all else
_LEADING, _FOLLOWING = (6, 4), (3, 2)  # columns that begin a pair and that end one, of ordinary and of large tables


def index_pool(catalogue: Catalogue) -> tuple[str, ...]:
    """CREATE INDEX statements over the tables of a database, in turn for each of them, at most MOST."""
    pools = [list(_indexes(relation)) for relation in catalogue.relations if relation.rows >= _LEAST_ROWS]
    turns = [pool[turn] for turn in range(max(map(len, pools), default=0)) for pool in pools if turn < len(pool)]
    return tuple(
        f"CREATE INDEX idx_{_plain(table)}_{'_'.join(map(_plain, columns))}_{number}"
        f" ON {identifier(table)} ({', '.join(map(identifier, columns))})"
        for number, (table, columns) in enumerate(turns[:MOST], 1)
    )


def _indexes(relation: Relation) -> Iterator[tuple[str, tuple[str, ...]]]:
    known = {(key[0],) for key in relation.survey.keys}  # there is an index that begins so
    for column in relation.columns:
        if (column.name,) not in known:
            yield relation.name, (column.name,)
    leading = [column.name for column in (*relation.links, *relation.categories)]
    following = [column.name for column in (*relation.dates[:2], *relation.numbers[:2])]
    large = relation.rows > _LARGE
    for first in list(dict.fromkeys(leading))[: _LEADING[large]]:
        for second in following[: _FOLLOWING[large]]:
            if first != second:
                yield relation.name, (first, second)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower()
