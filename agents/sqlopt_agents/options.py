"""Options as the command line gives them: texts, which become what a parameter is declared to be."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from sqlopt_env.types import SqlOptError

Made = TypeVar("Made")

_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_NOTHING = ("none", "null")
_KINDS = {NoneType: "none", bool: "true or false", int: "a whole number", float: "a number", Path: "a path"}


def called(
    name: str, make: Callable[..., Made], options: Mapping[str, str], *arguments: Any, role: str = "policy"
) -> Made:
    """`make(*arguments, **options)`, each option of a type that its parameter is declared to have.

    Raises SqlOptError for an option that `make` has not, and for a text that says no value of its type; `name` and
    `role` say whose option it is.
    """
    if not options:
        return make(*arguments)
    known, takes_any = _known(make, len(arguments))
    values: dict[str, Any] = {}
    for key, text in options.items():
        if key in known:
            values[key] = _typed(key, text, known[key])
        elif takes_any:
            values[key] = text
        else:
            offer = f"its options are {', '.join(known)}" if known else "it has none"
            raise SqlOptError(f"the {role} {name} has no option {key!r}: {offer}")
    return make(*arguments, **values)


def _known(make: Callable[..., Any], given: int) -> tuple[dict[str, tuple[Any, ...]], bool]:
    """The types of every parameter beyond the `given` ones that a text can say, and whether there may be any others."""
    parameters = list(inspect.signature(make).parameters.values())
    hints = get_type_hints(make.__init__ if inspect.isclass(make) else make)
    named = [p for p in parameters[given:] if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    types = {p.name: _types(hints.get(p.name), p.default) for p in named}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return {key: kinds for key, kinds in types.items() if kinds}, takes_any


def _types(hint: Any, default: Any) -> tuple[Any, ...]:
    """The types that an option may have, most particular first; none where it cannot be said in a text."""
    if hint is None:  # not declared: as its default is
        hint = type(default) if default not in (inspect.Parameter.empty, None) else str
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    literals = tuple(member for member in members if get_origin(member) is Literal)
    found = (*literals, *(kind for kind in (*_KINDS, str) if kind in members))
    return found if any(kind is not NoneType for kind in found) else ()


def _typed(key: str, text: str, types: tuple[Any, ...]) -> Any:
    """What the text says by the first of the types that allows it."""
    for kind in types:
        if kind is NoneType:
            if text.lower() in _NOTHING:
                return None
        elif kind is bool:
            if text.lower() in _WORDS:
                return _WORDS[text.lower()]
        elif get_origin(kind) is Literal:
            for value in get_args(kind):
                if str(value) == text:
                    return value
        else:
            try:
                return kind(text)
            except ValueError:
                continue
    raise SqlOptError(f"the option {key} must be {' or '.join(map(_told, types))}, not {text!r}")


def _told(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(str, get_args(kind)))
    return _KINDS.get(kind, "a text")
