"""Named databases: a schema and deterministic rows, one file a domain.

A domain is a module with `SCHEMA`, `FILE`, `VERSION` and `rows(seed, scale)`; a database is built when it is missing.
Policies are trained on the TRAINING domains alone; the HELD_OUT ones tell what they have learnt.

`shop~1`, `shop~2` and so on are the shop with the same rows under other names of tables and columns (see renamed.py).
"""

from __future__ import annotations

import os
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


def builtin_name(database: str | Path) -> str | None:
    """The built-in database that a task's database is, maybe a renamed one ("shop~1"); None for any other.

    By its name, by the file where it is kept, or as a copy of such a file: of its size and with its header, in which
    SQLite counts the changes and pages. Builds nothing, so that it knows copies only of what has been built.
    """
    name = str(database)
    if _base(name) in DOMAINS:
        return name
    try:
        path = Path(name).expanduser()
        own = path.stat()
        kept = [(known, file, file.stat()) for known, file in _kept() if file.is_file()]
        for known, _, other in kept:
            if os.path.samestat(own, other):
                return known
        for known, file, other in kept:
            if other.st_size == own.st_size and _header(file) == _header(path):
                return known
    except (OSError, RuntimeError, ValueError):  # no such file; an unknown user's home, a NUL character
        pass
    return None


def held_out_name(database: str | Path) -> str | None:
    """The held-out domain that a task's database is, by its name, its file or a copy of that; None for any other.

    A renamed held-out database is held out like its base, and is called by the base's name.
    """
    name = builtin_name(database)
    return _base(name) if name is not None and _base(name) in HELD_OUT else None


def _base(name: str) -> str:
    """What is renamed, for the name of a renamed database; any other name as it is."""
    parts = split_name(name)
    return parts[0] if parts is not None else name


def _kept() -> list[tuple[str, Path]]:
    """The built-in databases with their files, whether these are built or not, and the renamed ones that are."""
    renamed = ((path.stem, path) for path in sorted(build_dir().glob(f"*{SEPARATOR}*.db")))
    return [*((name, default_path(name)) for name in DOMAINS), *(each for each in renamed if _base(each[0]) in DOMAINS)]


def _header(path: Path) -> bytes:
    """SQLite's header, which begins every database file."""
    with path.open("rb") as file:
        return file.read(100)


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
    "builtin_name",
    "database_path",
    "default_path",
    "find_domain",
    "held_out_name",
    "renaming_of",
]
