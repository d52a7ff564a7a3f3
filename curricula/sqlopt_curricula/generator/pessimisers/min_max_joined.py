"""MIN and MAX that are asked for one by one are asked for in one SELECT.

    SELECT (SELECT MIN(o.amount) FROM orders AS o) AS low, (SELECT MAX(o.amount) FROM orders AS o) AS high
    -> SELECT MIN(o.amount) AS low, MAX(o.amount) AS high FROM orders AS o

Valid for a SELECT without FROM whose outputs are all subqueries of a single MIN or MAX over the same table under the
same conditions: of no rows, each is NULL. SQLite reads one MIN or MAX off the end of an index, but not two at once.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, tables_of
from sqlopt_env.trees.reading import rename_source, sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import has_only, outputs, replaced, selects

NAME = "min_max_joined"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for select in selects(draft):
        found = [single for value in outputs(select) if (single := _asked(value, schema)) is not None]
        bare = has_only(select) and select.args.get("from_") is None
        if not bare or not 1 < len(found) == len(select.expressions):
            continue
        alias = sources(found[0])[0].alias_or_name
        for single in found:
            rename_source(single, sources(single)[0].alias_or_name, alias)
        read = {(*(s.sql() for s in sources(single)), str(single.args.get("where"))) for single in found}
        calls = [outputs(single)[0] for single in found]
        if len(read) == 1 and len({call.sql() for call in calls}) > 1:
            merged = found[0].copy()
            named = zip(select.expressions, calls, strict=True)
            merged.set("expressions", [exp.alias_(call.copy(), item.args["alias"].copy()) for item, call in named])
            yield replaced(draft, select, merged)


def _asked(value: exp.Expr, schema: Schema) -> exp.Select | None:
    """A copy of the SELECT in a subquery, if it is one MIN or MAX of a column of a plain table."""
    select = value.this.copy() if isinstance(value, exp.Subquery) else None
    if not isinstance(select, exp.Select) or not has_only(select, "where") or len(select.expressions) != 1:
        return None
    call = outputs(select)[0]
    extreme = isinstance(call, exp.Min | exp.Max) and not call.expressions and isinstance(call.this, exp.Column)
    own = extreme and call.this.table in tables_of(select, schema)
    return select if own and len(sources(select)) == 1 else None
