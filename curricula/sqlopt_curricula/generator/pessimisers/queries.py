"""What the pessimisers of subqueries, joins, groups and windows ask of a query as a whole, and add to it."""

from __future__ import annotations

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, conjuncts, identifier
from sqlopt_env.trees.reading import rename_hiding_sources
from sqlopt_env.trees.schema import Schema, Table
from sqlopt_env.trees.selects import aggregates, free_names, fresh_name, names_of, selects

_ORDERLESS = (exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max)


def is_binary(schema: Schema) -> bool:
    """No column has a collation of its own, which a subquery's value would not have."""
    return all(column.collation == "BINARY" for table in schema.tables.values() for column in table.columns)


def any_order_does(draft: Draft) -> bool:
    """The result does not depend on the order in which rows come: no LIMIT without ORDER BY, no group_concat.

    A bare column beside an aggregate is taken to be the same in the whole group.
    """
    cut = any(query.args.get("limit") and not query.args.get("order") for query in draft.query.find_all(exp.Query))
    return not cut and all(isinstance(call, _ORDERLESS) for select in selects(draft) for call in aggregates(select))


def conditions_of(select: exp.Select) -> list[exp.Expr]:
    """The conjuncts of WHERE and of every ON."""
    ons = [part for join in select.args.get("joins") or [] for part in conjuncts(join.args.get("on"))]
    return conjuncts(select.args.get("where")) + ons


def about_alone(select: exp.Select, source: str) -> list[exp.Expr]:
    """The conditions of this SELECT that read one of its sources and nothing else."""
    return [part for part in conditions_of(select) if free_names(part) == {source}]


def inlined(draft: Draft, schema: Schema) -> Draft:
    """The draft with each common table expression of the outermost query that is used once as a derived table."""
    with_ = draft.query.args.get("with_")
    if with_ is None or with_.args.get("recursive") or len(list(draft.query.find_all(exp.With))) > 1:
        return draft
    tree = draft.query.copy()
    for cte in list(tree.args["with_"].expressions):
        uses = [table for table in tree.find_all(exp.Table) if table.name == cte.alias]
        if len(uses) != 1 or cte.args["alias"].args.get("columns"):
            continue
        name = exp.TableAlias(this=exp.to_identifier(uses[0].alias_or_name))
        uses[0].replace(exp.Subquery(this=cte.this.copy(), alias=name))
        cte.pop()
    if not tree.args["with_"].expressions:
        tree.set("with_", None)
    names = {table: {column.name.lower() for column in schema.tables[table].columns} for table in schema.tables}
    return draft.with_query(tree) if rename_hiding_sources(tree, names) else draft


def common(draft: Draft, name: str, query: exp.Select) -> Draft:
    """The draft with one more common table expression, materialised: after those that it reads, or else the first."""
    cte = exp.CTE(this=query, alias=exp.TableAlias(this=named(name)), materialized=True)
    tree = draft.query.copy()
    with_ = tree.args.get("with_") or exp.With(expressions=[])
    read = {table.name for table in query.find_all(exp.Table)}
    place = max((i for i, other in enumerate(with_.expressions, 1) if other.alias in read), default=0)
    with_.set("expressions", [*with_.expressions[:place], cte, *with_.expressions[place:]])
    tree.set("with_", with_)
    return draft.with_query(tree)


def whole_table(draft: Draft, table: Table, schema: Schema) -> exp.Select:
    """SELECT every column of a table under a name that no source of the draft bears."""
    taken = any(table.name.lower() in names_of(select) for select in selects(draft))
    name = fresh_name(draft, table.name.lower(), schema) if taken else table.name.lower()
    columns = [column_of(name, column.name.lower()) for column in table.columns]
    shown = [exp.Alias(this=column, alias=column.this.copy()) for column in columns]
    read = exp.Table(this=named(table.name), alias=exp.TableAlias(this=named(name)))
    return exp.Select(expressions=shown, from_=exp.From(this=read))


def named(name: str) -> exp.Identifier:
    """The name of a table or column, quoted where SQLite needs it."""
    return exp.to_identifier(name, quoted=identifier(name) != name)


def column_of(source: str, name: str) -> exp.Column:
    return exp.Column(this=named(name), table=named(source))
