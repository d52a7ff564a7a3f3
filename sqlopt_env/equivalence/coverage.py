"""Which branches of the queries have the instances reached? Each condition is to be met once, and missed once.

The queries are run a second time with a probe around each of their conditions: a function that notes the truth value
and hands it on. The probed queries decide nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import apsw
from sqlglot import exp
from sqlglot.errors import SqlglotError

from ..sqlite.script import Refusal
from .arena import Arena
from .instances.literals import LARGEST_LIMIT
from .parsing import parsed

_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is, exp.In, exp.Between, exp.Like, exp.Glob)
_PROBE = "sqlopt_probe"


@dataclass(frozen=True, slots=True)
class _Branch:
    """One truth value of one condition, or whether the query returns any row."""

    query: int
    condition: str
    met: bool
    switch: bool  # it may change with the size of the database


class Coverage:
    """Branches of some queries, and which of them have been reached on the arena's instances."""

    def __init__(self, arena: Arena, queries: Sequence[str]) -> None:
        self._arena = arena
        self._branches: list[_Branch] = []
        self._reached: set[int] = set()
        self._probed: list[str] = []
        arena.copy.connection.create_scalar_function(_PROBE, self._note, 2)
        for i, query in enumerate(queries):
            self._probed.append(self._with_probes(i, query))

    @property
    def reached(self) -> int:
        return len(self._reached)

    @property
    def branches(self) -> int:
        return len(self._branches)

    def observe(self) -> None:
        """Runs the probed queries on the instance that the arena holds."""
        if len(self._reached) == len(self._branches):
            return
        with self._arena.copy.authorizer.allowing(_PROBE):
            for i, query in enumerate(self._probed):
                try:
                    any_row = bool(query) and self._arena.rows(query, 1) != []
                except (apsw.Error, Refusal, UnicodeDecodeError):
                    continue
                self._reach(i, any_row)

    def never_switched(self) -> str:
        """A condition on the whole database, or with a large number, that only the last query has and that never
        changed; "" if there is none."""
        last = len(self._probed) - 1
        known = {branch.condition for branch in self._branches if branch.query < last}
        for i, branch in enumerate(self._branches):
            if branch.switch and branch.query == last and i not in self._reached and branch.condition not in known:
                return f"{branch.condition} was never {'true' if branch.met else 'false'}"
        return ""

    def _note(self, *arguments: apsw.SQLiteValue) -> apsw.SQLiteValue:
        place, value = arguments
        assert isinstance(place, int)
        self._reached.add(place if _is_true(value) else place + 1)
        return value

    def _reach(self, query: int, any_row: bool) -> None:
        for i, branch in enumerate(self._branches):
            if branch.query == query and not branch.condition and branch.met is any_row:
                self._reached.add(i)

    def _with_probes(self, number: int, query: str) -> str:
        """The query with its probes, or "" where sqlglot cannot read it."""
        tree = parsed(query)
        if tree is None:
            return ""
        tree = tree.copy()
        try:
            conditions = list({id(node): node for node in _conditions(tree)}.values())
            for node in conditions:
                place = len(self._branches)
                sql, switch = _without_probes(node), _is_switch(node)
                self._branches += [_Branch(number, sql, met, switch) for met in (True, False)]
                probe = exp.Anonymous(this=_PROBE, expressions=[exp.Literal.number(place), node.copy()])
                node.replace(probe)
            self._branches += [_Branch(number, "", met, False) for met in (True, False)]
            return tree.sql(dialect="sqlite")
        except (SqlglotError, RecursionError):
            return ""


def _conditions(tree: exp.Expr) -> Iterator[exp.Expr]:
    """The conditions that rows meet or miss: parts of WHERE, ON, HAVING, FILTER and WHEN, inner ones first."""
    holders = [node for node in tree.walk(bfs=False) if isinstance(node, exp.Where | exp.Having | exp.Join | exp.If)]
    for node in reversed(holders):
        condition = node.args.get("on") if isinstance(node, exp.Join) else node.this
        if isinstance(node, exp.If) and isinstance(node.parent, exp.Case) and node.parent.this is not None:
            continue  # CASE x WHEN value
        if condition is not None:
            yield from _parts(condition)
    # A switch may also stand where a value does: coalesce(nullif(634 * ((SELECT max(id) ...) = 60306), 0), ...)
    for compared in reversed(list(tree.find_all(*_COMPARISONS))):
        if isinstance(compared.parent, exp.Binary | exp.Paren | exp.Func | exp.Alias) and _is_switch(compared):
            yield compared


def _parts(condition: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(condition, exp.And | exp.Or):
        yield from _parts(condition.left)
        yield from _parts(condition.right)
    elif isinstance(condition, exp.Paren | exp.Not):
        yield from _parts(condition.this)
    else:
        yield condition


def _is_switch(condition: exp.Expr) -> bool:
    """Whether it may change with the size of the database: it has a large number, or is about no single row."""
    if any(literal.is_int and int(literal.this) > LARGEST_LIMIT for literal in condition.find_all(exp.Literal)):
        return True
    for node in condition.walk(prune=lambda node: isinstance(node, exp.Query)):
        if isinstance(node, exp.Column):
            return False
        if isinstance(node, exp.Query) and any(node.find_all(exp.AggFunc, exp.Limit, exp.Offset)):
            return True
    return False


def _without_probes(condition: exp.Expr) -> str:
    bare: exp.Expr = condition.transform(lambda node: node.expressions[1] if node.name == _PROBE else node)
    return str(bare.sql(dialect="sqlite"))


def _is_true(value: apsw.SQLiteValue) -> bool:
    if isinstance(value, str):
        try:
            return float(value) != 0
        except ValueError:
            return False
    return bool(value) and not isinstance(value, bytes)
