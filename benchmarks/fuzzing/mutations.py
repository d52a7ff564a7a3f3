"""Actions made of real queries: a few edits, of characters, of tokens, or of what a query means."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from .strategies import KEYWORDS, LITERALS, NAMES, OPERATORS

Mutation: TypeAlias = Callable[[str, Sequence[str], random.Random], str]  # of a script, with others to take from

_TOKEN = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\w+(?:\.\d+)?|<>|<=|>=|!=|\|\||\s+|--[^\n]*|/\*.*?\*/|.", re.DOTALL
)
_LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")
_COMPARISON = re.compile(
    r"<>|<=|>=|=|<|>|\+|\*|\b(?:AND|OR|NOT|IN|MIN|MAX|SUM|COUNT|LEFT|DISTINCT|UNION|DESC|BETWEEN)\b", re.IGNORECASE
)
_OTHERS = [f" {word} " for word in ("", *"<> <= >= = < > + - * / || MIN IS AND OR NOT IN ALL".split())]
_CHARACTERS = "'\"`[]();,.*-/%\\ \t\n\0\ufeff\u202e\u00a0\ud800é😀0aS_?:@$#{}"
_EXTREMES = (
    *LITERALS, "9" * 400, "'" + "a" * 5000 + "'", "x'" + "ff" * 3000 + "'", "zeroblob(1e9)", "date('now')", "-0.0",
    "'2024-01-01T00:00:00.000000Z'", "1e-400", "0xffffffffffffffffff", "'\u0130'", "(SELECT NULL)", "1_000", "TRUE",
)  # fmt: skip
_TERMS = {  # of the indexes that a table may get
    "orders": ("user_id", "amount DESC", "order_date", "product COLLATE NOCASE", "lower(product)", "id", "rowid"),
    "users": ("id", "city", "lower(email)", "age DESC", "age / 10", "signup_date", "name COLLATE NOCASE"),
    '"select"': ('"a b"', '"x""y" DESC', "twice", '"ünï"', 'lower("a b")', "small COLLATE RTRIM"),
    "pairs": ("k", "n DESC", "v", "v || k", "n % 7"),
    "sales": ("day", "price DESC", "what", "typeof(what)", "substr(day, 1, 7)"),
    "tree": ("parent", "name DESC", "parent + id", "ifnull(parent, 0)"),
}
_ODD_TERMS = (
    "random()", "nothing", "'x'", "1", "abs(-9223372036854775807 - 1)", "json('{')", "rowid", "(SELECT 1)", "sum(id)",
    "date('now')", "CASE WHEN id THEN 1 END", "zeroblob(1e9)", "id COLLATE nothing", "likely(id)", "NULL", '"id"',
)  # fmt: skip
_WINDOWS = "0 1 -1 3 1e3 9223372036854775807 99999999999999999999 NULL 'a' +3 2.5 x'01'".split()
_PARTIAL = (*[""] * 5, " WHERE {} > '2024'", " WHERE {} IS NOT NULL", " WHERE {} IN (SELECT 1)", " WHERE 'a' < 1")


def _characters(script: str, others: Sequence[str], rng: random.Random) -> str:
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at, more = rng.randrange(len(script) + 1), rng.choice(_CHARACTERS + script[:200])
        script = script[:at] + rng.choice(("", more, more * 3)) + script[at + rng.choice((0, 1, 1, 2)) :]
    return script


def _tokens(script: str, others: Sequence[str], rng: random.Random) -> str:
    tokens = _TOKEN.findall(script) or [""]
    for _ in range(rng.choice((1, 1, 2, 3))):
        one, other = (rng.randrange(len(tokens)) for _ in range(2))
        match rng.randrange(4):
            case 0:
                tokens[one] = ""
            case 1:
                tokens[one] += " " + tokens[other] + " "
            case 2:
                tokens[one], tokens[other] = tokens[other], tokens[one]
            case 3:
                tokens[one] = f" {rng.choice((*KEYWORDS, *OPERATORS, *NAMES))} "
    return "".join(tokens)


def _splice(script: str, others: Sequence[str], rng: random.Random) -> str:
    one, other = _TOKEN.findall(script), _TOKEN.findall(rng.choice(others))
    return "".join(one[: rng.randrange(len(one) + 1)] + other[rng.randrange(len(other) + 1) :])


def _replaced(pattern: re.Pattern[str], choices: Sequence[str], script: str, rng: random.Random) -> str:
    places = list(pattern.finditer(script))
    if not places:
        return script
    place = rng.choice(places)
    return script[: place.start()] + rng.choice(choices) + script[place.end() :]


def _literals(script: str, others: Sequence[str], rng: random.Random) -> str:
    near = [
        str(int(text) + rng.choice((-1, 1))) for text in _LITERAL.findall(script) if text.isdecimal() and len(text) < 30
    ]
    return _replaced(_LITERAL, [*_EXTREMES, *near * 4], script, rng)


def _operators(script: str, others: Sequence[str], rng: random.Random) -> str:
    return _replaced(_COMPARISON, _OTHERS, script, rng)


def _indexes(script: str, others: Sequence[str], rng: random.Random) -> str:
    statements = []
    there = [table for table in _TERMS if table.strip('"') in script] or list(_TERMS)
    for number in range(rng.choice((1, 1, 1, 2, 3, 70))):
        table = rng.choice(there)
        terms = rng.choices(_TERMS[table], k=rng.choice((1, 2, 3, 40)))
        if rng.random() < 0.1:
            terms.append(rng.choice(_ODD_TERMS))
        kind = rng.choice(("INDEX", "INDEX", "INDEX", "INDEX IF NOT EXISTS", "UNIQUE INDEX"))
        partial = rng.choice(_PARTIAL).format(terms[0].removesuffix(" DESC"))
        statements.append(f"CREATE {kind} f{number} ON {table} ({', '.join(terms)}){partial}")
    return ";\n".join([*statements, script])


def _nesting(script: str, others: Sequence[str], rng: random.Random) -> str:
    indexes, _, query = script.rpartition(";\n")
    for level in range(rng.choice((1, 1, 2, 3, 10, 60))):
        query = rng.choice(
            (
                f"SELECT * FROM ({query})",
                f"WITH c{level} AS ({query}) SELECT * FROM c{level}",
                f"SELECT * FROM ({query}) WHERE 1",
            )
        )
    return f"{indexes};\n{query}" if indexes else query


def _window(script: str, others: Sequence[str], rng: random.Random) -> str:
    limit, offset = rng.choice(_WINDOWS), rng.choice(_WINDOWS)
    tail = rng.choice(
        (f" LIMIT {limit}", f" LIMIT {limit} OFFSET {offset}", f" ORDER BY {limit}", f" LIMIT {offset}, {limit}")
    )
    return rng.choice((script + tail, f"SELECT * FROM ({script}){tail}"))


def _looks(script: str, others: Sequence[str], rng: random.Random) -> str:
    """The same query in other words."""
    tokens = _TOKEN.findall(script)
    at = rng.randrange(len(tokens) + 1)
    plain = [token.swapcase() if token.upper() in KEYWORDS else token for token in tokens]
    noisy = [*tokens[:at], rng.choice((" /* ; */ ", " --'\n", "\f", "\t\n ")), *tokens[at:]]
    return "".join(rng.choice((plain, noisy))) + rng.choice(("", ";", ";;", " ; -- end"))


MUTATIONS: dict[str, Mutation] = {
    "characters": _characters,
    "tokens": _tokens,
    "splices": _splice,
    "literals": _literals,
    "operators": _operators,
    "indexes": _indexes,
    "nesting": _nesting,
    "windows": _window,
    "looks": _looks,
}


def mutated(kind: str, script: str, others: Sequence[str], rng: random.Random) -> str:
    """One mutation of this kind, and now and then others after it."""
    script = MUTATIONS[kind](script, others, rng)
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        script = rng.choice(list(MUTATIONS.values()))(script, others, rng)
    return script
