"""Named databases: a schema and deterministic rows, one file a domain.

A domain is a module with `SCHEMA`, `FILE`, `VERSION` and `rows(seed, scale)`; a database is built when it is missing.
Policies are trained on the TRAINING domains alone; the HELD_OUT ones tell what they have learnt.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from ..paths import build_dir
from ..types import SqlOptError
from . import analytics, clinic, content, flights, hr, library, shop, social, tpch
from .build import build, is_current

TRAINING: dict[str, ModuleType] = {
    "shop": shop,
    "social": social,
    "hr": hr,
    "analytics": analytics,
    "content": content,
}
HELD_OUT: dict[str, ModuleType] = {"library": library, "flights": flights, "clinic": clinic, "tpch": tpch}
DOMAINS: dict[str, ModuleType] = {**TRAINING, **HELD_OUT}


def database_path(name: str) -> Path:
    """The file of a built-in database (built if it is missing or of an older version), or of a path.

    Raises SqlOptError for a name that is neither.
    """
    domain = DOMAINS.get(name)
    if domain is not None:
        path = default_path(name)
        if not is_current(path, domain):
            build(domain, path, seed=0, scale=1)
        return path
    try:
        path = Path(name).expanduser()
        if path.is_file():
            return path
    except (OSError, RuntimeError, ValueError):  # too long, an unknown user's home, a NUL character
        pass
    known = ", ".join(DOMAINS)
    raise SqlOptError(f"unknown database {name!r}: it is neither a built-in one ({known}) nor an existing file")


def held_out_name(database: str | Path) -> str | None:
    """The held-out domain that a task's database is, by its name or the file where it is kept; None for any other."""
    for name in HELD_OUT:
        path = default_path(name)
        if str(database) == name or (path.exists() and Path(database).exists() and path.samefile(database)):
            return name
    return None


def default_path(name: str) -> Path:
    """Where a built-in database is kept."""
    path: Path = build_dir() / DOMAINS[name].FILE
    return path


__all__ = ["DOMAINS", "HELD_OUT", "TRAINING", "build", "database_path", "default_path", "held_out_name"]
