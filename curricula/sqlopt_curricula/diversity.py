"""When are two queries the same query in another dress? Four fingerprints, from fine to coarse.

Each is equal wherever a finer one is, so that queries which differ in the coarsest differ in all of them. That is how
tasks are kept apart: every tree shape belongs to one *fold*, either to the held-out tasks or to the training tasks of
even or of odd seeds. What is generated for one fold can share no fingerprint with what is generated for another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sqlopt_env.sqlite.words import Word, words

Fold = Literal["heldout", "even", "odd"]
HELD_OUT_OF = 5  # one tree shape of so many belongs to the held-out tasks
_NAME, _LITERAL = "n", "?"
_UNREADABLE = (SqlglotError, RecursionError, ValueError, AssertionError, AttributeError, TypeError)
_LEAVES = (
    exp.Column, exp.Identifier, exp.Var, exp.Star, exp.Null, exp.Table, exp.TableAlias,
    exp.Literal, exp.Boolean, exp.HexString, exp.Neg,
)  # fmt: skip


class Fingerprints:
    """Short hashes of a query, each made when it is first asked for. Never raises: what sqlglot cannot read is masked
    word by word.

    `exact`: its words, whatever white space, comments and the case of words. `literals`: numbers, texts and lists of
    them are masked. `names`: so are the names of tables, columns, aliases and indexes, all alike, and the order of
    what AND and OR join is forgotten. `shape`: only the kinds of clauses and expressions and how they nest are left,
    neighbours of one kind count once.
    """

    def __init__(self, query: str) -> None:
        self._query = query

    @cached_property
    def exact(self) -> str:
        written = (_exact(self._query, word) for word in words(self._query))
        return _hash(" ".join(written).removesuffix(" ;"))

    @cached_property
    def literals(self) -> str:
        return _hash(self._masked[0])

    @cached_property
    def names(self) -> str:
        return _hash(self._masked[1])

    @cached_property
    def shape(self) -> str:
        try:
            return _hash(_shape(sqlglot.parse_one(self._query, dialect="sqlite")))
        except _UNREADABLE:
            return _hash(self._by_words(True))

    @property
    def fold(self) -> Fold:
        """To which tasks such a query may belong."""
        return _fold(self.shape)

    @cached_property
    def _masked(self) -> tuple[str, str]:
        """The query with its literals masked, and with its names masked too."""
        try:
            tree = sqlglot.parse_one(self._query, dialect="sqlite")
            _mask_literals(tree)
            literals = tree.sql(dialect="sqlite", comments=False).lower()
            _mask_names(tree)
            _sort_operands(tree)
            return literals, tree.sql(dialect="sqlite", comments=False)
        except _UNREADABLE:
            return self._by_words(False), self._by_words(True)

    def _by_words(self, names: bool) -> str:
        masks = {"text": _LITERAL, "number": _LITERAL, "blob": _LITERAL}
        if names:
            masks |= {"name": _NAME, "quoted": _NAME}
        return " ".join(masks.get(word.kind, word.text.lower()) for word in words(self._query))


@dataclass(frozen=True, slots=True)
class Diversity:
    """The shares of `count` queries that are left when those with equal fingerprints count once."""

    count: int
    exact: float
    literals: float
    names: float
    shape: float


def fold_of_tree(tree: exp.Expr) -> Fold:
    """The fold of a query that is at hand as a tree, nearly always: writing it out may change what it is read as."""
    return _fold(_hash(_shape(tree)))


def fold_of_seed(seed: int) -> Fold:
    """The fold of the training tasks of a seed: neighbouring seeds have different ones."""
    return "odd" if seed % 2 else "even"


def diversity(queries: Iterable[str]) -> Diversity:
    """How many different queries there are among these."""
    prints = [fingerprints(query) for query in queries]
    count = max(1, len(prints))
    return Diversity(
        len(prints),
        *(len({getattr(each, kind) for each in prints}) / count for kind in ("exact", "literals", "names", "shape")),
    )


@lru_cache(maxsize=4096)
def fingerprints(query: str) -> Fingerprints:
    """The fingerprints of a query; equal ones are equal texts in their field."""
    return Fingerprints(query)


def _fold(shape: str) -> Fold:
    number = int(shape, 16)
    if number % HELD_OUT_OF == 0:
        return "heldout"
    return "odd" if number // HELD_OUT_OF % 2 else "even"


def _exact(query: str, word: Word) -> str:
    written = query[word.start : word.end]
    return written.lower() if word.kind in ("name", "number") else written


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _mask_literals(tree: exp.Expr) -> None:
    """In place. A list of literals becomes one literal."""
    for node in list(tree.find_all(exp.Literal, exp.HexString, exp.Boolean)):
        sign = node.parent if isinstance(node.parent, exp.Neg) else node
        if sign.parent is not None:
            sign.replace(exp.Var(this=_LITERAL))
    for listed in tree.find_all(exp.In):
        if listed.expressions and all(isinstance(item, exp.Var) for item in listed.expressions):
            listed.set("expressions", [exp.Var(this=_LITERAL)])


def _mask_names(tree: exp.Expr) -> None:
    """In place. Whether a table or an output is given a name of its own does not matter."""
    for name in tree.find_all(exp.Identifier):
        name.replace(exp.Identifier(this=_NAME, quoted=False))
    for column in list(tree.find_all(exp.Column)):
        if not isinstance(column.this, exp.Star):
            column.replace(exp.column(_NAME))
    for alias in list(tree.find_all(exp.Alias)):
        alias.replace(alias.this)
    for table in tree.find_all(exp.Table):
        table.set("alias", None)


def _sort_operands(tree: exp.Expr) -> None:
    """In place: what AND and OR join stands in the order of its text, from the inside out."""
    for node in reversed(list(tree.find_all(exp.And, exp.Or))):
        if isinstance(node.parent, type(node)):
            continue
        operands = sorted((part.copy() for part in node.flatten(unnest=False)), key=lambda part: part.sql("sqlite"))
        chain = operands[0]
        for operand in operands[1:]:
            chain = type(node)(this=chain, expression=operand)
        node.replace(chain)


def _shape(node: exp.Expr) -> str:
    """Kinds of clauses and expressions with what is in them: no leaves, and of equal neighbours only one."""
    if isinstance(node, exp.Alias | exp.Paren):
        return _shape(node.this)
    if isinstance(node, exp.And | exp.Or):
        inner = sorted({_shape(operand) for operand in node.flatten()} - {""})
    else:
        found = [text for child in _children(node) if (text := _shape(child))]
        inner = [text for text, before in zip(found, ["", *found], strict=False) if text != before]
    if not inner and isinstance(node, _LEAVES):
        return ""
    return type(node).__name__ + (f"({' '.join(inner)})" if inner else "")


def _children(node: exp.Expr) -> Iterator[exp.Expr]:
    """In the order of their names: sqlglot hangs ORDER BY and LIMIT of a compound in the order of a set of strings,
    which is another one in every process."""
    for name in sorted(node.args):
        value = node.args[name]
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, exp.Expr):
                yield child
