"""Symbolic tables: up to a number of rows each, every key, NOT NULL and foreign key respected."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..compare import Value as Constant
from ..shape import ColumnShape, TableShape
from .logic import Formula, Unsupported, Value, both, either, negation, z3

_GAP = 100  # room for texts between two literals
_SMALLEST = 1000  # numbers stay between -1000 and 1000, or what the literals need


class Texts:
    """Texts as numbers: the literals in their order, with room between them for others."""

    def __init__(self, literals: Iterable[str]) -> None:
        ordered = sorted(set(literals), key=lambda text: text.encode())
        self._codes = {text: (i + 1) * _GAP for i, text in enumerate(ordered)}
        self._texts = {code: text for text, code in self._codes.items()}
        self.lowest = _GAP if "" in self._codes else 1
        self.highest = (len(ordered) + 1) * _GAP - 1

    def code(self, text: str) -> int:
        return self._codes[text]

    def text(self, code: int) -> str:
        """A text that stands where the code does."""
        below = code - code % _GAP
        return self._texts.get(below, "") + "!" * (code % _GAP)


class SymbolicTable:
    """Rows that may be there or not, with values that may be anything the schema allows."""

    def __init__(self, shape: TableShape, rows: int, texts: Texts, largest: int) -> None:
        self.shape = shape
        self.rows: list[tuple[Formula, list[Value]]] = []
        self.constraints: list[Formula] = []
        for i in range(rows):
            there = z3().Bool(f"{shape.name}.{i}")
            values = [self._value(column, i, texts, largest) for column in shape.columns]
            if i:
                self.constraints.append(z3().Implies(there, self.rows[-1][0]))
            self.rows.append((there, values))
        self._places = {column.name.lower(): i for i, column in enumerate(shape.columns)}
        for key in shape.keys:
            self._make_unique([self._place(name) for name in key])

    def _value(self, column: ColumnShape, row: int, texts: Texts, largest: int) -> Value:
        if column.collation != "BINARY":
            raise Unsupported("a collation")
        name = f"{self.shape.name}.{row}.{column.name}"
        value = z3().Int(name)
        text = column.kind == "TEXT"
        low, high = (texts.lowest, texts.highest) if text else (-largest, largest)
        self.constraints += [value >= low, value <= high]
        null = False if column.not_null else z3().Bool(name + " IS NULL")
        return Value(null, value, "text" if text else "real" if column.kind == "REAL" else "integer")

    def _place(self, name: str) -> int:
        if name.lower() not in self._places:
            raise Unsupported("a generated column in a key")
        return self._places[name.lower()]

    def _make_unique(self, places: list[int]) -> None:
        for i, (there, values) in enumerate(self.rows):
            for other, others in self.rows[:i]:
                clash = (negation(either(values[p].null, others[p].null)) for p in places)
                alike = (values[p].number == others[p].number for p in places)
                self.constraints.append(negation(both(there, other, *clash, *alike)))

    def refer(self, tables: dict[str, SymbolicTable]) -> list[Formula]:
        """What the foreign keys demand."""
        demands = []
        for key in self.shape.foreign_keys:
            parent = tables.get(key.parent)
            if parent is None:
                raise Unsupported("a foreign key to a table that is not there")
            own = [self._place(name) for name in key.columns]
            theirs = [parent._place(name) for name in key.parent_columns]
            for there, values in self.rows:
                found = [
                    both(other, *(values[p].number == others[q].number for p, q in zip(own, theirs, strict=True)))
                    for other, others in parent.rows
                ]
                demands.append(either(negation(there), *(values[p].null for p in own), *found))
        return demands

    def read(self, model: Any, texts: Texts) -> list[tuple[Constant, ...]]:
        """The rows that a model of the constraints holds."""
        return [
            tuple(self._read(value, model, texts) for value in values)
            for there, values in self.rows
            if z3().is_true(model.eval(there, model_completion=True))
        ]

    def _read(self, value: Value, model: Any, texts: Texts) -> Constant:
        if value.null is not False and z3().is_true(model.eval(value.null, model_completion=True)):
            return None
        found = int(model.eval(value.number, model_completion=True).as_long())
        return texts.text(found) if value.kind == "text" else found


def largest_number(numbers: Iterable[int]) -> int:
    return max([_SMALLEST, *(2 * abs(found) + 10 for found in numbers)])
