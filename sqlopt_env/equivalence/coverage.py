"""Which branches of the queries have the instances reached? Each condition is to be met once, and missed once.

The queries are run a second time with a probe around each of their conditions: a function that notes the truth value
and hands it on. The probed queries decide nothing.

SQLite leaves out what no longer matters: of `x > 10 AND x > 5` the second part is never false. Where a query is watched
`eagerly`, both sides of each AND and OR are computed on every row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import apsw
from sqlglot import exp
from sqlglot.errors import SqlglotError

from ..sqlite.script import Refusal
from .arena import PROBE, Arena
from .instances.literals import LARGEST_LIMIT
from .parsing import parsed

_COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is, exp.In, exp.Between, exp.Like, exp.Glob)
_MOST_ROWS = 5000
_BOTH, _EITHER = -1, -2  # what a probe may be in the place of: AND, OR


@dataclass(frozen=True, slots=True)
class _Branch:
    """One truth value of one condition, or whether the query returns any row."""

    query: int
    condition: str
    met: bool
    switch: bool  # it may change with the size of the database


class Coverage:
    """Branches of some queries, and which of them have been reached on the arena's instances."""

    def __init__(
        self,
        arena: Arena,
        queries: Sequence[str],
        *,
        wanted: Callable[[exp.Expr], bool] | None = None,
        eagerly: bool = False,
    ) -> None:
        """With `wanted`, these conditions alone are watched, but comparisons wherever they stand."""
        self._arena = arena
        self._wanted, self._eagerly = wanted, eagerly
        self._branches: list[_Branch] = []
        self._reached: set[int] = set()
        self._nodes: list[exp.Expr] = []  # the conditions, without probes
        self._probed: list[str] = []
        self.has_run = False
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
        if self.is_complete:
            return
        self._arena.watch(self._note)
        with self._arena.copy.authorizer.allowing(PROBE):
            for i, query in enumerate(self._probed):
                try:
                    most = 1 if self._wanted is None else _MOST_ROWS
                    any_row = bool(query) and self._arena.rows(query, most) != []
                except (apsw.Error, Refusal, UnicodeDecodeError):
                    continue
                self.has_run = True
                self._reach(i, any_row)

    @property
    def is_readable(self) -> bool:
        return all(self._probed)

    @property
    def is_complete(self) -> bool:
        return len(self._reached) == len(self._branches)

    @property
    def undecided(self) -> list[tuple[exp.Expr, bool, bool]]:
        """The conditions that were not both true and not true, in the order of the query: whether each was true, and
        whether it was not."""
        states = ((i, i in self._reached, i + 1 in self._reached) for i in range(0, len(self._nodes) * 2, 2))
        return [(self._nodes[i // 2], met, missed) for i, met, missed in states if not (met and missed)]

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
        place, value, *others = arguments
        assert isinstance(place, int)
        if place < 0:
            return _joined(place, value, *others)
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
            if self._wanted is not None:
                conditions = list(all_conditions(tree))
            for node in conditions:
                place, bare = len(self._branches), _without_probes(node)
                if self._wanted is not None and not self._wanted(bare):
                    continue
                sql, switch = str(bare.sql(dialect="sqlite")), _is_switch(node)
                self._nodes.append(bare)
                self._branches += [_Branch(number, sql, met, switch) for met in (True, False)]
                probe = exp.Anonymous(this=PROBE, expressions=[exp.Literal.number(place), node.copy()])
                node.replace(probe)
            if self._wanted is None:
                self._branches += [_Branch(number, "", met, False) for met in (True, False)]
            if self._eagerly:
                for joint in reversed(list(tree.find_all(exp.And, exp.Or))):
                    kind = exp.Literal.number(_BOTH if isinstance(joint, exp.And) else _EITHER)
                    sides = [joint.left.copy(), joint.right.copy()]
                    joint.replace(exp.Anonymous(this=PROBE, expressions=[kind, *sides]))
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


def all_conditions(tree: exp.Expr) -> Iterator[exp.Expr]:
    """The conditions and every comparison beside them, wherever it stands: inner ones first. Changes the tree: what
    compares without saying so says it, and indexes are no longer named."""
    for node in list(tree.find_all(exp.Nullif, exp.Case)):
        _spell_out(node)
    for table in tree.find_all(exp.Table):
        table.set("indexed", None)
    wanted = {id(node) for node in _conditions(tree)}
    for compared in tree.find_all(*_COMPARISONS, exp.NullSafeEQ, exp.NullSafeNEQ):
        wanted.add(id(compared.parent if isinstance(compared.parent, exp.Escape) else compared))
    yield from [node for node in tree.walk(bfs=False) if id(node) in wanted][::-1]


def _spell_out(node: exp.Expr) -> None:
    """CASE x WHEN y and nullif(x, y) as CASE WHEN x = y."""
    if isinstance(node, exp.Nullif):
        same = exp.EQ(this=exp.Paren(this=node.this.copy()), expression=exp.Paren(this=node.expression.copy()))
        node.replace(exp.Case(ifs=[exp.If(this=same, true=exp.Null())], default=node.this.copy()))
    elif node.this is not None:
        for branch in node.args["ifs"]:
            compared = exp.Paren(this=node.this.copy())
            branch.set("this", exp.EQ(this=compared, expression=exp.Paren(this=branch.this.copy())))
        node.set("this", None)


def _without_probes(condition: exp.Expr) -> exp.Expr:
    bare: exp.Expr = condition.transform(lambda node: node.expressions[1] if node.name == PROBE else node)
    return bare


def _joined(place: int, one: apsw.SQLiteValue, other: apsw.SQLiteValue) -> apsw.SQLiteValue:
    """AND and OR in three-valued logic, of values that are both computed."""
    truths = [None if value is None else _is_true(value) for value in (one, other)]
    ends = place == _EITHER  # the truth value that one side alone brings about
    return ends if ends in truths else None if None in truths else not ends


def _is_true(value: apsw.SQLiteValue) -> bool:
    if isinstance(value, str):
        try:
            return float(value) != 0
        except ValueError:
            return False
    return bool(value) and not isinstance(value, bytes)
