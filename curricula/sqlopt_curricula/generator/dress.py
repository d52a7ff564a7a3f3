"""Makes a written query look like a person's: no name that says nothing, and a line for each clause."""

from __future__ import annotations

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, quote_names


def dress(draft: Draft) -> str:
    """The draft's query as text."""
    query = draft.query.copy()
    _without_lone_alias(query)
    called = {column.name for column in query.find_all(exp.Column) if not column.table}  # by ORDER BY
    for select in _branches(query):
        for item in select.expressions:
            if isinstance(item, exp.Alias) and isinstance(item.this, exp.Column) and item.alias == item.this.name:
                _unname(item, called if item.this.table else set())
    for holder in query.find_all(exp.Subquery, exp.Exists):  # whose columns nobody calls by name
        if isinstance(holder.this, exp.Select) and not isinstance(holder.parent, exp.From | exp.Join):
            for item in holder.this.expressions:
                _unname(item, called)
    for table in query.find_all(exp.Table):
        if table.alias == table.name:
            table.set("alias", None)
    quote_names(query)
    return query.sql(dialect="sqlite", pretty=True)


def _unname(item: exp.Expr, called: set[str]) -> None:
    """In place: an output without its alias, unless it is called by it."""
    if isinstance(item, exp.Alias) and item.alias not in called:
        item.replace(item.this)


def _without_lone_alias(query: exp.Query) -> None:
    """In place: the only source of the whole query needs no alias, and its columns need no qualifier."""
    sources = list(query.find_all(exp.Table, exp.Subquery, exp.CTE))
    if len(sources) != 1 or not isinstance(sources[0], exp.Table) or not isinstance(query, exp.Select):
        return
    sources[0].set("alias", None)
    for column in query.find_all(exp.Column):
        column.set("table", None)


def _branches(query: exp.Expr) -> list[exp.Select]:
    """The SELECTs whose rows are the query's own."""
    if isinstance(query, exp.SetOperation):
        return _branches(query.left) + _branches(query.right)
    return [query] if isinstance(query, exp.Select) else []
