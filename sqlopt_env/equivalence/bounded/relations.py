"""Symbolic relations: named columns and rows that may be there."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from .expressions import Row
from .logic import Formula, Value, alike, both, either, negation


@dataclass(frozen=True, slots=True)
class Relation:
    names: list[tuple[str, str]]  # (source, column) in lower case
    rows: list[Row]

    def renamed(self, source: str, alias: exp.Expr | None) -> Relation:
        """As an item of FROM, whose alias may list new names of the columns."""
        listed = [column.name.lower() for column in alias.args.get("columns") or []] if alias is not None else []
        return Relation([(source, name) for name in listed or [name for _, name in self.names]], self.rows)


def joined(left: Relation, right: Relation, met: list[list[Formula]], side: str) -> Relation:
    """`met[i][j]`: whether rows i and j fulfil the condition; `side`: "", LEFT, RIGHT or FULL."""
    pairs = [
        [both(there, other, met[i][j]) for j, (other, _) in enumerate(right.rows)]
        for i, (there, _) in enumerate(left.rows)
    ]
    rows = [
        (pairs[i][j], [*ours, *theirs])
        for i, (_, ours) in enumerate(left.rows)
        for j, (_, theirs) in enumerate(right.rows)
        if pairs[i][j] is not False
    ]
    if side in ("LEFT", "FULL"):
        for line, (there, ours) in zip(pairs, left.rows, strict=True):
            rows.append((both(there, negation(either(*line))), [*ours, *_nulls(right)]))
    if side in ("RIGHT", "FULL"):
        for j, (there, theirs) in enumerate(right.rows):
            rows.append((both(there, negation(either(*(line[j] for line in pairs)))), [*_nulls(left), *theirs]))
    return Relation([*left.names, *right.names], rows)


def distinct(rows: list[Row]) -> list[Row]:
    """Each row that no earlier one is like."""
    return [
        (both(there, *(negation(both(t, alike(v, values))) for t, v in rows[:i])), values)
        for i, (there, values) in enumerate(rows)
    ]


def _nulls(relation: Relation) -> list[Value]:
    kinds = [value.kind for value in relation.rows[0][1]] if relation.rows else [""] * len(relation.names)
    return [Value(True, 0, kind) for kind in kinds]
