"""Shapes of queries over two tables of which one refers to the other, filled in at random."""

from __future__ import annotations

import random
from dataclasses import dataclass

from sqlopt_env.databases.shop import SCHEMA as SHOP

LIBRARY = """\
CREATE TABLE members (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  town TEXT,
  born INTEGER,
  joined TEXT NOT NULL CHECK (joined IS date(joined))
);
CREATE TABLE books (isbn TEXT PRIMARY KEY NOT NULL, title TEXT NOT NULL, genre TEXT, pages INTEGER NOT NULL);
CREATE TABLE loans (
  id INTEGER PRIMARY KEY,
  member_id INTEGER NOT NULL REFERENCES members (id),
  isbn TEXT REFERENCES books (isbn),
  lent TEXT NOT NULL CHECK (lent IS date(lent)),
  days INTEGER,
  fine REAL NOT NULL DEFAULT 0
);
"""


@dataclass(frozen=True)
class World:
    """Two tables, the second of which refers to the first, and columns of both by what can be done with them."""

    schema: str
    parent: str
    child: str
    key: str
    reference: str
    numbers: tuple[str, str]  # a column of the parent, one of the child
    texts: tuple[tuple[str, tuple[str, ...]], tuple[str, tuple[str, ...]]]
    days: tuple[str, str]


WORLDS = (
    World(
        SHOP, "users", "orders", "id", "user_id", ("age", "amount"),
        (("city", ("Oslo", "Wien", "Gent")), ("product", ("mouse", "toaster", "USB hub"))),
        ("signup_date", "order_date"),
    ),
    World(
        LIBRARY, "members", "loans", "id", "member_id", ("born", "days"),
        (("town", ("Bath", "York", "Ely")), ("isbn", ("k1", "k2", "k3"))), ("joined", "lent"),
    ),
    World(
        LIBRARY, "books", "loans", "isbn", "isbn", ("pages", "fine"),
        (("genre", ("crime", "poetry", "travel")), ("isbn", ("k1", "k2", "k3"))), ("title", "lent"),
    ),
)  # fmt: skip


def _choices(world: World, side: int, alias: str, rng: random.Random) -> list[tuple[str, ...]]:
    """Conditions on the parent's (0) or the child's (1) columns, those on one column together."""
    number, day, (text, words) = world.numbers[side], world.days[side], world.texts[side]
    low, word = rng.choice((3, 10, 30)), rng.choice(words)
    return [
        (
            f"{alias}.{number} {rng.choice(('>', '>=', '<', '<='))} {low}",
            f"{alias}.{number} BETWEEN {low} AND {low + rng.choice((2, 10))}",
            f"NOT ({alias}.{number} < {low} OR {alias}.{number} > {low + 20})",
            f"{alias}.{number} IS NOT NULL",
            f"({alias}.{number} IS NULL OR {alias}.{number} > {low})",
            f"COALESCE({alias}.{number}, 0) < {low}",
            f"CAST({alias}.{number} AS INTEGER) % 10 = 3",
        ),
        (
            f"{alias}.{text} {rng.choice(('=', '<>'))} '{word}'",
            f"{alias}.{text} IN ('{words[0]}', '{words[1]}')",
            f"lower({alias}.{text}) = '{word.lower()}'",
            f"{alias}.{text} LIKE '{word[:2]}%'",
            f"({alias}.{text} = '{word}' OR {alias}.{number} < {low})",
        ),
        (
            f"{alias}.{day} >= '2024-0{rng.choice((2, 5))}-01'",
            f"{alias}.{day} >= '2024-02-01' AND {alias}.{day} < '2024-03-01'",
        ),
    ]


def _condition(world: World, side: int, alias: str, rng: random.Random) -> str:
    return rng.choice(rng.choice(_choices(world, side, alias, rng)[:2]))


def _conditions(world: World, side: int, alias: str, rng: random.Random) -> str:
    """Conditions on different columns."""
    chosen = rng.sample(_choices(world, side, alias, rng), rng.choice((1, 2, 2, 3)))
    return " AND ".join(rng.choice(choices) for choices in chosen)


def _tail(rng: random.Random, *terms: str) -> str:
    order = ", ".join(f"{term}{rng.choice(('', ' DESC'))}" for term in terms)
    return rng.choice(("", f" ORDER BY {order}", f" ORDER BY {order} LIMIT {rng.choice((2, 5))}"))


def _filter(w: World, rng: random.Random) -> str:
    text, number = w.texts[0][0], w.numbers[0]
    distinct, outputs = rng.choice((("", f"p.{w.key}, p.{number}"), ("DISTINCT ", f"p.{text}, p.{number}")))
    terms = [f"p.{number}", f"p.{text}" if distinct else f"p.{w.key}"]
    return f"SELECT {distinct}{outputs} FROM {w.parent} p WHERE {_conditions(w, 0, 'p', rng)}{_tail(rng, *terms)}"


def _join(w: World, rng: random.Random) -> str:
    kind = rng.choice(("JOIN", "LEFT JOIN"))
    on = f"c.{w.reference} = p.{w.key}"
    if kind == "LEFT JOIN" and rng.random() < 0.5:
        on += f" AND {_condition(w, 1, 'c', rng)}"
    where = f"{_condition(w, 0, 'p', rng)}" + (f" AND {_condition(w, 1, 'c', rng)}" if kind == "JOIN" else "")
    outputs = f"p.{w.key}, p.{w.texts[0][0]}, c.id, c.{w.numbers[1]}"
    return (
        f"SELECT {outputs} FROM {w.parent} p {kind} {w.child} c ON {on} WHERE {where}{_tail(rng, f'p.{w.key}', 'c.id')}"
    )


def _lookup(w: World, rng: random.Random) -> str:
    """A join that adds nothing but its condition."""
    kind = rng.choice(("JOIN", "LEFT JOIN"))
    tables = f"{w.child} c {kind} {w.parent} p ON p.{w.key} = c.{w.reference}"
    return f"SELECT c.id, c.{w.numbers[1]} FROM {tables} WHERE {_conditions(w, 1, 'c', rng)}"


def _aggregate(w: World, rng: random.Random) -> str:
    text, number = w.texts[1][0], w.numbers[1]
    having = rng.choice(("", " HAVING COUNT(*) > 1", f" HAVING SUM(c.{number}) >= 30", f" HAVING MAX(c.{number}) < 30"))
    measures = rng.choice(
        (
            f"COUNT(*), SUM(c.{number})",
            f"COUNT(c.{number}), AVG(c.{number})",
            f"MIN(c.{number}), COUNT(DISTINCT c.{number})",
        )
    )
    where = f" WHERE {_conditions(w, 1, 'c', rng)}" if rng.random() < 0.5 else ""
    return f"SELECT c.{text}, {measures} FROM {w.child} c{where} GROUP BY c.{text}{having}{_tail(rng, f'c.{text}')}"


def _join_aggregate(w: World, rng: random.Random) -> str:
    measure = rng.choice(("COUNT(c.id)", f"COALESCE(SUM(c.{w.numbers[1]}), 0)", f"MAX(c.{w.days[1]})"))
    having = rng.choice(("", " HAVING COUNT(c.id) >= 2"))
    return (
        f"SELECT p.{w.key}, p.{w.texts[0][0]}, {measure} AS m FROM {w.parent} p LEFT JOIN {w.child} c"
        f" ON c.{w.reference} = p.{w.key} WHERE {_condition(w, 0, 'p', rng)}"
        f" GROUP BY p.{w.key}, p.{w.texts[0][0]}{having}{_tail(rng, 'm', f'p.{w.key}')}"
    )


def _conditional(w: World, rng: random.Random) -> str:
    text, words = w.texts[1]
    number = w.numbers[1]
    return (
        f"SELECT c.{w.reference}, SUM(CASE WHEN c.{text} = '{words[0]}' THEN c.{number} ELSE 0 END),"
        f" COUNT(*) FILTER (WHERE {_condition(w, 1, 'c', rng)}), CAST(SUM(c.{number}) AS INTEGER),"
        f" ROUND(AVG(c.{number}), 1)"
        f" FROM {w.child} c GROUP BY c.{w.reference}{_tail(rng, f'c.{w.reference}')}"
    )


def _semi_join(w: World, rng: random.Random) -> str:
    inner = _condition(w, 1, "c", rng)
    test = rng.choice(
        (
            f"EXISTS (SELECT 1 FROM {w.child} c WHERE c.{w.reference} = p.{w.key} AND {inner})",
            f"NOT EXISTS (SELECT 1 FROM {w.child} c WHERE c.{w.reference} = p.{w.key} AND {inner})",
            f"p.{w.key} IN (SELECT c.{w.reference} FROM {w.child} c WHERE {inner})",
            f"p.{w.key} NOT IN (SELECT c.{w.reference} FROM {w.child} c WHERE c.{w.reference} IS NOT NULL AND {inner})",
        )
    )
    return f"SELECT p.{w.key}, p.{w.numbers[0]} FROM {w.parent} p WHERE {_condition(w, 0, 'p', rng)} AND {test}"


def _scalar(w: World, rng: random.Random) -> str:
    number = w.numbers[1]
    group = rng.choice((f" WHERE d.{w.reference} = c.{w.reference}", ""))
    compared = rng.choice(
        (f"> (SELECT AVG(d.{number})", f"= (SELECT MAX(d.{number})", f"<= (SELECT MIN(d.{number}) + 5")
    )
    return f"SELECT c.id, c.{number} * 2 FROM {w.child} c WHERE c.{number} {compared} FROM {w.child} d{group})"


def _window(w: World, rng: random.Random) -> str:
    number, day, group = w.numbers[1], w.days[1], f"PARTITION BY c.{w.reference}"
    function = rng.choice(
        (
            f"RANK() OVER ({group} ORDER BY c.{number} DESC)",
            f"ROW_NUMBER() OVER ({group} ORDER BY c.{day} DESC, c.id)",
            f"SUM(c.{number}) OVER ({group} ORDER BY c.{day})",
            f"AVG(c.{number}) OVER (ORDER BY c.id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
            f"MAX(c.{number}) OVER ({group} ORDER BY c.id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)",
            f"LAG(c.{number}) OVER ({group} ORDER BY c.id)",
        )
    )
    ranked = f"SELECT c.id, c.{number}, {function} AS n FROM {w.child} c WHERE {_condition(w, 1, 'c', rng)}"
    return f"SELECT r.id, r.n FROM ({ranked}) r WHERE r.n <= {rng.choice((1, 10))}" if rng.random() < 0.5 else ranked


def _set_operation(w: World, rng: random.Random) -> str:
    column = rng.choice((w.texts[1][0], w.reference))
    operator = rng.choice(("UNION", "UNION ALL", "EXCEPT", "INTERSECT"))
    sides = [f"SELECT c.{column} FROM {w.child} c WHERE {_condition(w, 1, 'c', rng)}" for _ in range(2)]
    return f" {operator} ".join(sides)


def _common_table(w: World, rng: random.Random) -> str:
    return (
        f"WITH t AS (SELECT c.{w.reference} AS k, COUNT(*) AS n, SUM(c.{w.numbers[1]}) AS s FROM {w.child} c"
        f" WHERE {_condition(w, 1, 'c', rng)} GROUP BY c.{w.reference})"
        f" SELECT p.{w.key}, t.n, t.s / t.n FROM t JOIN {w.parent} p ON p.{w.key} = t.k"
        f" WHERE t.n {rng.choice(('> 1', '>= 1', '= 2'))}{_tail(rng, 't.n', f'p.{w.key}')}"
    )


SHAPES = (
    _filter, _join, _lookup, _aggregate, _join_aggregate, _conditional, _semi_join, _scalar, _window, _set_operation,
    _common_table,
)  # fmt: skip
