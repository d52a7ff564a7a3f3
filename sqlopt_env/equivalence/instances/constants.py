"""What the parts of a query that speak of no row come to: `60 * 60 * 24`, `char(90, 101)`, `x'00ff'`, `"text"`.

SQLite itself says so, on a connection of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from functools import lru_cache

import apsw
from sqlglot import exp
from sqlglot.errors import SqlglotError

from ...sqlite.connection import memory_connection, set_clock
from ..compare import Value

OTHER_DAY = 200.37  # days from the usual one: half of the instances are read then
_LONGEST = 1000  # of a constant's text or blob, and of the SQL that it comes from
_MOST = 500  # constants of one query
_ABOUT_ROWS = (exp.Query, exp.Star, exp.AggFunc, exp.Window, exp.Placeholder, exp.Parameter)
_VALUES = (exp.Func, exp.Binary, exp.Neg, exp.BitwiseNot, exp.HexString)
_TRUTHS = (exp.Predicate, exp.Connector, exp.AggFunc, exp.Dot)


def constants(tree: exp.Expr, names: Collection[str]) -> Iterator[tuple[exp.Expr, Value]]:
    """The largest constant parts that are more than a literal, with their values; of one that tells the time, its
    values on both days. `names` are those of columns, in lower case: other names in double quotes are text.
    """
    found: list[exp.Expr] = []

    def is_found(node: exp.Expr) -> bool:
        if _is_constant(node, names):
            found.append(node)
            return True
        return False

    deque(tree.walk(bfs=False, prune=is_found), maxlen=0)
    for node in found[:_MOST]:
        if isinstance(node, exp.Column):
            yield node, node.name
            continue
        try:
            sql = node.sql(dialect="sqlite")
        except (SqlglotError, RecursionError):
            continue
        for value in evaluated(sql):
            yield node, value


def is_text(node: exp.Expr, names: Collection[str]) -> bool:
    """Whether a name in double quotes is text: no column has that name."""
    if not isinstance(node, exp.Column) or node.table or not isinstance(node.this, exp.Identifier):
        return False
    return bool(names) and bool(node.this.args.get("quoted")) and node.name.lower() not in names


def column_names(tree: exp.Expr, names: Collection[str]) -> set[str]:
    """The names that a column may have in this query, in lower case: the tables' and its own."""
    own = {node.alias.lower() for node in tree.find_all(exp.Alias)}
    for alias in tree.find_all(exp.TableAlias):
        own |= {column.name.lower() for column in alias.columns}
    return own | set(names)


def _is_constant(node: exp.Expr, names: Collection[str]) -> bool:
    if is_text(node, names):
        return True
    if not isinstance(node, _VALUES) or isinstance(node, _TRUTHS):
        return False
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal):
        return False  # a literal
    return not any(
        isinstance(part, _ABOUT_ROWS) or (isinstance(part, exp.Column) and not is_text(part, names))
        for part in node.walk()
    )


@lru_cache(maxsize=512)
def evaluated(sql: str) -> tuple[Value, ...]:
    """What an expression without columns comes to, on both days; nothing where it is NULL, fails, or is too long."""
    if len(sql) > _LONGEST:
        return ()
    found: list[Value] = []
    try:
        for days in (0.0, OTHER_DAY):
            set_clock(days)
            value = _connection().execute(f"SELECT {sql}").get
            if value is not None and value not in found:
                found.append(value)
    except (apsw.Error, UnicodeDecodeError):
        return ()
    finally:
        set_clock(0.0)
    return tuple(found)


@lru_cache(maxsize=1)
def _connection() -> apsw.Connection:
    connection = memory_connection()
    connection.limit(apsw.SQLITE_LIMIT_LENGTH, 4 * _LONGEST)
    connection.limit(apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100)
    connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
    return connection
