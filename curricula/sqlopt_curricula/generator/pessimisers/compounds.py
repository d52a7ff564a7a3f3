"""What the UNION pessimisers share: a SELECT taken apart into branches, and the branches of a compound."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from sqlglot import exp

from sqlopt_env.trees.draft import Draft, tables_of
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import has_only, in_where, is_plain, key_in, outputs, replaced, with_where

from .conditions import tests

_TAIL = ("order", "limit", "offset", "with_")


def shows_keys(select: exp.Select, schema: Schema) -> bool:
    """Whether the outputs contain a declared key of every source, so that no two rows are alike."""
    tables = tables_of(select, schema)
    joins = select.args.get("joins") or []
    listed = all(join.side in ("", "LEFT") for join in joins) and len(tables) == len(sources(select)) > 0
    return listed and all(key_in(outputs(select), source, table.keys) for source, table in tables.items())


def can_be_split(select: exp.Select) -> bool:
    """Whether a compound of plain branches may stand in the place of this plain SELECT, sorted as it was.

    Not under LIMIT: SQLite merges sorted branches and stops early, which can make the compound the faster form.
    """
    above = select.parent.parent if isinstance(select.parent, exp.Subquery) else select.parent
    names = [item.alias.lower() for item in select.expressions]
    in_place = above is None or isinstance(above, exp.From | exp.Join | exp.CTE | exp.In)
    plain = has_only(select, "joins", "where", "order") and is_plain(select)
    return plain and in_place and all(names) and len(set(names)) == len(names) and _by_output(select) is not None


def split(draft: Draft, select: exp.Select, wheres: Iterable[Sequence[exp.Expr]], distinct: bool) -> Draft:
    """The SELECT as a UNION (ALL) of itself under each of these conditions. It must be one that can be split."""
    found: exp.Query | None = None
    for where in wheres:
        branch = with_where(select.copy(), where)
        branch.set("order", None)
        found = branch if found is None else exp.Union(this=found, expression=branch, distinct=distinct)
    assert found is not None
    found.set("order", _by_output(select) if select.args.get("order") else None)
    return replaced(draft, select, found)


def _by_output(select: exp.Select) -> exp.Order | None:
    """The ORDER BY in terms of output names, as a compound wants it; None where a term is no output."""
    order = select.args["order"].copy() if select.args.get("order") else exp.Order(expressions=[])
    for term in order.expressions:
        wanted = term.this.this if isinstance(term.this, exp.Collate) else term.this
        if wanted.name in select.named_selects and isinstance(wanted, exp.Column) and not wanted.table:
            continue
        name = next((item.alias for item in select.expressions if item.unalias() == wanted), None)
        if name is None:
            return None
        wanted.replace(exp.column(exp.to_identifier(name)))
    return order


def plain_branches(union: exp.Union) -> list[exp.Select]:
    """The branches of UNION ALLs alone, if every one is a plain SELECT; [] otherwise."""
    if union.args.get("distinct"):
        return []
    tail = any(union.left.args.get(clause) for clause in _TAIL)
    left = plain_branches(union.left) if isinstance(union.left, exp.Union) else [union.left]
    found = [branch for branch in (*left, union.right) if isinstance(branch, exp.Select)]
    plain = all(has_only(branch, "joins", "where") and is_plain(branch) for branch in found)
    return found if left and plain and not tail and isinstance(union.right, exp.Select) else []


def apart(selects: Sequence[exp.Select], schema: Schema) -> bool:
    """Whether WHERE demands different values of one column in any two of them."""
    demanded = []
    for select in selects:
        equal = [t for t in tests(select, schema) if t.kind is exp.EQ and in_where(t.node) and (t.whole or t.texts)]
        demanded.append({test.column.sql(dialect="sqlite"): (test.whole or test.texts)[0] for test in equal})
    return all(
        any(one[column] != other[column] for column in one.keys() & other.keys())
        for one, other in combinations(demanded, 2)
    )
