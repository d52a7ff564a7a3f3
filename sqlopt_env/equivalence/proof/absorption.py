"""Groups of groups: an aggregate over aggregates becomes one over the rows."""

from __future__ import annotations

from .algebra import NULL, ONE, ZERO, Block, Call, Case, Column, Group, Query, Term, columns
from .build import case, not_null, paths
from .kinds import typeof
from .rows import without_duplicates
from .sources import columns_of
from .substitute import Workspace, in_block, values_for

_SAME = {("sum", "sum"), ("sum", "count"), ("min", "min"), ("max", "max")}
_INSENSITIVE = ("key", "any", "min", "max")


def absorbed(group: Group, work: Workspace) -> Group:
    """The group over the rows of the groups in its source, where its aggregates allow it."""
    done: list[Block] = []
    roles = group.roles
    waiting = list(group.query.blocks)
    while waiting:
        work.spend()
        block = waiting.pop(0)
        for atom, source in block.atoms:
            over_rows = _composed(Group(group.query, roles), block, atom, source) if isinstance(source, Group) else None
            if over_rows is not None and isinstance(source, Group):
                work.rules.add("aggregate of aggregates merged")
                roles = tuple(role for role, _ in over_rows)
                values = tuple(value for _, value in over_rows)
                waiting = [*_rows_of(Block(block.atoms, block.conditions, values), atom, source), *waiting]
                break
        else:
            done.append(block)
    return Group(Query(tuple(done)), roles)


def _composed(group: Group, block: Block, atom: int, inner: Group) -> list[tuple[str, Term]] | None:
    """The roles and outputs that there are over the rows of the inner group, or None where there are none."""

    def is_aggregated(*terms: Term) -> bool:
        found = [column for term in terms for column in columns(term) if column.atom == atom]
        return any(inner.roles[column.index] not in ("key", "any") for column in found)

    rest = Block(tuple(one for one in block.atoms if one[0] != atom), block.conditions, ())
    if any(column.atom == atom and inner.roles[column.index] not in ("key", "any") for column in columns(rest)):
        return None
    roles = []
    for index, (role, output) in enumerate(zip(group.roles, block.outputs, strict=True)):
        if not is_aggregated(output):
            if role in _INSENSITIVE or role.endswith(" distinct"):
                roles.append((role, output))
                continue
            value = _telling_rows_apart(group, block, inner, index)
            if value is None:
                return None
            roles.append((f"{role} distinct", value))
            continue
        column, factor = _factors(output, atom)
        if column is None or (role, inner.roles[column.index]) not in _SAME:
            return None
        if role == "sum" and column.type.classes != "I":
            return None
        if factor is not None and (
            inner.roles[column.index] != "count" or is_aggregated(factor) or typeof(factor).classes != "I"
        ):
            return None
        roles.append((role, output))
    return roles


def _telling_rows_apart(group: Group, block: Block, inner: Group, index: int) -> Term | None:
    """What the output counts or sums, where that is, beside the keys, all that there is of the inner group's keys:
    then it is another value in every row of a group."""
    if len(block.atoms) > 1 or len(group.query.blocks) > 1:
        return None
    keys = {output for output, role in zip(block.outputs, group.roles, strict=True) if role == "key"}
    own = columns_of(block.atoms[0][0], inner)
    left = [column for column, role in zip(own, inner.roles, strict=True) if role == "key" and column not in keys]
    if len(left) != 1:
        return None
    counted = case([(not_null(left[0]), ONE)], NULL) if group.roles[index] == "count" else left[0]
    return left[0] if block.outputs[index] == counted else None


def _factors(output: Term, atom: int) -> tuple[Column | None, Term | None]:
    """A column of the group, alone or times something else."""
    if isinstance(output, Column) and output.atom == atom:
        return output, None
    if isinstance(output, Call) and output.name == "*":
        for column, factor in (output.arguments, output.arguments[::-1]):
            if isinstance(column, Column) and column.atom == atom:
                return column, factor
    return None, None


def _rows_of(block: Block, atom: int, inner: Group) -> list[Block]:
    found = []
    for source in inner.query.blocks:
        values = [_contribution(role, output) for role, output in zip(inner.roles, source.outputs, strict=True)]
        atoms = tuple(one for one in block.atoms if one[0] != atom)
        rest = in_block(Block(atoms, block.conditions, block.outputs), values_for(atom, values))
        found.append(Block((*rest.atoms, *source.atoms), (*rest.conditions, *source.conditions), rest.outputs))
    return found


def _contribution(role: str, output: Term) -> Term:
    """What one row adds to the aggregate."""
    if role == "count":
        return case([(not_null(output), ONE)], ZERO)
    return output


def counted(group: Group) -> Group:
    """SUM of ones and zeros is COUNT."""
    roles = list(group.roles)
    outputs = [list(block.outputs) for block in group.query.blocks]
    for index, role in enumerate(roles):
        if role == "sum" and all(_is_indicator(row[index]) for row in outputs):
            roles[index] = "count"
            for row in outputs:
                row[index] = case([(guard, ONE if value == ONE else NULL) for guard, value in paths(row[index])], NULL)
    blocks = [
        Block(block.atoms, block.conditions, tuple(row)) for block, row in zip(group.query.blocks, outputs, strict=True)
    ]
    return Group(Query(tuple(blocks)), tuple(roles))


def _is_indicator(term: Term) -> bool:
    leaves = [value for _, value in paths(term)] if isinstance(term, Case) else [term]
    return all(leaf in (ONE, ZERO) for leaf in leaves)


def without_distinct(group: Group, work: Workspace) -> Group:
    """COUNT(DISTINCT x) is COUNT(x) where no group has the same x twice."""
    roles = list(group.roles)
    keys = [index for index, role in enumerate(roles) if role == "key"]
    outputs = [list(block.outputs) for block in group.query.blocks]
    for index, role in enumerate(roles):
        if not role.endswith(" distinct") or len(outputs) > 1:
            continue
        if without_duplicates(group.query, work, [*keys, index]):
            roles[index] = role.removesuffix(" distinct")
            for row in outputs if roles[index] == "count" else ():
                row[index] = case([(not_null(row[index]), ONE)], NULL)
    blocks = [
        Block(block.atoms, block.conditions, tuple(row)) for block, row in zip(group.query.blocks, outputs, strict=True)
    ]
    return Group(Query(tuple(blocks)), tuple(roles))
