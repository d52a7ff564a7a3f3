"""The normal form of a query: rules applied to its blocks until none applies."""

from __future__ import annotations

from collections.abc import Callable

from . import choices, groups, joins, outputs, unions, windowing
from .algebra import FALSE, And, Block, Exists, Formula, Group, Or, Query, Source, Table, Windowed
from .build import conj, disj, negate
from .entailment import refuted
from .facts import Facts
from .relations import exists
from .rows import facts_of
from .substitute import Workspace

_ROUNDS = 40

# A rule makes a block into blocks whose union it is, or gives None where it does not apply.
Rule = Callable[[Block, bool, Facts, Workspace], list[Block] | None]
RULES: tuple[tuple[str, Rule], ...] = (
    ("EXISTS turned into a join", joins.joined_witnesses),
    ("self-join on a key merged", joins.merged_rows),
    ("foreign-key join removed", joins.without_parents),
    ("unused columns removed", groups.without_unused),
    ("filter pushed into the groups", groups.pushed_filters),
    ("group looked up by its key", groups.fixed_keys),
    ("groups turned into EXISTS", groups.as_exists),
    ("groups of one row removed", groups.of_one_row),
    ("constants taken out of groups", outputs.known_outputs),
    ("DISTINCT over a join turned into EXISTS", outputs.semi_joined),
    ("DISTINCT inside a set removed", groups.inside_sets),
    ("filter pushed below a window", windowing.pushed_filters),
    ("unused window functions removed", windowing.without_unused),
    ("EXISTS decided in both ways", choices.split_choices),
)


def normal_query(query: Query, as_set: bool, work: Workspace) -> Query:
    """`as_set`: only which rows there are counts, not how often."""
    blocks = [normal for block in query.blocks for normal in normal_block(block, as_set, work)]
    return Query(tuple(unions.merged(blocks, as_set, normal_block, work)))


def normal_block(block: Block, as_set: bool, work: Workspace) -> list[Block]:
    done: list[Block] = []
    waiting = [block]
    for _ in range(_ROUNDS):
        if not waiting:
            return done
        work.spend()
        current = _flat(_with_normal_parts(waiting.pop(), work))
        if current is None:
            continue
        facts = facts_of(current, work)
        if facts.contradiction or (
            (facts.pending or facts.exists) and refuted(dict(current.atoms), current.conditions, work)
        ):
            work.rules.add("contradictory filter found")
            continue
        for name, rule in RULES:
            found = rule(current, as_set, facts, work)
            if found is not None:
                work.rules.add(name)
                waiting += found
                break
        else:
            done.append(current)
    return done + waiting


def _flat(block: Block) -> Block | None:
    condition = conj(block.conditions)
    if condition == FALSE or any(
        not isinstance(source, Table) and not source.query.blocks for _, source in block.atoms
    ):
        return None
    conditions = condition.parts if isinstance(condition, And) else (condition,)
    return Block(block.atoms, conditions, block.outputs)


def _with_normal_parts(block: Block, work: Workspace) -> Block:
    def normal_source(query: Query, as_set: bool) -> Query:
        return normal_query(query, as_set, work)

    def normal_atom(source: Source) -> Source:
        match source:
            case Group():
                known = work.normal.get(source)
                if not isinstance(known, Group):
                    known = groups.normal_group(source, normal_source, work)
                    work.normal |= {source: known, known: known}
                return known
            case Windowed():
                return Windowed(normal_source(source.query, False), source.functions)
            case _:
                return source

    atoms = tuple((atom, normal_atom(source)) for atom, source in block.atoms)
    return Block(atoms, tuple(normal_formula(condition, work) for condition in block.conditions), block.outputs)


def normal_formula(formula: Formula, work: Workspace) -> Formula:
    match formula:
        case And():
            return conj([normal_formula(part, work) for part in formula.parts])
        case Or():
            return disj([normal_formula(part, work) for part in formula.parts])
        case Exists():
            return _normal_exists(formula, work)
        case _:
            return formula


def _normal_exists(formula: Exists, work: Workspace) -> Formula:
    if work.normal.get(formula) == formula:
        return formula
    blocks = normal_query(Query((formula.block,)), True, work).blocks
    found = disj([joins.with_outer_conditions(exists(block, work)) for block in blocks])
    found = negate(found) if formula.negated else found
    work.normal[found] = found
    return found
