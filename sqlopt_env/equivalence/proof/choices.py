"""Rules on existence that is asked for inside of a disjunction or a CASE: the block is split into both cases."""

from __future__ import annotations

from collections.abc import Iterator

from .algebra import FALSE, TRUE, And, Block, Call, Case, Column, Compare, Exists, Formula, Literal, Null, Or, Term
from .build import call, case, compare, conj, disj, is_null, negate, not_null
from .facts import Facts
from .substitute import Workspace


def split_choices(block: Block, as_set: bool, facts: Facts, work: Workspace) -> list[Block] | None:
    choice = next(_choices(block), None)
    if choice is None:
        return None
    work.spend(10)
    positive = Exists(choice.block, False)
    return [_assuming(block, positive, True), _assuming(block, positive, False)]


def _choices(block: Block) -> Iterator[Exists]:
    for condition in block.conditions:
        if isinstance(condition, Or):
            yield from _asked(condition)
    for output in block.outputs:
        yield from _asked_in_term(output)


def _asked(formula: Formula) -> Iterator[Exists]:
    match formula:
        case Exists():
            yield formula
        case And() | Or():
            for part in formula.parts:
                yield from _asked(part)
        case _:
            return


def _asked_in_term(term: Term) -> Iterator[Exists]:
    match term:
        case Case():
            for guard, value in term.branches:
                yield from _asked(guard)
                yield from _asked_in_term(value)
            yield from _asked_in_term(term.default)
        case Call():
            for argument in term.arguments:
                yield from _asked_in_term(argument)
        case _:
            return


def _assuming(block: Block, asked: Exists, truth: bool) -> Block:
    def in_formula(formula: Formula) -> Formula:
        match formula:
            case Exists() if formula.block == asked.block:
                return TRUE if truth != formula.negated else FALSE
            case And():
                return conj([in_formula(part) for part in formula.parts])
            case Or():
                return disj([in_formula(part) for part in formula.parts])
            case Compare():
                return compare(formula.operator, in_term(formula.left), in_term(formula.right))
            case Null():
                term = in_term(formula.term)
                return not_null(term) if formula.negated else is_null(term)
            case _:
                return formula

    def in_term(term: Term) -> Term:
        match term:
            case Case():
                branches = [(in_formula(guard), in_term(value)) for guard, value in term.branches]
                return case(branches, in_term(term.default))
            case Call():
                return call(term.name, tuple(in_term(argument) for argument in term.arguments))
            case Column() | Literal():
                return term

    conditions = tuple(in_formula(condition) for condition in block.conditions)
    known = asked if truth else negate(asked)
    return Block(block.atoms, (*conditions, known), tuple(in_term(output) for output in block.outputs))
