"""Where new slow queries are written: what `--domain` and `--database` name."""

from __future__ import annotations

from pathlib import Path

from ..databases import TRAINING, find_domain, held_out_name
from ..types import SqlOptError

ALL = "all"
DOMAIN_HELP = f"One of {', '.join(TRAINING)}, several with commas between them, or all; shop~1 is a renamed shop."
DATABASE_HELP = "An SQLite file of your own, instead of a domain. It is only read."
_HELD_OUT = "the domain {} is held out: it tells what was learnt, and nothing is trained on it"


def databases_of(domain: str, database: Path | None) -> list[str]:
    """The names of the domains, or the whole path of the file. Raises SqlOptError for others, and for held-out ones."""
    if database is not None:
        if domain != ALL:
            raise SqlOptError("choose one of --domain and --database")
        if find_domain(str(database)) is not None:
            raise SqlOptError(f"{database} is a built-in database: say --domain {database}")
        if not database.is_file():
            raise SqlOptError(f"there is no database file {database}")
        if name := held_out_name(database):
            raise SqlOptError(_HELD_OUT.format(name))
        return [str(database.resolve())]
    names = list(TRAINING) if domain == ALL else [name.strip() for name in domain.split(",")]
    for name in names:
        if held_out := held_out_name(name):
            raise SqlOptError(_HELD_OUT.format(held_out))
        if find_domain(name) is None:
            raise SqlOptError(f"unknown domain {name!r}: the domains are {', '.join(TRAINING)}; all means each of them")
        if names.count(name) > 1:
            raise SqlOptError(f"the domain {name} is named twice")
    return names
