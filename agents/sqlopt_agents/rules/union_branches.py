"""What the UNION techniques ask: the branches of a set operation, and whether constants keep them apart."""

from __future__ import annotations

from itertools import combinations

from sqlglot import exp

from sqlopt_env.trees.draft import conjuncts, tables_of
from sqlopt_env.trees.reading import sources
from sqlopt_env.trees.schema import Schema
from sqlopt_env.trees.selects import has_only, is_plain, key_in, outputs, schema_column, text_value, whole_number


def branches(union: exp.Expr) -> list[exp.Expr]:
    """The operands, where all the operators are UNION or all are UNION ALL; [] otherwise."""
    if not isinstance(union, exp.Union):
        return [union]
    kind = bool(union.args.get("distinct"))
    left = branches(union.left)
    mixed = isinstance(union.left, exp.Union) and bool(union.left.args.get("distinct")) != kind
    nested = isinstance(union.right, exp.SetOperation) or (isinstance(union.left, exp.Union) and _is_cut(union.left))
    return [] if mixed or nested or not left else [*left, union.right]


def _is_cut(union: exp.Expr) -> bool:
    return any(union.args.get(key) for key in ("order", "limit", "offset", "with_"))


def plain_branches(union: exp.Union) -> list[exp.Select]:
    """The branches, if every one is a plain SELECT with FROM, JOIN and WHERE alone; [] otherwise."""
    found = [branch for branch in branches(union) if isinstance(branch, exp.Select)]
    plain = all(has_only(b, "joins", "where") and is_plain(b) and b.args.get("from_") for b in found)
    return found if plain and len(found) > 1 and len(found) == len(branches(union)) else []


def constants(select: exp.Select, schema: Schema) -> dict[str, exp.Expr]:
    """Literals that WHERE demands of columns, where different literals are different values: by column text."""
    found = {}
    for part in conjuncts(select.args.get("where")):
        if not isinstance(part, exp.EQ):
            continue
        for column, literal in ((part.left, part.right), (part.right, part.left)):
            declared = schema_column(column, select, schema)
            if declared is None or declared.collation != "BINARY":
                continue
            is_text = declared.type == "TEXT" and text_value(literal) is not None
            if is_text or (declared.type == "INTEGER" and whole_number(literal) is not None):
                found[column.sql(dialect="sqlite")] = literal
    return found


def apart(selects: list[exp.Select], schema: Schema) -> bool:
    """No row of the first source can satisfy two branches."""
    wanted = [constants(select, schema) for select in selects]
    return all(
        any(text_of(one[column]) != text_of(other[column]) for column in one.keys() & other.keys())
        for one, other in combinations(wanted, 2)
    )


def text_of(literal: exp.Expr) -> str:
    """Equal for literals of the same value."""
    number = whole_number(literal)
    return str(number) if number is not None else f"'{text_value(literal)}'"


def rows_shown_once(select: exp.Select, schema: Schema) -> bool:
    """One plain table, and the SELECT list contains a declared key of it."""
    tables = tables_of(select, schema)
    single = len(tables) == len(sources(select)) == 1
    return single and all(key_in(outputs(select), source, table.keys) for source, table in tables.items())
