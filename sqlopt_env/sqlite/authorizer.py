"""The allow-list: what SQLite may do while a rewrite is prepared and run.

SQLite reports every action of a statement as it compiles it; whatever is not on the list is denied. No text of a
policy is ever searched for keywords.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

# Built-in functions that depend on nothing but their arguments (the clock stands still, see connection.py).
FUNCTIONS = frozenset(
    """
    -> ->> abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling char coalesce concat concat_ws cos cosh count
    cume_dist current_date current_time current_timestamp date datetime degrees dense_rank exp first_value floor
    format glob group_concat hex if ifnull iif instr json json_array json_array_insert json_array_length
    json_error_position json_extract json_group_array json_group_object json_insert json_object json_patch
    json_pretty json_quote json_remove json_replace json_set json_type json_valid jsonb jsonb_array
    jsonb_array_insert jsonb_extract jsonb_group_array jsonb_group_object jsonb_insert jsonb_object jsonb_patch
    jsonb_remove jsonb_replace jsonb_set julianday lag last_value lead length like likelihood likely ln log log10
    log2 lower ltrim match max median min mod nth_value ntile nullif octet_length percent_rank percentile
    percentile_cont percentile_disc pi pow power printf quote radians rank replace round row_number rtrim sign sin
    sinh sqrt strftime string_agg substr substring sum tan tanh time timediff total trim trunc typeof unhex unicode
    unistr unistr_quote unixepoch unlikely upper zeroblob bm25 highlight snippet
    """.split()
)
_RESERVED = ("sqlite_", "pragma_")
# Table-valued functions that SQLite may have, some of which it lists only once they are used.
_TABLE_FUNCTIONS = frozenset(
    """
    bytecode carray completion csv dbstat fsdir fts3tokenize fts4aux fts5vocab generate_series json_each json_tree
    jsonb_each jsonb_tree sqlite_dbdata sqlite_dbptr sqlite_stmt tables_used wholenumber zipfile
    """.split()
)


class Authorizer:
    """Installed on a connection for good; `guarded()` switches the allow-list on.

    After each prepare, `actions` holds what the statement does, `reads` the (table, column) pairs it reads, and
    `denied` one phrase for the first thing that was refused, or "".
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self.actions: set[int] = set()
        self.reads: set[tuple[str, str]] = set()
        self.denied = ""
        # With the tables that a virtual table keeps behind it: SQLite reads them on its behalf.
        listed = connection.execute("PRAGMA main.table_list").fetchall()
        self._known = {str(row[1]).lower() for row in listed if not str(row[1]).startswith(_RESERVED)}
        self._indexable = {str(row[1]).lower() for row in listed if row[2] == "table"} & self._known
        self._modules = {name.lower() for (name,) in connection.execute("PRAGMA module_list")} | _TABLE_FUNCTIONS
        self._guarding = False
        self._own = ""
        connection.authorizer = self

    def forget(self) -> None:
        """Start anew before the next statement."""
        self.actions, self.reads, self.denied = set(), set(), ""

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """While this is open, only what a rewrite may do is allowed."""
        self._guarding = True
        try:
            yield
        finally:
            self._guarding = False

    @contextmanager
    def allowing(self, function: str) -> Iterator[None]:
        """While this is open, one more function is allowed: one of the library's own."""
        self._own = function
        try:
            yield
        finally:
            self._own = ""

    def __call__(self, action: int, one: str | None, two: str | None, database: str | None, trigger: str | None) -> int:
        if not self._guarding:
            return apsw.SQLITE_OK
        self.actions.add(action)
        if action == apsw.SQLITE_READ and one is not None:
            self.reads.add((one, two or ""))
        refusal = self._refusal(action, one or "", two or "", database)
        if refusal:
            self.denied = self.denied or refusal
            return apsw.SQLITE_DENY
        return apsw.SQLITE_OK

    def _refusal(self, action: int, one: str, two: str, database: str | None) -> str:
        """Why this action is denied, or "" where it is allowed."""
        match action:
            case apsw.SQLITE_SELECT | apsw.SQLITE_RECURSIVE:
                return ""
            case apsw.SQLITE_READ:
                return "" if self._may_read(one, two) else f"reading {one}"
            case apsw.SQLITE_FUNCTION:
                return "" if two.lower() in FUNCTIONS or two == self._own else f"the function {two}()"
            case apsw.SQLITE_CREATE_INDEX if database == "main" and two.lower() in self._indexable:
                return ""
            case apsw.SQLITE_REINDEX if database == "main" and apsw.SQLITE_CREATE_INDEX in self.actions:
                return ""
            case apsw.SQLITE_PRAGMA if one == "data_version" and not two:  # full-text search asks for it
                return ""
            # SQLite's own bookkeeping of CREATE INDEX; a statement that names the catalogue itself is refused by
            # SQLite as long as writable_schema is off, and PRAGMA is not on this list.
            case apsw.SQLITE_INSERT if one == "sqlite_master" and database == "main":
                return ""
        if one in ("sqlite_master", "sqlite_temp_master"):
            return "a statement that changes the schema, other than CREATE INDEX,"
        name = str(apsw.mapping_authorizer_function.get(action, action))
        words = name.removeprefix("SQLITE_").replace("_", " ")
        return f"{words} {one}".strip()

    def _may_read(self, table: str, column: str) -> bool:
        name = table.lower()
        if name in self._known:
            return True
        # count(*) over a common table expression reads no column of it, and reports the expression's own name.
        return not column and name not in self._modules and not name.startswith(_RESERVED)
