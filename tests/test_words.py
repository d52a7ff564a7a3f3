"""A statement cut into words is what SQLite cuts it into."""

from __future__ import annotations

import time

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlopt_env.sqlite.words import outermost, plain_text, words

PIECES = st.sampled_from(
    [
        *(
            "1",
            "2.5",
            ".5",
            "1e3",
            "0x1F",
            "1_000",
            "'it''s'",
            "x'4142'",
            '"a""b"',
            "`c`",
            "[d e]",
            "a",
            "Größe",
            "a$1",
        ),
        *("+", "-", "||", "->>", "<<", "<=", "<>", "!=", "==", "=", ",", "(", ")", ".", "*", "/", "%", "~", "|", "&"),
        *(
            "439ORDER",
            "0x1",
            "0xg",
            "1e",
            "1e+5",
            "1._5",
            "x'4'",
            "\ufeff",
            "\v",
            "/*",
            "/*/",
            "*/",
            "--",
            "!",
            "<",
            ">",
        ),
        *(" ", "\n", "\t", "-- x\n", "/* y */", "/**/", "SELECT", "order", "by", "LIMIT"),
    ]
)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT 'it''s', x'4142'", [("name", "SELECT"), ("text", "it's"), ("sign", ","), ("blob", "4142")]),
        ('"a""b" `c``d` [e f]', [("quoted", 'a"b'), ("quoted", "c`d"), ("quoted", "e f")]),
        ("a-->'x'\n+b", [("name", "a"), ("sign", "+"), ("name", "b")]),
        ("a->>'x' -> 1", [("name", "a"), ("sign", "->>"), ("text", "x"), ("sign", "->"), ("number", "1")]),
        (
            "1e5+.5 0x1F 1_000",
            [("number", "1e5"), ("sign", "+"), ("number", ".5"), ("number", "0x1F"), ("number", "1_000")],
        ),
        ("größe$2 /* 'no' */ -- end", [("name", "größe$2")]),
        ("x /* never closed", [("name", "x")]),
        ("x /*", [("name", "x"), ("sign", "/"), ("sign", "*")]),
        ("x /*/ y", [("name", "x")]),
        ("x/**/y", [("name", "x"), ("name", "y")]),
        ("\ufeffLIMIT\ufeff \ufeff77777", [("name", "LIMIT\ufeff"), ("number", "77777")]),
        ("a \vb\v", [("name", "a"), ("name", "b"), ("other", "\v")]),
        ("439ORDER 1e5x 0x1g 0x_1 1.a", [("other", text) for text in ("439ORDER", "1e5x", "0x1g", "0x_1", "1.a")]),
        ("1..2 1.e5", [("number", "1."), ("number", ".2"), ("number", "1.e5")]),
        ("x'414' 'a''b", [("other", "x'414'"), ("other", "'a''b")]),
        ("?1 :a @b $c !", [("other", text) for text in ("?1", ":a", "@b", "$c", "!")]),
        ("<> !=||| ==>>", [("sign", text) for text in ("<>", "!=", "||", "|", "==", ">>")]),
        ("'--' \"/*\" */", [("text", "--"), ("quoted", "/*"), ("sign", "*"), ("sign", "/")]),
    ],
)
def test_words_are_told_apart(statement: str, expected: list[tuple[str, str]]) -> None:
    assert [(word.kind, word.text) for word in words(statement)] == expected


def test_what_stands_in_parentheses_is_not_outermost() -> None:
    query = "SELECT max(a) OVER (ORDER BY b) FROM (SELECT 1 AS a LIMIT 2) ORDER BY 1"
    assert [word.text for word in outermost(query) if word.is_word("ORDER", "LIMIT")] == ["ORDER"]


def compiled(statement: str) -> str:
    """SQLite's programme for a statement, or the kind of its complaint."""
    connection = apsw.Connection(":memory:")
    connection.execute('CREATE TABLE t (a, "a""b", c, "d e", Größe, a$1)')
    try:
        return repr(connection.execute(f"EXPLAIN {statement}").fetchall())
    except apsw.Error as error:
        return type(error).__name__


@given(st.lists(PIECES, max_size=12).map("".join))
def test_words_one_space_apart_mean_the_same_to_sqlite(text: str) -> None:
    statement = f"SELECT {text} FROM t"
    before = compiled(statement)
    if not before.endswith("Error"):  # texts that are none may be cut in other places
        assert compiled(plain_text(statement)) == before


@pytest.mark.parametrize("statement", ["SELECT 439ORDER", "SELECT 1 /*", "SELECT x'1'", "SELECT 'a", "SELECT a\v"])
def test_what_sqlite_cannot_cut_is_no_other_words(statement: str) -> None:
    assert compiled(statement).endswith("Error")
    assert any(word.kind == "other" for word in words(statement)) or plain_text(statement) == "SELECT 1 / *"


@given(st.text(max_size=60))
def test_any_text_can_be_cut(text: str) -> None:
    ends = 0
    for word in words(text):
        assert ends <= word.start < word.end
        ends = word.end


@pytest.mark.parametrize(
    "piece",
    ["[", "'", '"', "`", "/*", "--", "x'", "''\"", "(", "1e", "0x", "$", "\ufeff", "1x", "0x1_", " \v", "1.", "/*/"],
)
def test_what_is_never_closed_does_not_take_the_square_of_its_length(piece: str) -> None:
    def cost(count: int) -> float:
        text = piece * count
        start = time.thread_time()
        words.__wrapped__(text)
        return time.thread_time() - start

    short, long = (min(cost(count) for _ in range(3)) for count in (4_000, 64_000))
    assert long < 80 * short + 0.1  # 16 times as long; the square would be 256 times
