"""What a language model is told that is to write slow queries: who speaks, what about, and what comes back.

Themes and voices take turns by chance, because a model that is asked the same thing writes the same thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from string import Template
from typing import Any

import numpy as np

from sqlopt_env.survey import ColumnSurvey, Survey, TableSurvey, Value

from .source import literal

MARK = "slow queries for this database"  # by which a server that only pretends to be a model knows the prompt
_LARGE = 1000  # rows of a table that is worth asking about
_SHOWN = 4  # values of a column
_LONGEST_VALUE, _LONGEST_NAME, _LONGEST_TABLES = 40, 200, 16_000  # characters

# A name, and what the query is like; the name is the shape of the tasks that come of it.
THEMES: dict[str, str] = {
    "report": "a report over several joined tables with GROUP BY, of the kind that a manager asks for every Monday",
    "lookup": "a search for particular rows by what people know of them, on columns without an index",
    "per_row_subquery": "a scalar subquery in the SELECT list that is computed again for every row",
    "correlated_filter": "a WHERE condition that compares each row with an aggregate over the rows like it",
    "latest_of_each": "the newest, largest or first row of each group, found by comparing with a subquery",
    "in_subquery": "IN with a subquery, perhaps nested twice",
    "not_in": "rows that have no partner elsewhere, found with NOT IN or with a LEFT JOIN and IS NULL",
    "count_to_test": "(SELECT count(*) ...) > 0 or = 0 where only existence is asked",
    "wrapped_column": "conditions on lower(column), substr(column, ...), strftime(..., column) or CAST(column AS ...)",
    "arithmetic": "conditions that compute with a column, such as price * 1.2 > 100 or id + 0 = 7",
    "or_chain": "long chains of OR, also over different columns or tables",
    "distinct_join": "joins that multiply rows, repaired with DISTINCT or GROUP BY over all columns",
    "derived_tables": "derived tables in FROM that compute far more than the outer query needs",
    "common_tables": "WITH clauses of several steps that are each read more than once",
    "filter_late": "filters in HAVING or in the outermost query that could have been applied to the rows at first",
    "union": "UNION of several nearly equal SELECTs",
    "running": "running totals, ranks or differences to the row before, computed with a self join or a subquery",
    "windows": "window functions over whole tables of which only a few rows are kept",
    "pairs": "a table joined with itself to find pairs",
    "top_list": "ORDER BY with a total order and LIMIT over a large join",
    "counts_side_by_side": "several counts or sums of one table under different conditions, a subquery for each",
    "unneeded": "joins, columns, sorting in subqueries and repeated conditions that the answer does not need",
}
VOICES = (
    "a junior developer in the first months of a first job, who is glad when the right rows come out",
    "an analyst who thinks in spreadsheets and builds queries up piece by piece without tidying",
    "an application developer who would rather write a loop, and nests one subquery for every loop",
    "a student who has just learnt SQL from a book and uses every feature of the last chapter",
    "somebody who copied a colleague's report and changed it until it fitted",
    "a backend developer whose query was put together by code, clause by clause",
    "a domain expert who says exactly what is wanted and never thinks about how it is found",
    "a developer who comes from another database and writes what was fast there",
)

SYSTEM = Template("""\
You write $mark, SQLite $version. They train programs that make queries faster, so they must be realistic, correct,
and badly written: you speak as $voice. You have never heard of query plans, and do not write badly on purpose.
Every query must
- be one SELECT (WITH is allowed) that SQLite runs, and ask something that somebody would want to know;
- read thousands of rows, with at least one table that has many of them, and return some rows, at most 20,000;
- take well under a second: no cross joins of large tables;
- have one answer only: no random(), no current date or time; where there is LIMIT, ORDER BY must decide between all
  rows; with GROUP BY, every column is grouped or aggregated;
- take its literals from values that stand in the data;
- be faster if written well, or with an index.
Beside each query give `better`: the same query as an expert in SQLite would write it, with exactly the same rows and
columns, without CREATE INDEX; an empty text where writing it otherwise does not help.
Answer with a JSON object and nothing else:
{"queries": [{"question": "what it asks, in a sentence", "query": "SELECT ...", "better": "SELECT ..."}]}""")

_PROPERTIES = ("question", "query", "better")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "queries": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in _PROPERTIES},
                "required": list(_PROPERTIES),
                "additionalProperties": False,
            },
        }
    },
    "required": ["queries"],
    "additionalProperties": False,
}


def messages(survey: Survey, theme: str, count: int, rng: np.random.Generator, version: str) -> list[dict[str, str]]:
    """A chat that asks for `count` queries of a theme; `rng` chooses the voice, and tables to begin with."""
    voice = VOICES[int(rng.integers(len(VOICES)))]
    order = [survey.tables[i] for i in rng.permutation(len(survey.tables))]
    large = [table for table in order if table.rows >= _LARGE]
    focus = " and ".join(table.name[:_LONGEST_NAME] for table in large[: int(rng.integers(1, 3))])
    many = f"{count} queries that differ in their tables, conditions and structure" if count > 1 else "one query"
    asked = f"Write {many}. This time: {THEMES[theme]}. Begin with the table {focus or order[0].name}."
    return [
        {"role": "system", "content": SYSTEM.substitute(mark=MARK, version=version, voice=voice)},
        {"role": "user", "content": f"{described(order)}\n\n{asked}"},
    ]


def described(tables: Sequence[TableSurvey]) -> str:
    """The tables with their columns, keys and some values, in this order, as far as there is room."""
    texts: list[str] = []
    room = _LONGEST_TABLES
    for table in tables:
        text = _table(table)
        if len(text) > room:
            text = _table(table, values=False)[:room]
        room -= len(text)
        texts.append(text)
        if room <= 0:
            texts.append("(and more tables)")
            break
    return "\n\n".join(texts)


def _table(table: TableSurvey, *, values: bool = True) -> str:
    lines = [f"Table {table.name}: {table.rows:,} rows"]
    lines += [f"  {_column(column, values=values)}" for column in table.columns]
    lines += [f"  unique: ({', '.join(key)})" for key in table.keys]
    for key in table.foreign_keys:
        lines.append(f"  ({', '.join(key.columns)}) refers to {key.parent} ({', '.join(key.parent_columns)})")
    return "\n".join(lines)


def _column(column: ColumnSurvey, *, values: bool) -> str:
    parts = [column.name, column.declared or column.kind]
    if column.not_null:
        parts.append("NOT NULL")
    elif column.nulls:
        parts.append(f"({column.nulls:.0%} NULL)")
    text = " ".join(parts)
    different = list(dict.fromkeys(column.values))
    if values and different:
        some = [different[i * (len(different) - 1) // max(1, _SHOWN - 1)] for i in range(_SHOWN)]
        text += f" -- {column.distinct:,} values, such as {', '.join(map(_value, dict.fromkeys(some)))}"
    return text


def _value(value: Value) -> str:
    text = literal(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."
