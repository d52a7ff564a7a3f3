"""Columns replaced by terms, everywhere inside a node, with all that follows from it simplified."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from .algebra import (
    And,
    Block,
    Call,
    Case,
    Column,
    Compare,
    Exists,
    Formula,
    Group,
    Literal,
    Node,
    NotUnderstood,
    Null,
    Or,
    Query,
    Source,
    Table,
    Term,
    Windowed,
    parts,
)
from .build import call, case, compare, conj, disj, is_null, not_null

Replacement: TypeAlias = Callable[[Column], Term]


class Workspace:
    """Numbers for new atoms, and the steps that are left to one proof."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._atoms = 0
        self.rules: set[str] = set()  # what has been applied
        self.normal: dict[Node, Node] = {}  # nodes with their normal forms, which are their own

    def fresh(self) -> int:
        self._atoms += 1
        return self._atoms

    def spend(self, steps: int = 1) -> None:
        """Raises NotUnderstood when no steps are left."""
        self._steps -= steps
        if self._steps < 0:
            raise NotUnderstood("out of steps")


def in_term(term: Term, replace: Replacement) -> Term:
    match term:
        case Column():
            return replace(term)
        case Literal():
            return term
        case Call():
            return call(term.name, tuple(in_term(argument, replace) for argument in term.arguments))
        case Case():
            branches = [(in_formula(guard, replace), in_term(value, replace)) for guard, value in term.branches]
            return case(branches, in_term(term.default, replace))


def in_formula(formula: Formula, replace: Replacement) -> Formula:
    match formula:
        case Compare():
            return compare(formula.operator, in_term(formula.left, replace), in_term(formula.right, replace))
        case Null():
            term = in_term(formula.term, replace)
            return not_null(term) if formula.negated else is_null(term)
        case And():
            return conj([in_formula(part, replace) for part in formula.parts])
        case Or():
            return disj([in_formula(part, replace) for part in formula.parts])
        case Exists():
            return Exists(in_block(formula.block, replace), formula.negated)


def in_block(block: Block, replace: Replacement) -> Block:
    names = replace.names if isinstance(replace, Renaming) else {}
    atoms = tuple((names.get(atom, atom), in_source(source, replace)) for atom, source in block.atoms)
    conditions = tuple(in_formula(condition, replace) for condition in block.conditions)
    return Block(atoms, conditions, tuple(in_term(output, replace) for output in block.outputs))


def in_query(query: Query, replace: Replacement) -> Query:
    return Query(tuple(in_block(block, replace) for block in query.blocks))


def in_source(source: Source, replace: Replacement) -> Source:
    match source:
        case Table():
            return source
        case Group():
            return Group(in_query(source.query, replace), source.roles)
        case Windowed():
            return Windowed(in_query(source.query, replace), source.functions)


def values_for(atom: int, terms: Iterable[Term]) -> Replacement:
    """Replaces the columns of one atom."""
    known = tuple(terms)
    return lambda column: known[column.index] if column.atom == atom else column


class Renaming:
    """A replacement that gives atoms other numbers, where they are bound too."""

    def __init__(self, names: Mapping[int, int]) -> None:
        self.names = names

    def __call__(self, column: Column) -> Term:
        return Column(self.names.get(column.atom, column.atom), column.index, column.type)


def renamed(names: Mapping[int, int]) -> Replacement:
    return lambda column: Column(names.get(column.atom, column.atom), column.index, column.type)


def bound(node: Node) -> list[int]:
    """The atoms of all blocks in a node, in order."""
    found = [atom for atom, _ in node.atoms] if isinstance(node, Block) else []
    return found + [atom for part in parts(node) for atom in bound(part)]


def refreshed(block: Block, work: Workspace) -> Block:
    """The same block with atoms of its own, so that it can be put where the first one is too."""
    return in_block(block, Renaming({atom: work.fresh() for atom in bound(block)}))


def alpha(source: Source) -> Source:
    """A source with its atoms numbered in order: two that differ in these numbers alone become equal."""
    return in_source(source, Renaming({atom: -1 - number for number, atom in enumerate(bound(source))}))
