"""May a query's answer depend on the order in which rows are read? Asked without knowledge of the schema.

Where the answer is no, a second run of the query in another order can be saved.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from ..parsing import parsed
from ..shape import TableShape
from .syntax import bare_columns, is_aggregate, own_nodes, place_of, text_of

RANDOM = frozenset(("random", "randomblob", "changes", "total_changes", "last_insert_rowid"))

_AGGREGATES = (exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max)  # the others may build on the order of rows
# What sqlglot has no class for; any other function may be one of another program.
_FUNCTIONS = frozenset(
    "char date datetime format glob hex iif ifnull instr json json_extract julianday length like likelihood likely"
    " ltrim max min nullif octet_length printf quote replace round rtrim sign strftime substr substring time timediff"
    " total trim typeof unhex unicode unixepoch unlikely".split()
)


def suspicious(query: str, tables: Sequence[TableShape] = ()) -> bool:
    """Whether the answer, as a bag, may depend on the order in which rows are read. Never raises.

    False is certain up to the rounding of sums and, without `tables`, to columns declared with a collation of their
    own (where DISTINCT keeps any one of 'a' and 'A').
    """
    collated = any(column.collation != "BINARY" for table in tables for column in table.columns)
    try:
        tree = parsed(query)
        if not isinstance(tree, exp.Query | exp.Values):
            return True
        return any(_by_order(node, collated) for node in tree.walk())
    except Exception:  # whatever a parser makes of an odd query
        return True


def _by_order(node: exp.Expr, collated: bool) -> bool:
    match node:
        case exp.Limit() | exp.Offset() | exp.Window() | exp.Collate() | exp.Rand() | exp.Command():
            return True
        case exp.Anonymous():
            return node.name.lower() not in _FUNCTIONS
        case exp.AggFunc():
            return not isinstance(node, _AGGREGATES) or (collated and isinstance(node, exp.Min | exp.Max))
        case exp.Distinct():
            return collated or bool(node.args.get("on"))
        case exp.Group():
            return collated
        case exp.Select():
            return _has_bare_columns(node) or _takes_one(node)
        case exp.SetOperation():
            return (collated and bool(node.args.get("distinct"))) or _takes_one(node)
    return False


def _takes_one(query: exp.Query) -> bool:
    """A scalar subquery that may have several rows, of which SQLite takes the first."""
    place = place_of(query)
    if place is None or isinstance(place, exp.From | exp.Join | exp.CTE | exp.In | exp.Exists | exp.SetOperation):
        return False
    if isinstance(place, exp.Subquery) and isinstance(place.parent, exp.From | exp.Join):
        return False
    return (
        not isinstance(query, exp.Select)
        or bool(query.args.get("group"))
        or not any(is_aggregate(node) for part in query.expressions for node in own_nodes(part))
    )


def _has_bare_columns(select: exp.Select) -> bool:
    """Whether a grouped query shows columns that its GROUP BY does not name; also where names may be aliases."""
    parts = [*select.expressions, select.args.get("having"), select.args.get("order")]
    parts = [part for part in parts if part is not None]
    group = select.args.get("group")
    if group is None and not any(is_aggregate(node) for part in parts for node in own_nodes(part)):
        return False
    outputs = select.expressions
    terms = []
    for term in group.expressions if group else []:
        if isinstance(term, exp.Literal):
            term = outputs[int(term.this) - 1].unalias()
        terms.append(term)
    plain = {term.name.lower(): term.table.lower() for term in terms if isinstance(term, exp.Column)}
    texts = {text_of(term) for term in terms if not isinstance(term, exp.Column)}
    aliases = {output.alias.lower() for output in outputs if isinstance(output, exp.Alias)}
    for part in parts:
        if any(isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count) for node in own_nodes(part)):
            return True
        for column in bare_columns(part, texts, unknown=True):
            name, table = column.name.lower(), column.table.lower()
            ordered = part is select.args.get("order") and not table and name in aliases
            same = name in plain and (not table or not plain[name] or plain[name] == table)
            if not (same or ordered):
                return True
    return False
