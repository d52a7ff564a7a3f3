"""Renames a script, CREATE INDEX statements and a query: whoever is called by a name is called by another one.

sqlglot says which names the script gives itself; what is written is the script's own text with its names exchanged,
cut into words as SQLite cuts it. So nothing is lost that a tree would lose, and literals stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Set

from ..databases.naming import Namer, folded, is_reserved
from ..databases.renaming import Renaming
from ..sqlite.words import Word, words
from .declared import Declared, declared_names

_SHORT = re.compile(r"[A-Za-z]{1,2}_?[0-9]*")  # an alias that abbreviates


def renamed_script(script: str, renaming: Renaming) -> tuple[str, Renaming] | None:
    """The script under its new names, and the renaming with those of its own names, for others that belong to it.

    None where it cannot be renamed with certainty: sqlglot cannot read it, or a name in it belongs neither to the
    schema nor to the script nor to SQLite. Names in double quotes are taken for names, as SQLite does where it finds
    one; whether it does, `RowCheck` sees.
    """
    declared = declared_names(script)
    if declared is None:
        return None
    extended = _with_own_names(renaming, declared, script)
    return (extended.written(script), extended) if _all_known(words(script), extended) else None


def _with_own_names(renaming: Renaming, declared: list[Declared], script: str) -> Renaming:
    """The renaming with a new name for each that the script gives itself. None of them is in the script already."""
    namer = Namer(renaming.database, renaming.seed)
    taken = {folded(word.text) for word in words(script) if word.kind in ("name", "quoted")}
    taken |= renaming.names.keys() | {folded(name) for name in renaming.names.values()}
    found: dict[str, str] = {}
    for each in declared:
        low = folded(each.name)
        if low and low not in renaming.names and low not in found and not is_reserved(low):
            found[low] = _named(namer, each, renaming, taken)
            taken.add(folded(found[low]))
    return renaming.with_names(found)


def _named(namer: Namer, declared: Declared, renaming: Renaming, taken: Set[str]) -> str:
    if _SHORT.fullmatch(declared.name):
        table = renaming.names.get(folded(declared.table), "")
        return namer.letter(declared.name, table.removeprefix("tbl_").removeprefix("t_"), taken)
    return namer.column(declared.name, taken)


def _all_known(script: tuple[Word, ...], renaming: Renaming) -> bool:
    """Whether every name gets a new one or is SQLite's own, and no text stands where a name is meant."""
    before: Word | None = None
    types = _of_types(script)
    for place, word in enumerate(script):
        low = folded(word.text)
        if place in types and low in renaming.names:
            return False  # the letters of a type decide what CAST makes of a value
        if word.kind == "other":
            return False
        if word.kind in ("name", "quoted") and low not in renaming.names and not is_reserved(low):
            return False
        after = script[place + 1] if place + 1 < len(script) else None
        if word.kind == "text" and _is_a_name(before, after):
            return False
        before = word
    return True


def _of_types(script: tuple[Word, ...]) -> set[int]:
    """The places of the words that name a type: from the AS of a CAST to its end."""
    found: set[int] = set()
    casts: list[bool] = []  # of each open parenthesis: whether it is a CAST's
    in_type = False
    for place, word in enumerate(script):
        if word.is_sign("("):
            casts.append(place > 0 and script[place - 1].is_word("CAST"))
        elif word.is_sign(")"):
            in_type = in_type and not (casts and casts[-1])
            casts = casts[:-1]
        elif in_type:
            found.add(place)
        elif casts and casts[-1] and word.is_word("AS"):
            in_type = True
    return found


def _is_a_name(before: Word | None, after: Word | None) -> bool:
    """Whether SQLite takes a text between these words for a name, as in `SELECT 1 AS 'one'`."""
    if after is not None and after.is_sign("."):
        return True
    if before is None:
        return False
    if before.kind == "sign":
        return before.text in (")", ".")
    return before.kind != "name" or not is_reserved(before.text) or before.is_word("AS", "FROM", "JOIN", "END", "NULL")
