"""Reading a curriculum's state back: what every curriculum checks before it believes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlopt_env.types import SqlOptError


def checked(state: object, agreed: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state, if it is one of a curriculum that agrees in all this; `curriculum` names the kind.

    Raises SqlOptError for anything else.
    """
    if not isinstance(state, Mapping):
        raise SqlOptError(f"a curriculum's state is an object, not {type(state).__name__}")
    for name, value in agreed.items():
        if state.get(name) != value:
            raise SqlOptError(
                f"this is the state of another curriculum: its {name} is {state.get(name)!r}, here it is {value!r}"
            )
    return state


def count_of(state: Mapping[str, Any], name: str) -> int:
    """A whole number of a state, at least 0. Raises SqlOptError for anything else."""
    value = state.get(name)
    if type(value) is not int or value < 0:
        raise SqlOptError(f"the curriculum's state is damaged: {name} must be a whole number, not {value!r}")
    return value
