"""Expressions of SQL as formulas, with SQL's three truth values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlglot import exp

from ..determined.syntax import is_aggregate, text_of
from .aggregates import Member, aggregated, each_once
from .logic import NULL, Formula, Unsupported, Value, both, choose, either, negation, number, same, when, z3
from .tables import Texts
from .truth import COMPARISONS, compared, conjunction, disjunction, fails, holds, numeric, truth

Row = tuple[Formula, list[Value]]  # whether it is there, and its values
_TEXT_FUNCTIONS = (exp.Lower, exp.Upper, exp.Substring, exp.Trim, exp.DPipe, exp.Concat, exp.TimeToStr, exp.Date)
_NUMBER_FUNCTIONS = (exp.Length, exp.Like, exp.Glob, exp.Round, exp.Mod)


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a column's name is looked up: one row of a SELECT, then the rows around it."""

    names: list[tuple[str, str]]  # (source, column) in lower case
    values: list[Value]
    outer: Frame | None = None
    members: list[Row] | None = None  # of the row's group
    grouped: dict[str, Value] = field(default_factory=dict)  # GROUP BY's expressions
    aliases: dict[str, exp.Expr] = field(default_factory=dict)


class Expressions:
    """Evaluates expressions in a frame. `query` gives the rows of a subquery."""

    def __init__(self, texts: Texts, query: Callable[[exp.Expr, Frame], list[Row]]) -> None:
        self._texts = texts
        self._query = query

    def value(self, node: exp.Expr, frame: Frame) -> Value:
        if frame.grouped and (known := frame.grouped.get(text_of(node))) is not None:
            return known
        if is_aggregate(node) or isinstance(node, exp.Filter):
            return self._aggregate(node, frame)
        match node:
            case exp.Paren() | exp.Alias():
                return self.value(node.this, frame)
            case exp.Column():
                return self._column(node, frame)
            case exp.Literal() | exp.Null() | exp.Boolean() | exp.Neg():
                return self._constant(node, frame)
            case exp.And() | exp.Or() | exp.Not():
                return self._connective(node, frame)
            case exp.Is() | exp.NullSafeEQ() | exp.NullSafeNEQ():
                return self._is(node, frame)
            case exp.Between():
                value, low, high = (self.value(node.args[name], frame) for name in ("this", "low", "high"))
                return conjunction(compared(exp.GTE, value, low), compared(exp.LTE, value, high))
            case exp.In():
                return self._in(node, frame)
            case exp.Exists():
                rows = self._query(node.this, frame)
                return truth(False, either(*(there for there, _ in rows)))
            case exp.Subquery():
                return self._scalar(node.this, frame)
            case exp.Select():
                return self._scalar(node, frame)
            case exp.Add() | exp.Sub() | exp.Mul() | exp.Div():
                return self._arithmetic(node, frame)
            case exp.Case() | exp.If() | exp.Coalesce() | exp.Nullif() | exp.Abs():
                return self._choice(node, frame)
            case exp.Cast():
                return self._cast(node, frame)
        if type(node) in COMPARISONS:
            return compared(type(node), self.value(node.this, frame), self.value(node.expression, frame))
        if isinstance(node, (*_TEXT_FUNCTIONS, *_NUMBER_FUNCTIONS)):
            return self._opaque(node, frame, "text" if isinstance(node, _TEXT_FUNCTIONS) else "integer")
        raise Unsupported(f"{node.key.upper()}")

    def _column(self, node: exp.Column, frame: Frame) -> Value:
        name, table = node.name.lower(), node.table.lower()
        around: Frame | None = frame
        while around is not None:
            for (source, column), value in zip(around.names, around.values, strict=True):
                if column == name and table in ("", source):
                    return value
            if not table and name in around.aliases:
                return self.value(around.aliases[name], around)
            around = around.outer
        raise Unsupported(f"the column {node.sql()}")

    def _constant(self, node: exp.Expr, frame: Frame) -> Value:
        if isinstance(node, exp.Neg):
            value = self.value(node.this, frame)
            return numeric(Value(value.null, -value.number, value.kind))
        if isinstance(node, exp.Boolean):
            return number(int(bool(node.this)))
        if isinstance(node, exp.Null):
            return NULL
        if node.args.get("is_string"):
            return number(self._texts.code(node.name), "text")
        try:
            exact = float(node.name)
        except ValueError:
            raise Unsupported(f"the number {node.name}") from None
        if not exact.is_integer():
            return number(z3().RealVal(node.name), "real")
        return number(int(exact), "integer" if node.name.isdigit() else "real")

    def _connective(self, node: exp.Expr, frame: Frame) -> Value:
        if isinstance(node, exp.Not):
            value = self.value(node.this, frame)
            return truth(value.null, negation(holds(value)))
        one, other = self.value(node.this, frame), self.value(node.expression, frame)
        return conjunction(one, other) if isinstance(node, exp.And) else disjunction(one, other)

    def _is(self, node: exp.Expr, frame: Frame) -> Value:
        if isinstance(node.expression, exp.Not):  # IS NOT
            opposite = self._is(exp.Is(this=node.this.copy(), expression=node.expression.this.copy()), frame)
            return truth(False, negation(holds(opposite)))
        if isinstance(node.expression, exp.Boolean):
            value = self.value(node.this, frame)
            return truth(False, holds(value) if node.expression.this else fails(value))
        found = same(self.value(node.this, frame), self.value(node.expression, frame))
        return truth(False, negation(found) if isinstance(node, exp.NullSafeNEQ) else found)

    def _in(self, node: exp.In, frame: Frame) -> Value:
        sought = node.this.expressions if isinstance(node.this, exp.Tuple) else [node.this]
        left = [self.value(part, frame) for part in sought]
        if node.args.get("query") is not None:
            rows = self._query(node.args["query"], frame)
        else:
            rows = [(True, [self.value(item, frame)]) for item in node.expressions]
        found: list[Formula] = []
        unknown: list[Formula] = []
        for there, values in rows:
            if len(values) != len(left):
                raise Unsupported("IN with rows of another width")
            match_ = number(1)
            for one, other in zip(left, values, strict=True):
                match_ = conjunction(match_, compared(exp.EQ, one, other))
            found.append(both(there, holds(match_)))
            unknown.append(both(there, match_.null))
        yes = either(*found)
        return truth(both(negation(yes), either(*unknown)), yes)

    def _scalar(self, query: exp.Expr, frame: Frame) -> Value:
        """A subquery of at most one row, as the encoder makes sure."""
        result = NULL
        for there, values in reversed(self._query(query, frame)):
            result = choose(there, values[0], result)
        return result

    def _arithmetic(self, node: exp.Expr, frame: Frame) -> Value:
        one, other = numeric(self.value(node.this, frame)), numeric(self.value(node.expression, frame))
        null = either(one.null, other.null)
        kind = "real" if "real" in (one.kind, other.kind) else "integer"
        if isinstance(node, exp.Div):
            return self._applied("/" + kind, [one, other], kind, either(null, other.number == 0))
        a, b = one.number, other.number
        result = a + b if isinstance(node, exp.Add) else a - b if isinstance(node, exp.Sub) else a * b
        return Value(null, result, kind)

    def _choice(self, node: exp.Expr, frame: Frame) -> Value:
        if isinstance(node, exp.Abs):
            value = numeric(self.value(node.this, frame))
            return Value(value.null, when(value.number < 0, -value.number, value.number), value.kind)
        if isinstance(node, exp.Nullif):
            value, other = self.value(node.this, frame), self.value(node.expression, frame)
            return choose(holds(compared(exp.EQ, value, other)), NULL, value)
        if isinstance(node, exp.Coalesce):
            result = NULL
            for part in reversed([node.this, *node.expressions]):
                value = self.value(part, frame)
                result = choose(value.null, result, value)
            return result
        default = node.args.get("default" if isinstance(node, exp.Case) else "false")
        result = self.value(default, frame) if default is not None else NULL
        if isinstance(node, exp.If):
            return choose(holds(self.value(node.this, frame)), self.value(node.args["true"], frame), result)
        subject = self.value(node.this, frame) if node.this is not None else None
        for branch in reversed(node.args["ifs"]):
            test = self.value(branch.this, frame)
            test = test if subject is None else compared(exp.EQ, subject, test)
            result = choose(holds(test), self.value(branch.args["true"], frame), result)
        return result

    def _cast(self, node: exp.Cast, frame: Frame) -> Value:
        value, target = self.value(node.this, frame), node.to.sql().upper()
        to_text = "CHAR" in target or "TEXT" in target
        if value.kind == "" or (to_text and value.kind == "text"):
            return value
        if value.kind == "integer" and not to_text:  # every number here is whole
            return Value(value.null, value.number, "integer" if "INT" in target else "real")
        return self._applied(f"CAST {target}", [value], "text" if to_text else "integer", value.null)

    def _opaque(self, node: exp.Expr, frame: Frame, kind: str) -> Value:
        """A function of which only is known that the same arguments give the same result."""
        parts = [part for part in node.iter_expressions() if not isinstance(part, exp.Var)]
        inner = [part.this if isinstance(part, exp.TsOrDsToTimestamp) else part for part in parts]
        values = [self.value(part, frame) for part in inner]
        shape = node.key + "".join(f"|{name}" for name, arg in sorted(node.args.items()) if isinstance(arg, str | bool))
        return self._applied(shape, values, kind, None)

    def _applied(self, name: str, values: list[Value], kind: str, null: Formula) -> Value:
        library = z3()
        arguments: list[Formula] = []
        for value in values:
            name += f" {value.kind or 'null'}"
            plain = when(value.null, 0, value.number)
            if library.is_expr(plain) and plain.is_real():
                raise Unsupported("a function of a number that is not whole")
            arguments += [when(value.null, 1, 0), plain]
        sorts = [library.IntSort()] * len(arguments)
        given = [library.IntVal(argument) if isinstance(argument, int) else argument for argument in arguments]
        if null is None:
            null = library.Function(name + " IS NULL", *sorts, library.BoolSort())(*given)
        return Value(null, library.Function(name, *sorts, library.IntSort())(*given), kind)

    def _aggregate(self, node: exp.Expr, frame: Frame) -> Value:
        if frame.members is None:
            raise Unsupported("an aggregate function outside of a group")
        where = None
        if isinstance(node, exp.Filter):
            where, node = node.expression.this, node.this
        distinct = isinstance(node.this, exp.Distinct)
        argument = node.this.expressions[0] if distinct else node.this
        members: list[Member] = []
        for there, values in frame.members:
            inside = Frame(frame.names, values, frame.outer)
            counted = both(there, holds(self.value(where, inside))) if where is not None else there
            everything = argument is None or isinstance(argument, exp.Star)
            value = number(1) if everything else self.value(argument, inside)
            members.append((both(counted, negation(value.null)), value))
        return aggregated(node, each_once(members) if distinct else members)
