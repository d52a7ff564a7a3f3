"""Makes sure that a parsed query is one that techniques may reason about; the others are refused, not guessed at.

Afterwards every column names its source (a bare output name may stand in ORDER BY), and no source carries the name of
a source of an enclosing SELECT, so that a name means the same thing wherever it is seen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import sqlglot
from sqlglot import TokenType, exp

_BEFORE_UNARY = {
    TokenType.L_PAREN, TokenType.COMMA, TokenType.EQ, TokenType.NEQ, TokenType.LT, TokenType.LTE, TokenType.GT,
    TokenType.GTE, TokenType.PLUS, TokenType.DASH, TokenType.STAR, TokenType.SLASH, TokenType.MOD, TokenType.DPIPE,
    TokenType.AND, TokenType.OR, TokenType.NOT, TokenType.WHERE, TokenType.ON, TokenType.SELECT, TokenType.DISTINCT,
    TokenType.BETWEEN, TokenType.HAVING, TokenType.ORDER_BY, TokenType.GROUP_BY, TokenType.THEN, TokenType.ELSE,
    TokenType.WHEN, TokenType.CASE, TokenType.LIKE, TokenType.GLOB, TokenType.IS,
}  # fmt: skip
_ROWID = {"rowid", "oid", "_rowid_"}
Shape = Mapping[str, Collection[str]]  # lower-case column names by lower-case table name


def can_be_read(query: str, tree: exp.Expr) -> bool:
    """False for what sqlglot reads otherwise than SQLite does."""
    tokens = sqlglot.tokenize(query, dialect="sqlite")
    for before, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        # sqlglot drops a unary plus, which in SQLite takes away a column's affinity and collation.
        is_unary = token.token_type is TokenType.PLUS and before.token_type in _BEFORE_UNARY
        if is_unary and after.token_type is not TokenType.NUMBER:
            return False
    for join in tree.find_all(exp.Join):
        select = join.parent
        shared = bool(join.args.get("method")) or bool(join.args.get("using"))
        # Of several sources that hold the shared column SQLite takes the first, sqlglot the first that is not NULL.
        if join.args.get("method") or (shared and select is not None and len(select.args["joins"]) > 1):
            return False
    return True


def free_commas(query: str, tree: exp.Expr) -> None:
    """`FROM a, b` stays a join in any order: sqlglot would write CROSS JOIN, which in SQLite forces the order."""
    if not any(token.token_type is TokenType.CROSS for token in sqlglot.tokenize(query, dialect="sqlite")):
        for join in tree.find_all(exp.Join):
            if join.kind == "CROSS":
                join.set("kind", None)


def name_subqueries(tree: exp.Expr) -> None:
    """Gives each subquery of a SELECT list a name: sqlglot fails where ORDER BY counts to one that has none."""
    for select in tree.find_all(exp.Select):
        for i, item in enumerate(select.expressions):
            if isinstance(item, exp.Subquery):
                name = exp.to_identifier(item.alias or f"_col_{i}")
                item.replace(exp.Alias(this=exp.Subquery(this=item.this.copy()), alias=name))


def sources(select: exp.Select) -> list[exp.Expr]:
    """What FROM and JOIN name, in order."""
    from_ = select.args.get("from_")
    joined = [join.this for join in select.args.get("joins") or []]
    return [from_.this, *joined] if from_ is not None else joined


def enclosing(node: exp.Expr) -> Iterator[exp.Select]:
    """The SELECTs around a node, innermost first, without the node itself."""
    select = node.parent_select
    while select is not None:
        yield select
        select = select.parent_select


def all_columns_known(tree: exp.Expr, shape: Shape) -> bool:
    """Also names the source of the columns inside ORDER BY's expressions, where sqlglot leaves them bare."""
    shadowing = {cte.alias for cte in tree.find_all(exp.CTE)}
    for column in list(tree.find_all(exp.Column)):
        if not column.table and not _name_order_source(column, shape):
            return False
        if not column.table:
            continue
        around = (source for select in enclosing(column) for source in sources(select))
        source = next((source for source in around if source.alias_or_name == column.table), None)
        if source is None:
            return False
        if isinstance(source, exp.Table) and source.name not in shadowing:
            known = shape.get(source.name.lower())
            if known is not None and column.name.lower() not in known and column.name.lower() not in _ROWID:
                return False  # SQLite would read "text" as a string
    return True


def _name_order_source(column: exp.Column, shape: Shape) -> bool:
    order = column.find_ancestor(exp.Order)
    query = order.parent if order is not None else None
    if not isinstance(query, exp.Query):
        return False
    term = column.parent.parent if isinstance(column.parent, exp.Collate) else column.parent
    is_output = column.name in query.named_selects
    if isinstance(term, exp.Ordered) and is_output:
        return True
    if not isinstance(query, exp.Select) or column.parent_select is not query:
        return False
    holders = [source for source in sources(query) if column.name in _columns_of(source, shape)]
    if len(holders) == 1:
        column.set("table", exp.to_identifier(holders[0].alias_or_name))
    return len(holders) == 1 or (not holders and is_output)


def _columns_of(source: exp.Expr, shape: Shape) -> Collection[str]:
    if isinstance(source, exp.Subquery):
        return set(source.this.named_selects)
    return shape.get(source.name.lower(), ())


def rename_hiding_sources(tree: exp.Expr, shape: Shape) -> bool:
    """Gives a new alias to each source that hides one of an enclosing SELECT; False where that cannot be done."""
    taken = {source.alias_or_name for select in tree.find_all(exp.Select) for source in sources(select)}
    taken |= {cte.alias for cte in tree.find_all(exp.CTE)} | set(shape)
    for select in reversed(list(tree.find_all(exp.Select))):
        around = {source.alias_or_name for outer in enclosing(select) for source in sources(outer)}
        for source in sources(select):
            old = source.alias_or_name
            if old not in around:
                continue
            derived = [other for other in sources(select) if isinstance(other, exp.Subquery)]
            if any(column.table == old for other in derived for column in other.find_all(exp.Column)):
                return False  # a derived table cannot see its neighbour: it means the outer one
            new = fresh(old, taken)
            taken.add(new)
            rename_source(select, old, new)
    return True


def rename_source(select: exp.Select, old: str, new: str) -> None:
    """In place: the source `old` of this SELECT is called `new`, also by the columns in subqueries."""
    for source in sources(select):
        if source.alias_or_name == old:
            source.set("alias", exp.TableAlias(this=exp.to_identifier(new)))
    for column in select.find_all(exp.Column):
        if column.table == old:
            column.set("table", exp.to_identifier(new))


def fresh(name: str, taken: Collection[str]) -> str:
    """`name`, or name_2, name_3 and so on where it is taken."""
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate
