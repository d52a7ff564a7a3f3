"""Policies that learn nothing, to tell what a policy that learns is worth; one a file.

`rules`, the untrained rule policy, is one more: see rule_policy.py.
"""

from __future__ import annotations

from collections.abc import Callable

from ..policy import Policy
from .advised_sqlglot import AdvisedSqlglot
from .advisor import Advisor
from .identity import Identity
from .random_rules import RandomRules
from .sqlglot_optimizer import SqlglotOptimizer

BASELINES: dict[str, Callable[..., Policy]] = {
    "identity": Identity,
    "random": RandomRules,
    "advisor": Advisor,
    "sqlglot": SqlglotOptimizer,
    "advisor+sqlglot": AdvisedSqlglot,
}
"""The baselines by the name that `make_policy` knows."""

__all__ = ["BASELINES", "AdvisedSqlglot", "Advisor", "Identity", "RandomRules", "SqlglotOptimizer"]
