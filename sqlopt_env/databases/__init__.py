"""Named databases: a schema and deterministic rows, one file a domain.

A domain is a module with `SCHEMA`, `FILE`, `VERSION` and `rows(seed, scale)`; a database is built when it is missing.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from ..paths import build_dir
from ..types import SqlOptError
from . import shop
from .build import build, is_current

DOMAINS: dict[str, ModuleType] = {"shop": shop}


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


def default_path(name: str) -> Path:
    """Where a built-in database is kept."""
    path: Path = build_dir() / DOMAINS[name].FILE
    return path


__all__ = ["DOMAINS", "build", "database_path", "default_path"]
