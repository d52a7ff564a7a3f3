"""Renamed databases: `shop~1` is the shop with the same rows under other names of tables and columns, by seed 1."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import lru_cache
from zlib import crc32

from ..sqlite.schema import schema_connection
from ..types import SqlOptError
from .build import Domain
from .renaming import Renaming, make_renaming

SEPARATOR = "~"
MOST = 999  # the largest seed
Table = tuple[str, Iterable[Sequence[object]]]  # its name and its rows

_SEED = re.compile(r"[1-9][0-9]{0,2}\Z")


class RenamedDomain:
    """A domain, as `build` takes them. Its version changes with that of its base, and with what the renaming makes."""

    def __init__(self, name: str, base: Domain, renaming: Renaming) -> None:
        self.renaming = renaming
        self.SCHEMA = renaming.written(base.SCHEMA)
        self.FILE = f"{name}.db"
        version = crc32(f"{base.VERSION}\n{self.SCHEMA}".encode())
        self.VERSION = version & 0x7FFFFFFF  # SQLite's user_version has a sign
        self.rows: Callable[[int, int], Iterable[Table]] = self._rows
        self._base = base

    def _rows(self, seed: int, scale: int) -> Iterator[Table]:
        for table, rows in self._base.rows(seed, scale):
            yield self.renaming.tables[table], rows


def split_name(name: str) -> tuple[str, str] | None:
    """The base and the seed, as texts, that a renamed database's name holds; None for any other name."""
    base, separator, seed = name.rpartition(SEPARATOR)
    return (base, seed) if separator else None


def seed_of(text: str, name: str) -> int:
    """Raises SqlOptError for what is no seed of a renaming."""
    if not _SEED.match(text):
        raise SqlOptError(
            f"{name!r} is no renamed database: after {SEPARATOR} stands the seed, a whole number from 1 to {MOST}"
        )
    return int(text)


def renamed_domain(base: str, domain: Domain, seed: int) -> RenamedDomain:
    """The domain `base` under the names that the seed gives."""
    return RenamedDomain(f"{base}{SEPARATOR}{seed}", domain, domain_renaming(base, domain.SCHEMA, seed))


@lru_cache(maxsize=256)
def domain_renaming(base: str, schema: str, seed: int) -> Renaming:
    with closing(schema_connection(schema)) as connection:
        return make_renaming(base, seed, connection)
