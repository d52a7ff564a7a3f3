"""Makes a written query look like a person's: no name that says nothing, and a line for each clause."""

from __future__ import annotations

from sqlglot import exp

from sqlopt_env.trees.draft import Draft


def dress(draft: Draft) -> str:
    """The draft's query as text."""
    query = draft.query.copy()
    _without_lone_alias(query)
    called = {column.name for column in query.find_all(exp.Column) if not column.table}  # by ORDER BY
    for select in _branches(query):
        for item in list(select.expressions):
            plain = isinstance(item, exp.Alias) and isinstance(item.this, exp.Column) and item.alias == item.this.name
            if plain and (item.alias not in called or not item.this.table):
                item.replace(item.this)
    return query.sql(dialect="sqlite", pretty=True)


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
