"""The rewrite techniques, in the order in which they are tried and numbered.

To add one, write one file here (see index_filter.py for a model and `sqlopt_env.trees` for what to say it with), one
fixture `tests/fixtures/rules/<NAME>.sql`, and one line in RULES.
"""

from __future__ import annotations

from . import (
    correlated_to_join,
    count_to_exists,
    distinct_join_to_exists,
    drop_distinct,
    drop_inner_order,
    exists_to_in,
    free_join_order,
    having_to_where,
    in_to_exists,
    index_composite,
    index_covering,
    index_expression,
    index_filter,
    index_join,
    index_min_max,
    index_order,
    late_lookup,
    merge_scans,
    merge_subqueries,
    min_max_split,
    not_in_to_not_exists,
    or_to_in,
    prune_columns,
    sargable_arithmetic,
    sargable_date,
    union_to_in,
    union_to_union_all,
)
from .base import Rule

RULES: tuple[Rule, ...] = (
    index_filter,
    index_join,
    index_order,
    index_composite,
    index_covering,
    index_expression,
    index_min_max,
    or_to_in,
    having_to_where,
    sargable_date,
    sargable_arithmetic,
    count_to_exists,
    in_to_exists,
    exists_to_in,
    not_in_to_not_exists,
    correlated_to_join,
    merge_subqueries,
    distinct_join_to_exists,
    drop_distinct,
    drop_inner_order,
    prune_columns,
    union_to_union_all,
    union_to_in,
    late_lookup,
    min_max_split,
    merge_scans,
    free_join_order,
)


def rule(name: str) -> Rule:
    """The technique of that name; KeyError where there is none."""
    for candidate in RULES:
        if name == candidate.NAME:
            return candidate
    raise KeyError(name)
