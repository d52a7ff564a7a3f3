"""What the techniques on common table expressions ask: where each is defined, where it is read, and how it goes."""

from __future__ import annotations

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.reading import Shape
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import twin

_VOLATILE = {"random", "randomblob", "changes", "total_changes", "last_insert_rowid"}


def definitions(draft: Draft) -> list[exp.CTE]:
    """The common table expressions that are not recursive and whose name is no other's, without a list of columns."""
    everyone = list(draft.query.find_all(exp.CTE))
    names = [cte.alias.lower() for cte in everyone]
    return [cte for cte in everyone if names.count(cte.alias.lower()) == 1 and _is_plain(cte)]


def _is_plain(cte: exp.CTE) -> bool:
    within = isinstance(cte.parent, exp.With) and not cte.parent.args.get("recursive")
    reads_itself = any(table.name.lower() == cte.alias.lower() for table in cte.find_all(exp.Table))
    return within and not cte.args["alias"].args.get("columns") and not reads_itself


def uses(draft: Draft, cte: exp.CTE) -> list[exp.Table]:
    """Where the expression is read; [] where not every mention of its name can be told to mean it."""
    holder = cte.parent.parent if cte.parent is not None else None
    found = [table for table in draft.query.find_all(exp.Table) if table.name.lower() == cte.alias.lower()]
    known = all(not table.db and _is_below(table, holder) for table in found)
    by_field = any(listed.args.get("field") is not None for listed in draft.query.find_all(exp.In))
    return found if known and not by_field else []


def dropped(tree: exp.Query, cte: exp.CTE) -> None:
    """In place: the definition at this place of the tree goes, if nothing reads it any more."""
    here = twin(tree, cte)
    if any(table.name.lower() == cte.alias.lower() for table in tree.find_all(exp.Table)):
        return
    with_ = here.parent
    here.pop()
    if with_ is not None and not with_.expressions:
        with_.pop()


def shape_of(schema: Schema) -> Shape:
    """Lower-case column names by table, as the reading of a tree wants them."""
    return {name: {column.name.lower() for column in table.columns} for name, table in schema.tables.items()}


def _is_below(node: exp.Expr, holder: exp.Expr | None) -> bool:
    here: exp.Expr | None = node
    while here is not None and here is not holder:
        here = here.parent
    return here is holder


def is_volatile(node: exp.Expr) -> bool:
    """Whether something in it is another value each time that it is computed."""
    by_name = any(call.name.lower() in _VOLATILE for call in node.find_all(exp.Anonymous))
    return by_name or node.find(exp.Rand) is not None
