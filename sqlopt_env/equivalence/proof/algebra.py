"""What queries are translated into before they are compared: a small algebra of bags.

A query is a bag union of blocks. A block takes one row of each of its atoms in every possible way, keeps the
combinations on which all conditions are true, and returns its outputs. There are no outer joins, scalar subqueries,
collations, affinities or three truth values in here: the translation expresses them by unions, by atoms, by explicit
conversions and by two-valued formulas ("is true", "is NULL"). Comparisons follow SQLite's total order of values:
numbers before texts before blobs, texts by their bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from ..shape import TableShape


class NotUnderstood(Exception):
    """The query leaves the fragment in which proofs are made."""


@dataclass(frozen=True, slots=True)
class Type:
    """Which storage classes a value may have (I, R, T, B), and in which form its numbers come.

    Form "n": numbers are INTEGER wherever they are whole; "r": all are REAL; "nr": there are no whole numbers. Two
    equal values whose forms share a letter are the same value: 1 and 1.0 are equal and not the same.
    """

    classes: str
    form: str
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Column:
    atom: int
    index: int
    type: Type = field(compare=False)


@dataclass(frozen=True, slots=True)
class Literal:
    kind: str  # its storage class, N for NULL; 1 and 1.0 are different literals
    value: int | float | str | None


@dataclass(frozen=True, slots=True)
class Call:
    """A deterministic function or operator."""

    name: str
    arguments: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Case:
    branches: tuple[tuple[Formula, Term], ...]
    default: Term


Term: TypeAlias = Column | Literal | Call | Case


@dataclass(frozen=True, slots=True)
class Compare:
    """True where both sides are not NULL and compare so; the operator is =, <>, < or <=."""

    operator: str
    left: Term
    right: Term


@dataclass(frozen=True, slots=True)
class Null:
    term: Term
    negated: bool


@dataclass(frozen=True, slots=True)
class Exists:
    block: Block  # its outputs are empty
    negated: bool


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Formula, ...]


Formula: TypeAlias = Compare | Null | Exists | And | Or
Literals: TypeAlias = Compare | Null | Exists  # formulas without parts

TRUE = And(())
FALSE = Or(())
NULL = Literal("N", None)
ONE = Literal("I", 1)
ZERO = Literal("I", 0)


@dataclass(frozen=True, slots=True)
class Table:
    name: str  # in lower case
    shape: TableShape = field(compare=False)
    types: tuple[Type, ...] = field(compare=False)
    keys: tuple[tuple[int, ...], ...] = field(compare=False)  # each without NULLs, so that it identifies a row


@dataclass(frozen=True, slots=True)
class Group:
    """One row for every group of the query's rows, so none where there are no rows.

    Every output of the query has a role: "key", or the aggregate over the group that takes its place: sum, total,
    avg, count, min, max, these with " distinct", or "any" for a value that the keys determine.
    """

    query: Query
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Windowed:
    """The query's rows, each with the values of window functions: `functions` over the numbers of its outputs."""

    query: Query
    functions: tuple[WindowFunction, ...]


@dataclass(frozen=True, slots=True)
class WindowFunction:
    name: str
    arguments: tuple[int, ...]
    partition: tuple[int, ...]
    order: tuple[tuple[int, bool], ...]
    frame: str


Source: TypeAlias = Table | Group | Windowed


@dataclass(frozen=True, slots=True)
class Block:
    atoms: tuple[tuple[int, Source], ...]
    conditions: tuple[Formula, ...]
    outputs: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Query:
    blocks: tuple[Block, ...]


Node: TypeAlias = Term | Formula | Block | Query | Source


def columns(node: Node) -> Iterator[Column]:
    """Every column that is mentioned, inside nested queries too, as often as it is mentioned."""
    match node:
        case Column():
            yield node
        case Literal() | Table():
            return
        case _:
            for part in parts(node):
                yield from columns(part)


def parts(node: Node) -> Iterator[Node]:
    match node:
        case Call():
            yield from node.arguments
        case Case():
            for guard, value in node.branches:
                yield guard
                yield value
            yield node.default
        case Compare():
            yield node.left
            yield node.right
        case Null():
            yield node.term
        case Exists():
            yield node.block
        case And() | Or():
            yield from node.parts
        case Block():
            yield from (source for _, source in node.atoms)
            yield from node.conditions
            yield from node.outputs
        case Query():
            yield from node.blocks
        case Group() | Windowed():
            yield node.query
        case _:
            return


def mentioned(*nodes: Node) -> set[int]:
    """The atoms whose columns are mentioned."""
    return {column.atom for node in nodes for column in columns(node)}
