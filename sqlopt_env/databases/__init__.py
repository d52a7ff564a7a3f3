"""Named databases: a schema and deterministic rows, one file a domain.

A domain is a module with `SCHEMA`, `FILE`, `VERSION` and `rows(seed, scale)`; a database is built when it is missing.
Policies are trained on the TRAINING domains alone; the HELD_OUT ones tell what they have learnt.

`shop~1`, `shop~2` and so on are the shop with the same rows under other names of tables and columns (see renamed.py).
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from ..paths import build_dir
from ..types import SqlOptError
from . import analytics, clinic, content, flights, hr, library, shop, social, tpch
from .build import Domain, build, is_current
from .renamed import SEPARATOR, renamed_domain, seed_of, split_name
from .renaming import Renaming

TRAINING: dict[str, ModuleType] = {
    "shop": shop,
    "social": social,
    "hr": hr,
    "analytics": analytics,
    "content": content,
}
HELD_OUT: dict[str, ModuleType] = {"library": library, "flights": flights, "clinic": clinic, "tpch": tpch}
DOMAINS: dict[str, ModuleType] = {**TRAINING, **HELD_OUT}


def find_domain(name: str) -> Domain | None:
    """The recipe of a built-in database, also of a renamed one; None for any other name.

    Raises SqlOptError for the name of a built-in database with a seed that is none.
    """
    if name in DOMAINS:
        return DOMAINS[name]
    parts = split_name(name)
    if parts is None or parts[0] not in DOMAINS:
        return None
    return renamed_domain(parts[0], DOMAINS[parts[0]], seed_of(parts[1], name))


def renaming_of(name: str) -> Renaming:
    """How a renamed database ("shop~1") got its names. Raises SqlOptError for any other one."""
    parts = split_name(name)
    if parts is None or parts[0] not in DOMAINS:
        raise SqlOptError(f"{name!r} is no renamed database: those are called shop{SEPARATOR}1, shop{SEPARATOR}2 ...")
    return renamed_domain(parts[0], DOMAINS[parts[0]], seed_of(parts[1], name)).renaming


def database_path(name: str) -> Path:
    """The file of a built-in database (built if it is missing or of an older version), or of a path.

    Raises SqlOptError for a name that is neither.
    """
    domain = find_domain(name)
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
    """The held-out domain that a task's database is, by its name or the file where it is kept; None for any other.

    A renamed held-out database is held out like its base, and is called by the base's name.
    """
    name = str(database)
    if _base(name) in HELD_OUT:
        return _base(name)
    for domain in HELD_OUT:
        path = default_path(domain)
        if path.exists() and Path(database).exists() and path.samefile(database):
            return domain
    return _base_of_file(Path(database))


def _base(name: str) -> str:
    """What is renamed, for the name of a renamed database; any other name as it is."""
    parts = split_name(name)
    return parts[0] if parts is not None else name


def _base_of_file(path: Path) -> str | None:
    """The held-out domain whose renamed database is kept in this file."""
    try:
        path = path.resolve()
        base = _base(path.stem)
        is_kept_here = path.suffix == ".db" and path.is_file() and path.parent.samefile(build_dir())
    except (OSError, RuntimeError, ValueError):
        return None
    return base if base in HELD_OUT and base != path.stem and is_kept_here else None


def default_path(name: str) -> Path:
    """Where a built-in database is kept. Raises SqlOptError for any other name."""
    domain = find_domain(name)
    if domain is None:
        raise SqlOptError(f"unknown database {name!r}: the built-in ones are {', '.join(DOMAINS)}")
    return build_dir() / domain.FILE


__all__ = [
    "DOMAINS",
    "HELD_OUT",
    "TRAINING",
    "build",
    "database_path",
    "default_path",
    "find_domain",
    "held_out_name",
    "renaming_of",
]
