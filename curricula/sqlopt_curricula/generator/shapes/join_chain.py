"""Rows of three or four sources: up along foreign keys, both ends of a link table, or a parent's rows and figures.

SELECT at.article_id, at.tag_id, a.title, t.name FROM article_tags AS at JOIN articles AS a ON at.article_id = a.id
JOIN tags AS t ON at.tag_id = t.id WHERE a.section = 'Sport' AND t.kind = 'event' AND at.relevance >= 80
"""

from __future__ import annotations

from ..pen import Condition, Pen, Source
from .base import Sketch
from .narrowing import narrowed, share
from .pairs import Pair, grouped, is_single, match, pair_of, shared_link
from .tallies import Figure, figures_of, title
from .telling import Found, tell

NAME = "join_chain"


def draw(pen: Pen) -> Sketch | None:
    pair = _single(pen)
    if pair is None:
        pair = shared_link(pen)
        if pair is None:
            return None
        conditions = narrowed(pen, pair.one, 3000, 1000, 2)
        conditions += narrowed(pen, pair.many, 3000, 1000, 2, timeless=True)
    else:
        rows = pair.many.relation.rows
        conditions = narrowed(pen, pair.many, min(2000, rows * 0.07) / pair.filled, min(200, rows * 0.02) / pair.filled)
    found = [str(pair.many), f"{pair.one} ON {pair.on}"]
    shown, extra = [pair.many, pair.one], list[Figure]()
    left = share(conditions)
    for second in _further(pen, pair):
        found.append(f"{second.one} ON {second.on}")
        shown.append(second.one)
    for source in shown[1:] if pair.single else ():
        least = min(0.5, 60 / (left * pair.filled * pair.many.relation.rows))
        least = max(least, 0.4) if source.relation is pair.many.relation else least
        more: list[Condition] = []
        if pen.chance(0.55):
            more = narrowed(pen, source, source.relation.rows * 0.6, source.relation.rows * least, most=1)
        conditions += more
        left *= share(more)
    if len(shown) == 2 or pen.chance(0.2):
        part, extra = _figures(pen, pen.one(shown))
        found += [part] if part else []
    if len(found) < 3:
        return None
    query = tell(pen, Found(" JOIN ".join(found), conditions, tuple(shown), pair.key, tuple(extra)), "rrrrrgggs")
    return Sketch(query, f"{pair.many.relation.name} with {len(found) - 1} other parts.")


def _single(pen: Pen) -> Pair | None:
    edges = [edge for edge in pen.catalogue.edges if edge.child.rows >= 1000 and is_single(edge)]
    return pair_of(pen, pen.one(edges)) if edges else None


def _further(pen: Pen, pair: Pair) -> list[Pair]:
    """Parents of the pair's ends by other foreign keys, one or two of them where there are any."""
    found: list[Pair] = []
    edges = pen.catalogue.edges if pair.single else ()
    for edge in pen.some(edges, len(edges), len(edges)):
        ends = [end for end in (pair.many, pair.one) if end.relation is edge.child]
        end = pen.one(ends) if ends else None
        if end is None or not is_single(edge) or (end is pair.many and edge.pairs == pair.links) or len(found) == 2:
            continue
        if not found or pen.chance(0.3):
            found.append(pair_of(pen, edge, many=end))
    return found if pen.chance(0.85) else []


def _figures(pen: Pen, source: Source) -> tuple[str, list[Figure]]:
    """A derived table of figures about the rows that belong to the same as a source's row, or to that row."""
    edges = [edge for edge in pen.catalogue.edges if edge.parent is source.relation and edge.child.rows >= 1000]
    if edges:
        edge = pen.one(edges)
        relation, links = edge.child, edge.pairs
    elif source.relation.links:
        relation, links = source.relation, tuple((c.name, c.name) for c in [pen.one(source.relation.links)])
    else:
        return "", []
    inner, name = pen.source(relation), title(pen, relation, pen.one(("all_{}", "{}_totals", "some_{}")))
    columns = [column for column, _ in links]
    figures = figures_of(pen, [inner], 1, 2)
    inside: list[Condition] = []
    if relation.rows > 120_000 or pen.chance(0.85):
        inside = narrowed(pen, inner, min(10_000, relation.rows * 0.15), min(3000, relation.rows * 0.03), most=2)
    part = grouped(inner, columns, figures, inside)
    extra = [Figure(f"{name}.{figure.name}", figure.name, figure.steady) for figure in figures]
    return f"({part}) AS {name} ON {match(name, columns, [source[column] for _, column in links])}", extra
