"""The shapes of queries, in the order in which they take turns.

To add one, write one file here (see filter.py for a model) and one line in SHAPES.
"""

from __future__ import annotations

from . import (
    above_group_average,
    anti_join,
    child_aggregates,
    counts,
    cte,
    distinct_values,
    extremes,
    filter,
    group_compare,
    grouping,
    hierarchy,
    in_subquery,
    join,
    join_chain,
    left_join,
    lists,
    or_columns,
    paging,
    ranges,
    semi_join,
    set_operation,
    shared_links,
    top_per_group,
    windows,
)
from .base import Shape

SHAPES: tuple[Shape, ...] = (
    above_group_average,
    anti_join,
    child_aggregates,
    counts,
    cte,
    distinct_values,
    extremes,
    filter,
    group_compare,
    grouping,
    hierarchy,
    in_subquery,
    join,
    join_chain,
    left_join,
    lists,
    or_columns,
    paging,
    ranges,
    semi_join,
    set_operation,
    shared_links,
    top_per_group,
    windows,
)
