"""A renaming of a database's tables and columns, and of all else that SQL calls by a name: one new name for each.

A name becomes the same other name wherever it stands, and no two names become one. SQL over the renamed schema then
means what it meant before, whatever it shadows, joins USING or NATURAL, or nests: only the letters differ. That is why
the same name in two tables, as `user_id` in many, gets the same new one in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field, replace

import apsw

from ..sqlite.connection import all_columns, identifier, quoted, table_names
from ..sqlite.words import Word, words
from .naming import Namer, folded, is_reserved

_Made = Callable[[str, Set[str]], str]  # an old name, and those that are taken -> a new name


@dataclass(frozen=True, slots=True)
class Renaming:
    """`tables` maps old names to new ones, `columns` does so for (table, old name), and `names` is both in one, by the
    old name in lower case, with what else was named since. What SQLite itself gives a meaning keeps its name.
    """

    database: str
    seed: int
    tables: Mapping[str, str]
    columns: Mapping[tuple[str, str], str]
    names: Mapping[str, str] = field(repr=False)

    def with_names(self, more: Mapping[str, str]) -> Renaming:
        """The same with other names, too, of what a query names itself; old ones in lower case."""
        return replace(self, names={**more, **self.names})

    def written(self, sql: str) -> str:
        """The statements with their names exchanged, and everything else, to the blank, as it was."""
        parts, end = [], 0
        for word in words(sql):
            new = self._new_name(word, sql[word.start])
            if new is not None:
                parts += [sql[end : word.start], new]
                end = word.end
        return "".join([*parts, sql[end:]])

    def _new_name(self, word: Word, quote: str) -> str | None:
        """What is written for a word of SQL; None for one that stays. A name in quotes keeps quotes of its kind."""
        if word.kind not in ("name", "quoted"):
            return None
        new = self.names.get(folded(word.text))
        if new is None or word.kind == "name":
            return None if new is None else identifier(new)
        if quote == "[" and "]" not in new:
            return f"[{new}]"
        return f"`{new}`" if quote == "`" and "`" not in new else quoted(new)

    def inverted(self) -> Renaming:
        """The way back: what this one has written becomes what it was, but for the case of its letters."""
        old = {folded(name): name for name in [*self.tables, *(column for _, column in self.columns)]}
        return Renaming(
            database=self.database,
            seed=self.seed,
            tables={new: old for old, new in self.tables.items()},
            columns={(self.tables.get(table, table), new): old for (table, old), new in self.columns.items()},
            names={folded(new): old.get(name, name) for name, new in self.names.items()},
        )


def make_renaming(database: str, seed: int, connection: apsw.Connection) -> Renaming:
    """The renaming of a schema under a seed, from 1 on: always the same one, and another one under another seed."""
    tables = table_names(connection)
    columns = all_columns(connection)
    namer = Namer(database, seed)
    old = {folded(name) for name in [*tables, *(column for _, column in columns)]}
    names: dict[str, str] = {}
    _name(names, tables, old, namer.table)
    _name(names, (column for _, column in columns), old, namer.column)
    return Renaming(
        database=database,
        seed=seed,
        tables={table: names.get(folded(table), table) for table in tables},
        columns={(table, column): names.get(folded(column), column) for table, column in columns},
        names=names,
    )


def _name(names: dict[str, str], old_names: Iterable[str], old: set[str], made: _Made) -> None:
    for name in old_names:
        if folded(name) not in names and not is_reserved(name):
            names[folded(name)] = made(name, old | {folded(new) for new in names.values()})
