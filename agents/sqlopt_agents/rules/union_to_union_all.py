"""UNION becomes UNION ALL where no row can come twice.

    SELECT u.id FROM users AS u WHERE u.city = 'a' UNION SELECT u.id FROM users AS u WHERE u.city = 'b'
    -> ... UNION ALL ...

Valid when all branches show the same columns of the same plain table, a declared key of it among them, and WHERE
demands different constants of one column in any two branches.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from sqlopt_env.trees.draft import Draft
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import outputs, twin

from .base import Application
from .union_branches import apart, plain_branches, rows_shown_once

NAME = "union_to_union_all"
KIND = "redundancy"


def applications(draft: Draft, schema: Schema) -> Iterator[Application]:
    for union in draft.query.find_all(exp.Union):
        if not union.args.get("distinct") or isinstance(union.parent, exp.SetOperation):
            continue
        selects = plain_branches(union)
        if not selects or not all(rows_shown_once(select, schema) for select in selects):
            continue
        shown = {(sources(select)[0].sql(), *(item.sql() for item in outputs(select))) for select in selects}
        if len(shown) == 1 and apart(selects, schema):
            tree = draft.query.copy()
            changed: exp.Expr = twin(tree, union)
            while isinstance(changed, exp.Union):
                changed.set("distinct", False)
                changed = changed.left
            yield Application(f"UNION of {len(selects)} over {sources(selects[0])[0].name}", draft.with_query(tree))
