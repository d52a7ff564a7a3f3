"""Two sources that belong together, whatever the database: by a foreign key, or by a link that rows share."""

from __future__ import annotations

from ..pen import Pen, Source


def relatives(pen: Pen) -> tuple[Source, Source, str] | None:
    """(parent, child, condition that links them); both of one table where there is no foreign key."""
    edge = pen.edge()
    if edge is not None and (pen.chance(0.85) or not pen.relation("links")):
        parent, child = pen.source(edge.parent), pen.source(edge.child)
        return parent, child, pen.on(edge, child, parent)
    relation = pen.relation("links")
    if relation is None:
        return None
    one, other = pen.source(relation), pen.source(relation)
    link = pen.one(relation.links)
    return one, other, f"{other[link]} = {one[link]}"
