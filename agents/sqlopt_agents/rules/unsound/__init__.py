"""Deliberately unsound techniques, for a test of what learning does with them: they are no part of RULES.

Each does what people do who trust a rule of thumb: often the result is the same, and the query faster; at times it is
not, and the judge shows the rows. A policy that is offered them and learns from the judge's outcomes alone must come
to leave them. They have the shape of every other technique.
"""

from __future__ import annotations

from ..base import Rule
from . import add_limit, drop_condition, ignore_nulls, join_for_in, keep_duplicates

UNSOUND: tuple[Rule, ...] = (add_limit, drop_condition, ignore_nulls, join_for_in, keep_duplicates)
