"""UNION ALL becomes UNION, which looks for duplicates that cannot be there.

    SELECT u.id FROM users AS u WHERE u.city = 'Wien' UNION ALL SELECT u.id FROM users AS u WHERE u.city = 'Graz'
    -> ... UNION ...

Valid when all branches show the same columns of the same plain tables, a declared key of each among them, and WHERE
demands different values of one column in any two branches. SQLite then sorts the rows of every branch; under ORDER BY
it does so anyway, and nothing would be slower.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import outputs, twin

from .compounds import apart, plain_branches, shows_keys

NAME = "union_all_to_union"


def applications(draft: Draft, schema: Schema) -> Iterator[Draft]:
    for union in draft.query.find_all(exp.Union):
        tail = union.args.get("order") or union.args.get("limit")
        branches = [] if isinstance(union.parent, exp.SetOperation) or tail else plain_branches(union)
        if not branches or not all(shows_keys(branch, schema) for branch in branches):
            continue
        shown = {(*(s.sql() for s in sources(branch)), "|", *(o.sql() for o in outputs(branch))) for branch in branches}
        if len(shown) == 1 and apart(branches, schema):
            tree = draft.query.copy()
            changed: exp.Expr = twin(tree, union)
            while isinstance(changed, exp.Union):
                changed.set("distinct", True)
                changed = changed.left
            yield draft.with_query(tree)
