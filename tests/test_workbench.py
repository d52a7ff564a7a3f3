"""How many databases a worker keeps ready."""

from __future__ import annotations

from sqlopt_env.sqlite.snapshot import Signature
from sqlopt_env.workbench import DATABASES_KEPT, SMALL_BYTES, is_room


def signatures(*sizes: int) -> list[Signature]:
    return [Signature(f"{number}.db", size, 0, 0, 0) for number, size in enumerate(sizes)]


def test_two_databases_are_kept_however_large_they_are() -> None:
    (huge,) = signatures(100 * SMALL_BYTES)
    assert is_room([], huge)
    assert is_room([huge], huge)
    assert not is_room([huge, huge], huge)


def test_more_are_kept_only_while_all_of_them_are_small_together() -> None:
    (small,) = signatures(SMALL_BYTES // 100)
    (half,) = signatures(SMALL_BYTES // 2)
    assert is_room([small] * (DATABASES_KEPT - 1), small)
    assert not is_room([small] * DATABASES_KEPT, small)
    assert is_room([half, small], small)
    assert not is_room([half, small], half)
