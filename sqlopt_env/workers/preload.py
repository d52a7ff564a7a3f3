"""Modules that are imported only when they are used, which a jailed worker can do no more: its zygote does it."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

_LATE = ("sqlglot.dialects.sqlite",)  # imported when the dialect's name is first said
_LATE_FOR = {"sqlopt_env.examination": ("z3",)}  # which need not be installed


def preload(target: str) -> None:
    """Imports what the target's module would import late."""
    for name in (*_LATE, *_LATE_FOR.get(target, ())):
        if find_spec(name.partition(".")[0]) is not None:
            import_module(name)
