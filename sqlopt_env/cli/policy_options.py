"""Options of a policy or an author as the command line takes them, and what of them a resumed run must agree with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..types import SqlOptError

# How a policy is reached and what it may take: nothing that changes what it says.
_FREE = ("api_key", "base_url", "concurrency", "log", "max_cost", "prices", "retries", "timeout")


def parsed(options: Sequence[str], role: str = "policy") -> dict[str, str]:
    """`NAME=VALUE` each. Raises SqlOptError for another text, and for a name that stands there twice."""
    found: dict[str, str] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not name:
            raise SqlOptError(f"--{role}-option takes NAME=VALUE, not {option!r}")
        if name in found:
            raise SqlOptError(f"the {role}'s option {name} is given twice")
        found[name] = value
    return found


def decisive(options: Mapping[str, str]) -> dict[str, str]:
    """Those that decide what the policy says; never a key."""
    return {name: value for name, value in sorted(options.items()) if name not in _FREE}
