"""Does SQL itself leave a query's answer open?

Not a matter of taste: a LIMIT that takes any rows, a column that comes from any row of its group, random(). Such a
query has no answer that a rewrite could be compared with. Only what is certain is said, and only about the query's own
text: the order of the result, and any rows under the outermost LIMIT, are judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from ..parsing import parsed
from ..shape import TableShape
from .dependencies import Scope, Tables, Unclear
from .suspicion import RANDOM, suspicious
from .syntax import bare_columns, conjuncts, is_aggregate, own_nodes, place_of, text_of, unwrapped

__all__ = ["suspicious", "undetermined"]

_SHOWN = 60  # letters of the query's text in a reason


def undetermined(tables: Sequence[TableShape], query: str) -> str:
    """Why the query's answer is certainly not determined, as a sentence; "" where it is or may be. Never raises."""
    try:
        return _undetermined({table.name.lower(): table for table in tables}, query)
    except Exception:  # whatever a parser makes of an odd query: nothing is certain then
        return ""


def _undetermined(tables: Tables, query: str) -> str:
    tree = parsed(query)
    if tree is None:
        return ""
    for node in tree.find_all(exp.Rand, exp.Anonymous):
        if isinstance(node, exp.Rand) or node.name.lower() in RANDOM:
            return f"{text_of(node)} may be another value at every run"
    root = unwrapped(tree)
    for select in root.find_all(exp.Select, exp.SetOperation):
        try:
            if select is not root and _takes_any(select, root, tables):
                return f"a LIMIT without ORDER BY in a subquery takes any rows: {_shown(select)}"
            column = _any_of_group(select, root, tables) if isinstance(select, exp.Select) else None
        except Unclear:
            continue
        if column is not None:
            return f"the column {column.sql('sqlite')} may come from any row of its group: {_shown(select)}"
    return ""


def _shown(node: exp.Expr) -> str:
    text = node.sql(dialect="sqlite")
    return text if len(text) <= _SHOWN else text[: _SHOWN - 4] + " ..."


# LIMIT


def _takes_any(query: exp.Expr, root: exp.Expr, tables: Tables) -> bool:
    """Whether its LIMIT or OFFSET chooses among rows that differ, and the choice can be seen outside."""
    if query.args.get("order") or not _cuts(query) or isinstance(place_of(query), exp.Exists):
        return False
    if not any(_reads(part, tables) for part in _parts(query)):
        return False
    return _is_seen(query, root)


def _cuts(query: exp.Expr) -> bool:
    limit, offset = (_number(query.args.get(name)) for name in ("limit", "offset"))
    return (limit is not None and limit > 0) or (limit != 0 and offset is not None and offset > 0)


def _number(clause: exp.Expr | None) -> int | None:
    value = clause.expression if clause is not None else None
    sign = -1 if isinstance(value, exp.Neg) else 1
    value = value.this if isinstance(value, exp.Neg) else value
    return sign * int(value.this) if isinstance(value, exp.Literal) and value.is_int else None


def _parts(query: exp.Expr) -> Iterator[exp.Select]:
    """The SELECTs that a compound query is made of."""
    query = unwrapped(query)
    if isinstance(query, exp.SetOperation):
        yield from _parts(query.left)
        yield from _parts(query.right)
    elif isinstance(query, exp.Select):
        yield query


def _reads(select: exp.Select, tables: Tables) -> bool:
    """Whether it returns rows that may differ."""
    scope = Scope(select, tables)
    if scope.at_most_one_row():
        return False
    known = scope.closure()
    return not all(
        known.has(scope.columns(what)) and not any(map(is_aggregate, own_nodes(what))) for _, what in scope.outputs
    )


def _is_seen(query: exp.Expr, root: exp.Expr) -> bool:
    """Whether more is asked of a subquery than how many rows it has."""
    place = place_of(query)
    if isinstance(place, exp.CTE):
        uses = [table for table in root.find_all(exp.Table) if table.name.lower() == place.alias.lower()]
        recursive = any(table.find_ancestor(exp.CTE) is place for table in uses)
        return not recursive and any(_reader_sees(table) for table in uses)
    return _reader_sees(place) if isinstance(place, exp.Subquery) else True


def _reader_sees(item: exp.Expr) -> bool:
    if not isinstance(item.parent, exp.From | exp.Join):
        return True
    reader = item.find_ancestor(exp.Select)
    if reader is None:
        return True
    inside = {id(node) for node in item.walk()}
    skipped = reader.expressions if isinstance(place_of(reader), exp.Exists) else []
    inside |= {id(node) for part in skipped for node in part.walk()}
    others = [node for node in reader.walk() if id(node) not in inside]
    return any(
        isinstance(n, exp.Column) or (isinstance(n, exp.Star) and not isinstance(n.parent, exp.Count)) for n in others
    )


# Columns beside aggregates


def _any_of_group(select: exp.Select, root: exp.Expr, tables: Tables) -> exp.Column | None:
    """A column that is neither grouped by, nor aggregated, nor determined by what is."""
    grouping = select.args.get("group") or select.args.get("having")
    if not grouping and not any(map(is_aggregate, select.find_all(exp.AggFunc, exp.Anonymous))):
        return None
    scope = Scope(select, tables)
    if not grouping and not scope.aggregates:
        return None
    # SQLite takes the other columns from the row that has the minimum or maximum (lang_select.html, section 2.5).
    if sum(isinstance(node, exp.Min | exp.Max) for node in scope.aggregates) == 1 or _one_row_groups(select):
        return None
    grouped = {text_of(term) for term in scope.group if not isinstance(term, exp.Column)}
    known = scope.closure(column for term in scope.group if _one_to_one(term) for column in scope.columns(term))
    for part in _shown_parts(select, scope, root):
        for column in bare_columns(part, grouped, unknown=False):
            found = scope.resolve(column)
            if found is not None and not known.has([found]):
                return column
    return None


def _one_to_one(term: exp.Expr) -> bool:
    """Whether a term of GROUP BY tells the column in it."""
    term = term.unnest()
    if isinstance(term, exp.Neg):
        return _one_to_one(term.this)
    if isinstance(term, exp.Add | exp.Sub | exp.Mul | exp.DPipe):
        return any(isinstance(side, exp.Literal) for side in (term.left, term.right))
    return isinstance(term, exp.Column)


def _one_row_groups(select: exp.Select) -> bool:
    """HAVING count(*) = 1 and the like: a group may be one row."""
    having = select.args.get("having")
    parts = conjuncts(having.this) if having else ()
    return any(not isinstance(part, exp.GT | exp.GTE) and any(map(is_aggregate, own_nodes(part))) for part in parts)


def _shown_parts(select: exp.Select, scope: Scope, root: exp.Expr) -> Iterator[exp.Expr]:
    """What of a grouped SELECT can be seen in the answer."""
    top: exp.Expr = select
    while isinstance(top.parent, exp.SetOperation):
        top = top.parent
    place = place_of(top)
    if top is root or (top is select and not isinstance(place, exp.Exists | exp.Subquery | exp.CTE)):
        yield from (what for _, what in scope.outputs)
    elif top is select and isinstance(place, exp.Subquery | exp.CTE):
        outside = [node for node in root.find_all(exp.Column, exp.Star) if node.find_ancestor(exp.Select) is not select]
        asked = {node.name.lower() for node in outside}
        everything = any(isinstance(n, exp.Star) and not isinstance(n.parent, exp.Count) for n in outside)
        yield from (what for name, what in scope.outputs if everything or name in asked)
    if select.args.get("having"):
        yield select.args["having"].this
    if select.args.get("order") and (select is root or select.args.get("limit")):
        aliases = {name for name, _ in scope.outputs}
        for term in select.args["order"].expressions:
            if not (isinstance(term.this, exp.Column) and not term.this.table and term.this.name.lower() in aliases):
                yield term.this
