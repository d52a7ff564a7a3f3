"""What every kind of mistake is made of: one place of a query's tree at a time, changed in a copy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from sqlglot import exp

Kind: TypeAlias = Callable[[exp.Expr], Iterator[exp.Expr]]  # from a query to its mutants; the query is left alone
Change: TypeAlias = Callable[[exp.Expr], Iterable[exp.Expr | None]]


def replaced(tree: exp.Expr, types: type[exp.Expr] | tuple[type[exp.Expr], ...], change: Change) -> Iterator[exp.Expr]:
    """The tree once for each thing that `change` would put in a node's place; None takes the node away.

    `change` sees the node where it stands and must build what it gives from copies.
    """
    wanted = types if isinstance(types, tuple) else (types,)
    for number, node in enumerate(tree.find_all(*wanted)):
        for new in change(node):
            copy = tree.copy()
            place = list(copy.find_all(*wanted))[number]
            if place is copy:
                if new is not None:
                    yield new
            elif new is None:
                place.pop()
                yield copy
            else:
                place.replace(new)
                yield copy


def edited(node: exp.Expr, **arguments: object) -> exp.Expr:
    """A copy of the node with other arguments."""
    copy = node.copy()
    for name, value in arguments.items():
        copy.set(name, value.copy() if isinstance(value, exp.Expr) else value)
    return copy


def without_one(node: exp.Expr, name: str = "expressions") -> Iterator[exp.Expr]:
    """Copies of the node, each with one member of a list of two or more left out."""
    members = node.args.get(name) or []
    for i in range(len(members) if len(members) > 1 else 0):
        yield edited(node, **{name: [member.copy() for j, member in enumerate(members) if j != i]})


def swapped_for(table: dict[type[exp.Expr], type[exp.Expr]]) -> Kind:
    """A kind that makes nodes of one type into another with the same arguments."""

    def kind(tree: exp.Expr) -> Iterator[exp.Expr]:
        def change(node: exp.Expr) -> Iterator[exp.Expr]:
            yield table[type(node)](**{k: v.copy() if isinstance(v, exp.Expr) else v for k, v in node.args.items()})

        yield from replaced(tree, tuple(table), change)

    return kind


def dropped_clause(name: str) -> Kind:
    """A kind that takes a clause from a query or from a query within it."""

    def kind(tree: exp.Expr) -> Iterator[exp.Expr]:
        yield from replaced(
            tree,
            (exp.Select, exp.SetOperation),
            lambda node: [edited(node, **{name: None})] if node.args.get(name) else [],
        )

    return kind
