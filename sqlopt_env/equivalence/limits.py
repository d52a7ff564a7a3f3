"""A LIMIT that only the rewrite has: right for as long as results are small, and no small database shows the rest.

Bounds that the original says itself may stand in one (`rn <= 3` becomes LIMIT 3), and what is small enough inside a
subquery is left to the small databases, which are made to have more rows than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlglot import Token, TokenType, exp

from ..sqlite.script import plain_text
from .instances.literals import LARGEST_LIMIT, words
from .parsing import parsed

_ENDS = (TokenType.OFFSET, TokenType.COMMA, TokenType.SEMICOLON, TokenType.LIMIT)


@dataclass(frozen=True, slots=True)
class _Bound:
    """A LIMIT or OFFSET: how deep in parentheses it stands, its words, and its value where that is a plain number."""

    keyword: str
    depth: int
    text: str
    value: int | None


def strange_limit(original: str, rewrite: str) -> str:
    """Why the rewrite's LIMITs cannot be checked, in one sentence; "" where they can."""
    said, own = words(plain_text(original)), words(plain_text(rewrite))
    if said is None or own is None:
        return "" if said == own else "its LIMITs cannot be read"
    known = list(_bounds(said))
    numbers = {(one.value or 0) + (other.value or 0) for one in known for other in known}  # LIMIT + OFFSET
    if any(token.token_type is TokenType.OVER for token in said):  # rows may be numbered, and numbers compared
        numbers |= {int(token.text[:19]) for token in said if token.text.isdigit()}
    texts = {bound.text for bound in known}
    for bound in _bounds(own):
        if bound.text in texts or bound.value in numbers or (bound.value is not None and bound.value < 0):
            continue
        what = f"its {bound.keyword} {bound.text}"
        if bound.value is None:
            return f"{what} is not the original's, and no plain number: what it does to more rows cannot be checked"
        if bound.depth == 0 and bound.keyword == "LIMIT" and not (bound.value and _gives_one_row(original)):
            return f"{what} is not the original's: it would cut off rows where the result is larger"
        if bound.value > LARGEST_LIMIT:
            return f"{what} is not the original's: small databases do not have so many rows"
    return ""


def _bounds(tokens: Sequence[Token]) -> Iterator[_Bound]:
    depth, level, start, keyword = 0, 0, -1, ""
    for place, token in enumerate([*tokens, None]):
        closes = token is not None and token.token_type is TokenType.R_PAREN
        if start >= 0 and (token is None or (depth == level and (closes or token.token_type in _ENDS))):
            yield _bound(keyword, level, tokens[start:place])
            start = place + 1 if token is not None and token.token_type is TokenType.COMMA else -1
        if token is None:
            return
        if token.token_type in (TokenType.LIMIT, TokenType.OFFSET):
            start, keyword, level = place + 1, token.text.upper(), depth
        depth += (token.token_type is TokenType.L_PAREN) - closes


def _bound(keyword: str, depth: int, tokens: Sequence[Token]) -> _Bound:
    text = " ".join(token.text for token in tokens)
    while len(tokens) > 2 and (tokens[0].token_type, tokens[-1].token_type) == (TokenType.L_PAREN, TokenType.R_PAREN):
        tokens = tokens[1:-1]
    sign = 1
    while tokens and tokens[0].token_type in (TokenType.PLUS, TokenType.DASH):
        sign = -sign if tokens[0].token_type is TokenType.DASH else sign
        tokens = tokens[1:]
    plain = len(tokens) == 1 and tokens[0].token_type is TokenType.NUMBER and tokens[0].text.isdigit()
    return _Bound(keyword, depth, text, sign * int(tokens[0].text[:19]) if plain else None)


def _gives_one_row(query: str) -> bool:
    """An aggregate without GROUP BY."""
    tree = parsed(query)
    if not isinstance(tree, exp.Select) or tree.args.get("group") or not tree.selects:
        return False
    return any(
        aggregate.find_ancestor(exp.Window, exp.Subquery) is None
        for output in tree.selects
        for aggregate in output.find_all(exp.AggFunc)
    )
