"""What a query's own conditions leave of each of its sources, from the schema's figures: rows, and distinct values.

Textbook guesses in the manner of Selinger et al. 1979 ("Access path selection in a relational database management
system"): an equality keeps one in `distinct` rows, values are taken to be spread evenly and conditions to be
independent. A range of dates is counted in days where a CHECK holds the column to dates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts, tables_of
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Column, Schema, Table
from sqlopt_env.trees.selects import aggregates, text_value, whole_number

EQUAL, RANGE, BETWEEN, OTHER = 0.1, 0.3, 0.1, 0.3  # shares of the rows, where nothing better is known
_RANGES = (exp.LT, exp.LTE, exp.GT, exp.GTE)
_LISTED = 100.0  # values of an IN whose list is a subquery


@dataclass(slots=True)
class Source:
    """One source of a SELECT. The shares are of its rows, for conditions that compare it with constants alone."""

    name: str  # the table's, or the common table expression's
    rows: float | None  # None where it is not a table
    distinct: dict[str, float] = field(default_factory=dict)  # by the column's lower-case name
    equal: dict[str, float] = field(default_factory=dict)
    ranges: dict[str, float] = field(default_factory=dict)
    values: dict[str, float] = field(default_factory=dict)  # how many an IN lists
    expression: float = EQUAL  # the share of an equality of an expression over the source, the least where several are
    rowid: str = ""  # the column that is the table's rowid, in lower case
    share: float = 1.0  # of all conditions together

    def one_of(self, column: str) -> float:
        """The share of the rows that hold one value of a column."""
        if self.distinct.get(column):
            return 1.0 / self.distinct[column]
        return self.rows**-0.5 if self.rows else EQUAL


@dataclass(frozen=True, slots=True)
class Facts:
    """`sources` by the name that columns carry; `most` is the most rows that a derived table can have, by its name;
    `limit` the rows that the whole query returns at most."""

    sources: dict[str, Source]
    most: dict[str, float]
    limit: float | None


def facts(draft: Draft, schema: Schema) -> Facts:
    """Of all SELECTs of a draft. Where two sources of different SELECTs share a name, the last one counts."""
    found: dict[str, Source] = {}
    for select in draft.query.find_all(exp.Select):
        tables = tables_of(select, schema)
        for source in sources(select):
            alias = source.alias_or_name
            found[alias] = _source(source, tables.get(alias))
        for part in _conditions(select):
            read = {column.table for column in part.find_all(exp.Column)}
            if len(read) == 1 and (alias := read.pop()) in found and not part.find(exp.Query):
                _apply(part, found[alias], tables.get(alias))
            elif isinstance(part, exp.In) and isinstance(part.this, exp.Column) and part.this.table in found:
                _equality(found[part.this.table], part.this, _LISTED)
    most = {}
    for derived in draft.query.find_all(exp.Subquery, exp.CTE):
        if derived.alias and (rows := _most_rows(derived.this, schema)) is not None:
            most[derived.alias] = rows
    return Facts(found, most, _limit(draft.query))


def _source(source: exp.Expr, table: Table | None) -> Source:
    if table is None:
        return Source(source.name or source.alias_or_name, None)
    distinct = {column.name.lower(): float(column.distinct) for column in table.columns if column.distinct}
    rows, rowid = float(max(1, table.rows)), table.rowid.lower()
    if rowid:
        distinct[rowid] = rows
    return Source(table.name, rows, distinct, rowid=rowid)


def _conditions(select: exp.Select) -> list[exp.Expr]:
    parts = conjuncts(select.args.get("where"))
    for join in select.args.get("joins") or []:
        parts += conjuncts(join.args.get("on")) if not join.side else []
    return parts


def _apply(part: exp.Expr, source: Source, table: Table | None) -> None:
    """Counts a condition on one source alone into its shares."""
    if isinstance(part, exp.Paren):
        _apply(part.this, source, table)
        return
    column = _column(part)
    if column is not None and isinstance(part, exp.EQ | exp.Is | exp.In):
        values = len(part.expressions) if isinstance(part, exp.In) else 1
        _equality(source, column, float(max(1, values)))
    elif column is not None and isinstance(part, (*_RANGES, exp.Between)):
        name = column.name.lower()
        declared = table.column(column.name) if table else None
        before = source.ranges.get(name, 1.0)
        share = _range_share(part, declared) or (BETWEEN if isinstance(part, exp.Between) else RANGE)
        # Two bounds of one column: what lies above the one and below the other.
        both = before + share - 1.0 if before < 1.0 and before + share > 1.01 else before * share
        source.ranges[name] = both
        source.share *= both / before
    else:
        source.share *= _share(part, source)


def _equality(source: Source, column: exp.Column, values: float) -> None:
    name = column.name.lower()
    share = min(1.0, values * source.one_of(name))
    source.equal[name] = share
    source.values[name] = values
    source.share *= share


def _column(part: exp.Expr) -> exp.Column | None:
    """The column that a condition compares with constants."""
    if isinstance(part, exp.In | exp.Between):
        return part.this if isinstance(part.this, exp.Column) else None
    if not isinstance(part, exp.Binary):
        return None
    sides = [side for side in (part.this, part.expression) if isinstance(side, exp.Column)]
    return sides[0] if len(sides) == 1 else None


def _share(part: exp.Expr, source: Source) -> float:
    """Of any other condition."""
    if isinstance(part, exp.Paren):
        return _share(part.this, source)
    if isinstance(part, exp.Or):
        return min(1.0, sum(_share(side, source) for side in part.flatten()))
    if isinstance(part, exp.And):
        return _share(part.left, source) * _share(part.right, source)
    if isinstance(part, exp.Not):
        return max(0.05, 1.0 - _share(part.this, source))
    if isinstance(part, exp.NEQ):
        return 0.9
    if isinstance(part, exp.EQ | exp.Is | exp.In):
        column = _column(part)
        one = source.one_of(column.name.lower()) if column is not None else _expression_share(part, source)
        share = min(1.0, one * max(1, len(part.expressions) if isinstance(part, exp.In) else 1))
        if column is None:
            source.expression = min(source.expression, share)
        return share
    return OTHER


def _expression_share(part: exp.Expr, source: Source) -> float:
    """Of an equality of an expression: what its column has as values, or far fewer where it may fold them together."""
    columns = list(part.find_all(exp.Column))
    if len(columns) != 1 or columns[0].name.lower() not in source.distinct:
        return EQUAL
    one = source.one_of(columns[0].name.lower())
    keeps = isinstance(columns[0].parent, exp.Lower | exp.Upper | exp.Trim | exp.DPipe | exp.Cast | exp.Add | exp.Mul)
    return one if keeps else one**0.5


def _range_share(part: exp.Expr, column: Column | None) -> float | None:
    """Of a range of dates, when a column holds one date for each of `distinct` days up to now, None otherwise."""
    if column is None or not column.iso_date or not column.distinct:
        return None
    if isinstance(part, exp.Between):
        low, high = _day(part.args.get("low")), _day(part.args.get("high"))
        return None if low is None or high is None else min(1.0, max(1, high - low + 1) / column.distinct)
    return None


def _day(node: exp.Expr | None) -> int | None:
    try:
        return date.fromisoformat(text_value(node) or "").toordinal()
    except ValueError:
        return None


def _most_rows(query: exp.Expr, schema: Schema) -> float | None:
    """The rows of a derived table at most, where its grouping tells."""
    if not isinstance(query, exp.Select):
        return None
    group = query.args.get("group")
    if group is None:
        return 1.0 if aggregates(query) else _limit(query)
    rows = 1.0
    for term in group.expressions:
        column = tables_of(query, schema).get(term.table) if isinstance(term, exp.Column) else None
        declared = column.column(term.name) if column else None
        rows *= float(declared.distinct or 100) if declared else 100.0
    return rows


def _limit(query: exp.Expr) -> float | None:
    limit, offset = query.args.get("limit"), query.args.get("offset")
    rows = whole_number(limit.expression) if limit is not None else None
    skipped = whole_number(offset.expression) if offset is not None else 0
    return None if rows is None or skipped is None else float(max(1, rows + skipped))
