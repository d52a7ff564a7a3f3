"""Reads a rewrite's script: index statements, then one query. SQLite itself says what a statement is.

The script is prepared statement by statement on an empty clone of the database under the authorizer, so that a
refusal costs about a millisecond and never touches a row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import apsw

from ..types import Outcome, Settings
from .authorizer import Authorizer
from .connection import quoted
from .words import words

_LONGEST_REASON = 400  # characters; SQLite's messages may quote a whole script
MOST_INDEXES = 64


class Refusal(Exception):
    """Ends a trial with an outcome and a reason that a policy can learn from, made one short line."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        reason = one_line(reason)
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason


def one_line(text: str) -> str:
    """The text without line breaks and control characters, cut where it is too long for a reason."""
    text = text[: 2 * _LONGEST_REASON] if len(text) > 2 * _LONGEST_REASON else text
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 4] + " ..."


@dataclass(frozen=True, slots=True)
class Script:
    """A script that may be run: its statements as SQLite split them."""

    indexes: tuple[str, ...]
    query: str
    names: tuple[str, ...]  # of its columns
    reads: frozenset[tuple[str, str]]  # (table, column) of what the query reads
    index_key: tuple[str, ...] = ()  # equal for scripts whose indexes are the same but for their names

    @property
    def columns(self) -> int:
        return len(self.names)


def read_script(blank: apsw.Connection, authorizer: Authorizer, text: str, settings: Settings) -> Script:
    """Splits and checks `text`; raises Refusal for anything but index statements followed by one query."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > settings.script_bytes:
        raise Refusal("invalid", f"the script has {size:,} bytes, more than the {settings.script_bytes:,} allowed")
    if "\0" in text:
        raise Refusal("invalid", "the script holds a NUL character")
    reader = _Reader(blank, authorizer)
    blank.execute("BEGIN")
    try:
        last = int(str(blank.execute("SELECT max(rowid) FROM main.sqlite_schema").get or 0))
        with authorizer.guarded():
            script = reader.read(text)
        return replace(script, index_key=_index_key(blank, last, script.query)) if script.indexes else script
    except UnicodeEncodeError:
        raise Refusal("invalid", "the script is not valid Unicode") from None
    finally:
        blank.execute("ROLLBACK")


_ONLY = "only CREATE INDEX statements and one query are allowed"


class _Reader:
    """One pass over a script. `exec_trace` sees every statement after SQLite compiled it, before it runs."""

    def __init__(self, blank: apsw.Connection, authorizer: Authorizer) -> None:
        self._blank = blank
        self._authorizer = authorizer
        self._indexes: list[str] = []
        self._query: str | None = None
        self._names: tuple[str, ...] = ()
        self._reads: frozenset[tuple[str, str]] = frozenset()
        self._consumed = 0
        self._silent = False  # the last statement told the authorizer nothing

    def read(self, text: str) -> Script:
        rest = text
        while True:
            self._consumed = 0
            stopped = self._run(rest)
            if not stopped:
                break
            rest = rest[self._consumed :]
        if self._query is None:
            raise Refusal("invalid", "it has no query, only index statements" if self._indexes else "it holds no SQL")
        return Script(tuple(self._indexes), self._query, self._names, self._reads)

    def _run(self, text: str) -> bool:
        """Executes statements up to and with the first query, which is compiled but not run: True if one came."""
        self._authorizer.forget()
        cursor = self._blank.cursor()
        cursor.exec_trace = self._trace
        try:
            cursor.execute(text, can_cache=False)
        except apsw.ExecTraceAbort:
            return True
        except apsw.BindingsError:
            raise Refusal("invalid", "parameters (?, :name) are not supported: write their values") from None
        except apsw.Error as error:
            if self._silent:
                raise Refusal("forbidden", _ONLY) from None
            if self._authorizer.denied:
                reason = f"{self._authorizer.denied} is not allowed: a rewrite is CREATE INDEX statements and one query"
                raise Refusal("forbidden", reason) from None
            raise Refusal("invalid", f"SQLite says: {error}") from None
        finally:
            cursor.close()
        return False

    def _trace(self, cursor: apsw.Cursor, sql: str, bindings: object) -> bool:
        """True lets the statement run (an index on the empty clone), False stops before it (the query)."""
        self._consumed += len(sql)
        actions, reads = self._authorizer.actions, self._authorizer.reads
        self._authorizer.forget()
        if not cursor.has_vdbe:  # a comment, or nothing
            return True
        if cursor.is_explain:
            raise Refusal("forbidden", "EXPLAIN is not allowed: the last statement must be the query itself")
        if self._query is not None:
            raise Refusal("invalid", "the query must be the last statement, and the only one")
        # An index that is there already does nothing, and tells the authorizer nothing; so do VACUUM, and dropping what
        # is not there.
        self._silent = not actions and not cursor.is_readonly
        if apsw.SQLITE_CREATE_INDEX in actions or (self._silent and _CREATE_INDEX.match(_bare(sql))):
            self._indexes.append(_bare(sql))
            if len(self._indexes) > MOST_INDEXES:
                raise Refusal("forbidden", f"it has more than {MOST_INDEXES} index statements")
            return True
        if not cursor.is_readonly or apsw.SQLITE_SELECT not in actions:
            raise Refusal("forbidden", _ONLY)
        self._query = _bare(sql)
        self._names = tuple(str(column[0]) for column in cursor.get_description())
        self._reads = frozenset(reads)
        return False


_BEFORE = re.compile(r"(?:[; \t\n\f\r]|--[^\n]*(?:\n|\Z)|/\*.*?\*/)+", re.DOTALL)
_CREATE_INDEX = re.compile(r"CREATE\s+(UNIQUE\s+)?INDEX\b", re.IGNORECASE)


def _bare(statement: str) -> str:
    """The statement without what SQLite passes over before it, and without a semicolon."""
    before = _BEFORE.match(statement)
    return statement[before.end() if before else 0 :].rstrip("; \t\n\f\r")


def _index_key(blank: apsw.Connection, last: int, query: str) -> tuple[str, ...]:
    """One text for every index that has been made since the schema had `last` entries, as SQLite understood it."""
    names_matter = "indexed" in query.lower()  # INDEXED BY
    made = blank.execute(
        'SELECT m.name, m.tbl_name, m.sql, l."unique", l.partial FROM main.sqlite_schema AS m,'
        " pragma_index_list(m.tbl_name) AS l WHERE m.rowid > ? AND l.name = m.name ORDER BY m.rowid",
        (last,),
    ).fetchall()
    key = []
    for name, table, sql, unique, partial in made:
        if unique:
            reason = "a UNIQUE index would add a constraint that the schema does not declare: use CREATE INDEX"
            raise Refusal("forbidden", reason)
        terms = blank.execute(f"PRAGMA main.index_xinfo({quoted(str(name))})").fetchall()
        # (seqno, column, name, descending, collation, is a key): an expression has the column -2 and no name.
        columns = [(column, descending, collation) for _, column, _, descending, collation, is_key in terms if is_key]
        plain = not partial and all(int(str(column)) >= 0 for column, _, _ in columns)
        form = repr(columns) if plain else _after_name(str(sql))
        key.append(f"{name if names_matter else ''} {table} {form}")
    return tuple(key)


def _after_name(sql: str) -> str:
    """What a CREATE INDEX statement says from its ON on."""
    return next((sql[word.start :] for word in words(sql) if word.is_word("ON")), sql)
