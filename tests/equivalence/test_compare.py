"""When two results are the same."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlopt_env.equivalence.compare import (
    Reference,
    Row,
    TieGroup,
    bag_difference,
    difference,
    difference_of_chunks,
    same_value,
    strictly_ordered,
)

VALUES = st.one_of(
    st.none(),
    st.integers(-3, 3),
    st.sampled_from([0.0, -0.0, 1.0, 0.1 + 0.2, 0.3, 2.0**53, 1e300, float("inf"), 5e-324]),
    st.sampled_from([2**53, 2**53 + 1, -1, -2, 2**61 - 1, "", "a", "A", "1", b"", b"a", b"1"]),
)
ROWS = st.lists(st.tuples(VALUES, VALUES), max_size=12)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (None, None, True),
        (None, 0, False),
        (None, "", False),
        (1, 1.0, True),
        (0.0, -0.0, True),
        (1, "1", False),
        ("1", b"1", False),
        ("a", "A", False),
        ("", b"", False),
        (0.1 + 0.2, 0.3, True),
        (1.0, 1.0 + 1e-10, True),
        (1.0, 1.0 + 1e-8, False),
        (1e300, 1.0000000001e300, True),
        (1, 1.0000000001, False),
        (2**53, 2**53 + 1, False),
        (2**53 + 1, 2.0**53, False),
        (float("inf"), float("inf"), True),
        (float("inf"), 1e308, False),
        (0.0, 1e-300, False),
        (-1, -2, False),
        (0, 2**61 - 1, False),
    ],
)
def test_values_are_the_same_by_the_stated_rule(one: object, other: object, same: bool) -> None:
    for a, b in ((one, other), (other, one)):
        assert same_value(a, b) is same  # type: ignore[arg-type]
        assert (difference(Reference([(a,)]), [(b,)]) == "") is same  # type: ignore[list-item]
        assert (difference(strictly_ordered([(a,)]), [(b,)]) == "") is same  # type: ignore[list-item]


@given(ROWS, st.randoms(use_true_random=False))
def test_a_bag_is_the_same_in_any_order(rows: list[Row], rng: random.Random) -> None:
    shuffled = rows.copy()
    rng.shuffle(shuffled)
    assert difference(Reference(rows), shuffled) == ""
    assert difference(strictly_ordered(rows), rows) == ""


@given(ROWS, st.tuples(VALUES, VALUES), st.data())
def test_a_row_more_or_less_is_noticed(rows: list[Row], row: Row, data: st.DataObject) -> None:
    more = rows.copy()
    more.insert(data.draw(st.integers(0, len(rows))), row)
    for reference in (Reference(rows), strictly_ordered(rows)):
        assert "rows" in difference(reference, more) or "row" in difference(reference, more)
    for reference in (Reference(more), strictly_ordered(more)):
        assert difference(reference, rows) != ""


@given(ROWS.filter(bool), st.tuples(VALUES, VALUES), st.data())
def test_a_row_exchanged_is_noticed(rows: list[Row], row: Row, data: st.DataObject) -> None:
    i = data.draw(st.integers(0, len(rows) - 1))
    changed = [*rows[:i], row, *rows[i + 1 :]]
    same = all(map(same_value, rows[i], row))
    assert (difference(Reference(rows), changed) == "") is same
    assert (difference(strictly_ordered(rows), changed) == "") is same


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(0, 3)), max_size=30), st.randoms(use_true_random=False))
def test_floats_may_drift_in_any_order(rows: list[Row], rng: random.Random) -> None:
    drifted = [(a * (1 + rng.uniform(-4e-10, 4e-10)), b) for a, b in rows]  # type: ignore[operator]
    rng.shuffle(drifted)
    assert difference(Reference(rows), drifted) == ""


def test_drifting_floats_are_paired_even_where_sorting_would_cross_them() -> None:
    base, step = 1.0, 6e-10
    rows: list[Row] = [(base, 5.0), (base + step, 7.0)]
    crossed: list[Row] = [(base + step, 5.0), (base, 7.0)]
    assert difference(Reference(rows), crossed) == ""
    assert difference(Reference(rows), [(base, 5.0), (base, 5.0)]) != ""


def test_many_drifting_rows_are_paired() -> None:
    rows: list[Row] = [(float(i) + 0.5, "x") for i in range(5000)]
    drifted: list[Row] = [(float(i) + 0.5 + 1e-10, "x") for i in reversed(range(5000))]
    assert difference(Reference(rows), drifted) == ""
    drifted[17] = (17.75, "x")
    assert "17.75" in difference(Reference(rows), drifted)


def test_many_groups_whose_first_column_drifts_are_paired_by_the_others() -> None:
    rows: list[Row] = [(0.5 * (1 + (i % 7) * 1e-11), i) for i in range(3000)]
    drifted: list[Row] = [(0.5 * (1 - (i % 5) * 1e-11), i) for i in reversed(range(3000))]
    assert difference(Reference(rows), drifted) == ""
    drifted[5] = (0.5, 5)
    assert difference(Reference(rows), drifted) != ""


def test_a_number_may_be_whole_on_one_side_while_its_neighbour_drifts() -> None:
    assert difference(Reference([(5, 0.1 + 0.2), (6, 1.5)]), [(6.0, 1.5), (5.0, 0.3)]) == ""


def test_colliding_integers_cost_no_quadratic_time() -> None:
    rows: list[Row] = [(i * (2**61 - 1),) for i in range(20_000)]
    assert difference(Reference(rows), reversed(rows)) == ""


def test_ties_may_swap_and_nothing_else() -> None:
    rows: list[Row] = [(1, "a"), (1, "b"), (2, "c"), (3, "d")]
    groups = [TieGroup(2, rows[:2]), TieGroup(1, rows[2:3]), TieGroup(1, rows[3:])]
    reference = Reference(rows, groups)
    assert difference(reference, [(1, "b"), (1, "a"), (2, "c"), (3, "d")]) == ""
    assert "another order" in difference(reference, [(1, "a"), (2, "c"), (1, "b"), (3, "d")])
    assert "rows 1 to 2" in difference(reference, [(1, "a"), (1, "a"), (2, "c"), (3, "d")])


def test_where_a_limit_cuts_through_ties_any_of_them_may_stand() -> None:
    rows: list[Row] = [(1, "a"), (2, "b"), (2, "c")]
    reference = Reference(rows, [TieGroup(1, rows[:1]), TieGroup(2, [(2, "b"), (2, "c"), (2, "d")])])
    assert difference(reference, [(1, "a"), (2, "d"), (2, "b")]) == ""
    assert difference(reference, [(1, "a"), (2, "d"), (2, "d")]) != ""
    assert difference(reference, [(1, "a"), (2, "e"), (2, "b")]) != ""


def test_reading_stops_at_the_first_chunk_too_many() -> None:
    read = 0

    def endless() -> Iterator[list[Row]]:
        nonlocal read
        while True:
            read += 1
            yield [(1,)] * 4

    assert "at least" in difference_of_chunks(Reference([(1,)] * 10), endless())
    assert read <= 4


@pytest.mark.parametrize(
    ("expected", "got", "words"),
    [
        ([(1,), (2,)], [(1,)], "returns 1 row, the original 2"),
        ([(1,), (2,)], [(1,), (3,)], "returns the row (3), which the original does not"),
        ([(1,), (1,), (2,)], [(1,), (2,), (2,)], "does not return so often"),
        ([(None, "x")], [("y", "x")], "('y', 'x')"),
    ],
)
def test_a_difference_is_said_in_one_sentence(expected: list[Row], got: list[Row], words: str) -> None:
    sentence = difference(Reference(expected), got)
    assert words in sentence
    assert "\n" not in sentence


def test_long_rows_are_cut_in_sentences() -> None:
    assert len(bag_difference([("a",)], [("b" * 10_000,)])) < 300


def seconds_for(expected: list[Row], got: list[Row]) -> tuple[str, float]:
    start = time.process_time()
    return difference(Reference(expected), got), time.process_time() - start


def test_many_equal_floats_that_drift_are_paired_in_linear_time() -> None:
    sizes = [11.0, 13.0, 17.0] * 20_000
    rows: list[Row] = [(size / 7.0 * 1.1,) for size in sizes]
    drifted: list[Row] = [(size * 1.1 / 7.0,) for size in reversed(sizes)]
    assert set(rows) != set(drifted)
    problem, seconds = seconds_for(rows, drifted)
    assert (problem, seconds < 3.0) == ("", True), seconds
    drifted[0] = (11.0 * 1.1 / 7.0,)  # one of another value too often
    problem, seconds = seconds_for(rows, drifted)
    assert ("which the original does not" in problem, seconds < 3.0) == (True, True), seconds


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("step", [2e-14, 3e-13])
def test_many_distinct_floats_close_together_cost_no_quadratic_time(step: float, columns: int) -> None:
    """They lie within the tolerance of each other, or each only within that of its neighbours."""
    rows: list[Row] = [(1.1 + i * step,) * columns for i in range(40_000)]
    drifted: list[Row] = [(1.1 + i * step + 5e-15,) * columns for i in reversed(range(40_000))]
    problem, seconds = seconds_for(rows, drifted)
    assert (problem, seconds < 5.0) == ("", True), seconds
    assert seconds_for(rows, [(1.2,) * columns, *drifted[1:]])[0] != ""


def test_crossing_floats_of_two_columns_cost_no_quadratic_time() -> None:
    rows: list[Row] = [(1.1 + i * 3e-13, 1.7 + i * 7919 % 40_000 * 3e-13) for i in range(40_000)]
    drifted: list[Row] = [(one * (1 + 1e-15), other * (1 - 1e-15)) for one, other in reversed(rows)]  # type: ignore[operator]
    assert seconds_for(rows, drifted)[1] < 10.0


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans()), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans()), min_size=1, max_size=5),
)
def test_near_floats_are_paired_as_trying_all_pairings_does(
    one: list[tuple[int, int, bool]], other: list[tuple[int, int, bool]]
) -> None:
    """Steps of 0.6 of the tolerance, whole numbers among them; no two rows are equal."""
    expected: list[Row] = [(10.0 * (1 + a * 6e-10) if f else 10, 5.0 + b * 3e-9) for a, b, f in one]
    got: list[Row] = [(10.0 * (1 + a * 6e-10) if f else 10, 5.0 + b * 3e-9 + 1e-12) for a, b, f in other]
    same = len(expected) == len(got) and any(
        all(all(map(same_value, a, b)) for a, b in zip(expected, order, strict=True))
        for order in itertools.permutations(got)
    )
    assert (bag_difference(expected, got) == "") is same


def test_a_text_is_no_run_of_floats() -> None:
    assert bag_difference([(0.1 + 0.2,), ("#",)], [(0.3,), (0,)]) != ""
    assert bag_difference([(0.1 + 0.2, 1), ("a", 2)], [("a", 2), (0.3, 1)]) == ""
