"""The hand that writes queries: it draws tables, columns, conditions and orders, with literals from the data.

A pen belongs to one query. All chance is its generator's, so that a seed writes the same query again. What it writes
carries the alias of its source everywhere; `dress` makes it look like a person's.
"""

from __future__ import annotations

import numpy as np

from sqlopt_env.survey import ColumnSurvey

from .catalogue import FEWEST_ROWS, Catalogue, Edge, Relation
from .chance import Chance
from .conditions import a_condition
from .source import Condition as Condition
from .source import Source as Source
from .source import clauses as clauses
from .source import literal as literal
from .source import where as where


class Pen(Chance):
    """Writes one query over a catalogue."""

    def __init__(self, catalogue: Catalogue, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.catalogue = catalogue
        self._aliases: set[str] = set()

    # Sources

    def source(self, relation: Relation) -> Source:
        """The relation under a short alias that the query does not have yet."""
        letters = "".join(part[:1] for part in relation.name.lower().split("_"))
        stem = (
            letters
            if letters.isascii()
            and letters.isalpha()
            and letters not in ("as", "by", "in", "is", "no", "of", "on", "or", "to")
            else "t"
        )
        alias = next(name for name in (stem, *(f"{stem}{n}" for n in range(2, 99))) if name not in self._aliases)
        self._aliases.add(alias)
        return Source(relation, alias)

    def relation(self, *parts: str, rows: int = FEWEST_ROWS) -> Relation | None:
        """A large relation that has columns for all these parts; larger ones are more likely. None if there is none."""
        fit = [r for r in self.catalogue.relations if r.rows >= rows and all(getattr(r, part) for part in parts)]
        if not fit:
            return None
        weights = np.sqrt([float(r.rows) for r in fit])
        return fit[int(self._rng.choice(len(fit), p=weights / weights.sum()))]

    def edge(self, *, least_children: int = FEWEST_ROWS) -> Edge | None:
        """A foreign key of a large child."""
        fit = [edge for edge in self.catalogue.edges if edge.child.rows >= least_children]
        return self.one(fit) if fit else None

    def on(self, edge: Edge, child: Source, parent: Source) -> str:
        return " AND ".join(f"{child[a]} = {parent[b]}" for a, b in edge.pairs)

    # Conditions

    def conditions(self, source: Source, share: float, most: int = 3) -> list[Condition]:
        """One to `most` conditions on different columns that leave about this share of the rows, or more."""
        chosen: list[Condition] = []
        left = 1.0
        for column in self.shuffled(source.relation.columns):
            if len(chosen) == most or (chosen and left <= share):
                break
            condition = self.condition(source, column, least=share / left)
            if condition is not None:
                chosen.append(condition)
                left *= condition.share
        return chosen

    def condition(self, source: Source, column: ColumnSurvey, least: float = 0.0) -> Condition | None:
        """A condition on one column that leaves at least this share of the rows; None where none comes to mind."""
        return a_condition(self, source, column, least)

    # Outputs and orders

    def outputs(self, source: Source, least: int = 1, most: int = 5, *, key: bool = True) -> list[str]:
        """Columns and small expressions over them, with names; the key first where it is asked for."""
        relation = source.relation
        names = [source[column] for column in relation.key] if key else []
        others = [column for column in relation.columns if column.name not in relation.key or not key]
        for column in self.some(others, least, most):
            names.append(self._shown(source, column) if self.chance(0.25) else source[column])
        return names

    def _shown(self, source: Source, column: ColumnSurvey) -> str:
        """A column in the form in which people show it."""
        name, written = column.name.lower().strip(), source[column]
        plain = name.isidentifier() and name.isascii()
        if not plain or column.name in source.relation.linked:
            return written
        if column in source.relation.dates:
            length, what = self.one(((4, "year"), (7, "month")))
            return f"substr({written}, 1, {length}) AS {name}_{what}"
        if column in source.relation.texts:
            function = self.one(("upper", "lower", "length"))
            return f"{function}({written}) AS {name}_{function}"
        if column in source.relation.numbers:
            band = f"CASE WHEN {written} > {literal(self.one(column.values))} THEN 'high' ELSE 'low' END AS {name}_band"
            return f"coalesce({written}, 0) AS {name}_or_zero" if column.nulls and self.chance(0.5) else band
        return written

    def order(self, source: Source, *, total: bool = True, most: int = 2) -> str:
        """ORDER BY terms: up to `most` columns, then the key, so that no tie is left where there is a key."""
        free = [column for column in source.relation.columns if column.name not in source.relation.key]
        terms = [source[column] for column in self.some(free, 0 if source.relation.key else 1, most)]
        if total:
            terms += [source[column] for column in source.relation.key]
        return ", ".join(term + self.one(("", "", " DESC")) for term in terms)

    def aggregate(self, source: Source, *, name: str = "") -> str:
        """A call over the rows of a group, such as `SUM(o.amount)`, with a name of its own."""
        relation = source.relation
        ways = ["COUNT(*)"]
        ways += [f"{call}({source[c]})" for c in relation.numbers for call in ("SUM", "AVG", "MIN", "MAX")]
        ways += [f"{call}({source[c]})" for c in relation.dates for call in ("MIN", "MAX")]
        ways += [f"COUNT({source[c]})" for c in relation.nullable]
        ways += [f"COUNT(DISTINCT {source[c]})" for c in relation.categories]
        return f"{self.one(ways)} AS {name}" if name else self.one(ways)

    def aggregates(self, source: Source, least: int = 1, most: int = 4) -> list[str]:
        """Different calls, named `a1`, `a2` ..."""
        calls = dict.fromkeys(self.aggregate(source) for _ in range(self.whole(least, most)))
        return [f"{call} AS {_name_of(call, n)}" for n, call in enumerate(calls, 1)]

    def limit(self) -> str:
        return f"LIMIT {self.one((5, 10, 20, 25, 50, 100))}"


def _name_of(call: str, number: int) -> str:
    kind = call.partition("(")[0].lower()
    return {"count": "how_many", "sum": "total", "avg": "mean", "min": "least", "max": "most"}[kind] + f"_{number}"
