"""How many different values columns have: what SQLite's ANALYZE would say, as comments of the schema a policy sees.

SQLite plans without it here, as on any database that was never analysed; a policy may know better.
"""

from __future__ import annotations

from contextlib import suppress

import apsw

from .connection import all_columns, quoted

COUNTED = 100_000  # rows of a table, the first ones
CELLS = 4_000_000  # of all tables together: where there are very many columns, fewer rows are counted
LONGEST = 200  # bytes of a value; columns that hold longer ones mostly are left out


def distinct_values(connection: apsw.Connection, counts: list[tuple[str, int]]) -> dict[str, list[tuple[str, int]]]:
    """(column, distinct values) of each table's columns, by the table's name; `counts` are (table, rows).

    Counted in the first rows and taken to go on growing where more than half of them differ. Columns that are all
    NULL, or cannot be counted, are left out.
    """
    columns = all_columns(connection)
    found: dict[str, list[tuple[str, int]]] = {}
    for table, rows in counts:
        named = [column for name, column in columns if name == table]
        seen = min(rows, COUNTED, max(1, CELLS // max(1, len(columns))))
        found[table] = []
        for column in named:
            distinct = _distinct(connection, table, column, seen)
            if distinct > seen // 2:
                distinct = distinct * rows // seen
            if distinct:
                found[table].append((column, distinct))
    return found


def _distinct(connection: apsw.Connection, table: str, column: str, rows: int) -> int:
    """Distinct values in the first rows; 0 where they are long, or SQLite cannot compare them here."""
    name = quoted(column)
    first = f"SELECT {name} AS value FROM main.{quoted(table)} NOT INDEXED LIMIT {rows}"
    query = (
        f"SELECT count(DISTINCT CASE WHEN octet_length(value) <= {LONGEST} THEN value END),"
        f" total(octet_length(value) > {LONGEST}) * 2 < count(value) FROM ({first})"
    )
    with suppress(apsw.Error):
        ((distinct, is_short),) = connection.execute(query)
        return int(distinct) if is_short else 0
    return 0
