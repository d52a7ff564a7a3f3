"""Which orders of an original's rows are legal? Tie groups of ORDER BY, also where LIMIT cuts through one.

SQLite itself ranks the rows: the original is wrapped once a task so that DENSE_RANK over its own ORDER BY terms
stands beside each row. sqlglot only finds the terms, and is not trusted: if the ranked rows do not contain the
original's own result as a legal answer, or anything fails, the original's very order is demanded instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby

from sqlglot import exp

from ..sqlite.words import outermost
from .compare import Reference, Row, TieGroup, difference, same_value
from .parsing import parsed

_KEY, _RANK = "__sqlopt_key_{}", "__sqlopt_rank"


class RankedQuery:
    """The original without LIMIT, its sort keys and rank appended to each row, and the window it cuts out."""

    def __init__(self, sql: str, keys: int, offset: int, limit: int | None) -> None:
        self.sql = sql
        self.keys = keys
        self.offset = offset
        self.limit = limit


@lru_cache(maxsize=256)
def is_ordered(query: str) -> bool:
    """Whether the outermost query has ORDER BY."""
    return any(word.is_word("ORDER") for word in outermost(query))


@lru_cache(maxsize=256)
def ranked(query: str, columns: int) -> RankedQuery | None:
    """The query that ranks an ordered original's rows, or None where its terms cannot be found for certain."""
    tree = _parsed(query)
    if not isinstance(tree, exp.Query):
        return None
    window = _window(tree)
    if window is None:
        return None
    terms = tree.args["order"].expressions
    inner = _with_keys(tree, [term.this for term in terms], columns)
    if inner is None:
        return None
    ranking = ", ".join(_term_over(term, _KEY.format(i)) for i, term in enumerate(terms))
    body = inner.sql(dialect="sqlite")
    sql = f'SELECT *, DENSE_RANK() OVER (ORDER BY {ranking}) AS "{_RANK}" FROM ({body}) ORDER BY "{_RANK}"'
    return RankedQuery(sql, len(terms), *window)


@lru_cache(maxsize=256)
def without_window(query: str) -> str:
    """An unordered query without its LIMIT and OFFSET: any rows of that one are a legal answer. "" if it has none."""
    tree = _parsed(query)
    if not isinstance(tree, exp.Query) or not (tree.args.get("limit") or tree.args.get("offset")):
        return ""
    whole = tree.copy()
    whole.set("limit", None)
    whole.set("offset", None)
    return whole.sql(dialect="sqlite")


def with_ties(original: Sequence[Row], ranking: RankedQuery, rows: Iterable[Row]) -> Reference | None:
    """The reference whose tie groups `rows` (of the ranked query) show; None if they contradict `original`."""
    reference = Reference(original, list(_groups(ranking, rows, len(original))))
    assert reference.groups is not None
    if sum(group.size for group in reference.groups) != len(original):
        return None
    # The comparison's quick path would compare the original with itself: shown the groups alone, it must still fit.
    shuffled = Reference([row for group in reference.groups for row in group.pool[: group.size]], reference.groups)
    return None if difference(shuffled, original) else reference


def _parsed(query: str) -> exp.Query | exp.Values | None:
    tree = parsed(query)
    while isinstance(tree, exp.Subquery) and not tree.alias:
        tree = tree.this
    return tree if isinstance(tree, exp.Query | exp.Values) else None


def _window(tree: exp.Query) -> tuple[int, int | None] | None:
    """(offset, limit) as numbers; None where they are not plain numbers."""
    values: list[int | None] = []
    for clause in ("offset", "limit"):
        node = tree.args.get(clause)
        if node is None:
            values.append(None)
            continue
        value = node.expression
        if isinstance(value, exp.Neg) and clause == "limit" and isinstance(value.this, exp.Literal):
            values.append(None)  # a negative LIMIT is none
            continue
        if not (isinstance(value, exp.Literal) and not value.is_string and value.this.isdigit()):
            return None
        values.append(int(value.this))
    return values[0] or 0, values[1]


def _with_keys(tree: exp.Query, terms: list[exp.Expr], columns: int) -> exp.Select | None:
    """The query without its order and window, each sort key added as a column `_KEY`.

    None where it cannot be done without changing the rows.
    """
    inner = tree.copy()
    for clause in ("order", "limit", "offset"):
        inner.set(clause, None)
    outputs: list[exp.Expr] = [projection.copy() for projection in tree.selects]
    compound = isinstance(inner, exp.SetOperation)
    if compound:
        # Its terms can only be output columns: select them, under names of our own, from around it.
        if len(outputs) != columns or any(output.is_star for output in outputs):
            return None
        own = [f"__sqlopt_{i}" for i in range(columns)]
        outputs = [exp.alias_(exp.column(name), _name(output)) for name, output in zip(own, outputs, strict=True)]
        inner = exp.select("*").from_("__sqlopt_all").with_(f"__sqlopt_all({', '.join(own)})", as_=inner)
    if not isinstance(inner, exp.Select):
        return None
    for i, term in enumerate(terms):
        key = _key_expression(term, outputs, columns, distinct=tree.args.get("distinct") is not None)
        if key is None or (compound and not key.name.startswith("__sqlopt_")):
            return None
        inner.select(exp.alias_(key.copy(), _KEY.format(i), quoted=True), append=True, copy=False)
    return inner


def _key_expression(term: exp.Expr, outputs: list[exp.Expr], columns: int, distinct: bool) -> exp.Expr | None:
    """What an ORDER BY term stands for, by SQLite's rule: a position, an output's name, or an expression."""
    bare = term
    while isinstance(bare, exp.Collate | exp.Paren):  # SQLite looks through both
        bare = bare.this
    if isinstance(bare, exp.Literal):
        position = int(bare.this) if not bare.is_string and bare.this.isdigit() else 0
        plain = len(outputs) == columns and not any(output.is_star for output in outputs)
        return outputs[position - 1].unalias() if plain and 1 <= position <= columns else None
    if isinstance(bare, exp.Column) and not bare.table:
        stars = any(output.is_star for output in outputs)
        for output in outputs:
            if _name(output).lower() == bare.name.lower():
                return None if stars else output.unalias()  # a star may hold that name too, and come first
    if distinct and bare not in [output.unalias() for output in outputs]:
        return None  # another column would tell apart rows that DISTINCT holds to be one
    return bare


def _name(output: exp.Expr) -> str:
    """The name that ORDER BY may call an output by; "" where SQLite makes one up."""
    return output.alias or (output.name if isinstance(output, exp.Column) else "")


def _term_over(term: exp.Ordered, column: str) -> str:
    """The ORDER BY term with its direction, NULL order and collation, over the appended column."""
    over = term.copy()
    name = exp.column(exp.to_identifier(column, quoted=True))
    while isinstance(over.this, exp.Paren):
        over.set("this", over.this.this)
    if isinstance(over.this, exp.Collate):
        over.this.set("this", name)
    else:
        over.set("this", name)
    return over.sql(dialect="sqlite")


def _groups(ranking: RankedQuery, rows: Iterable[Row], total: int) -> Iterator[TieGroup]:
    """Tie groups that the window [offset, offset + total) touches; reads no further than their end."""
    extra = ranking.keys + 1
    start, first, last = 0, ranking.offset, ranking.offset + total
    for members in _runs(rows, extra):
        end = start + len(members)
        size = min(end, last) - max(start, first)
        if size > 0:
            yield TieGroup(size, [row[:-extra] for row in members])
        if end >= last:
            return
        start = end


def _runs(rows: Iterable[Row], extra: int) -> Iterator[list[Row]]:
    """Runs of rows with one rank, joined where their keys differ by no more than floats may."""
    run: list[Row] = []
    for _, members in groupby(rows, key=lambda row: row[-1]):
        group = list(members)
        if run and all(map(same_value, run[-1][-extra:-1], group[0][-extra:-1])):
            run += group
            continue
        if run:
            yield run
        run = group
    if run:
        yield run
