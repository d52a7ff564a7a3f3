"""Fingerprints: what they forget, what they keep, and that coarse ones follow from fine ones."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlopt_curricula.diversity import diversity, fingerprints, fold_of_seed

KINDS = ("exact", "literals", "names", "shape")
# Pairs, and the finest fingerprint in which they are equal; "" where none is.
PAIRS = [
    ("SELECT a FROM t WHERE b = 1", "select  a from t -- now\n where B = 1;", "exact"),
    ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = -2.5", "literals"),
    ("SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = 'X'", "literals"),
    ("SELECT a FROM t WHERE b IN (1, 2)", "SELECT a FROM t WHERE b IN (7, 8, 9, 10)", "literals"),
    ("SELECT a FROM t LIMIT 5", "SELECT a FROM t LIMIT 50", "literals"),
    ("SELECT a FROM t WHERE b = 1", "SELECT x FROM y WHERE z = 1", "names"),
    ("SELECT a FROM t WHERE b = 1", "SELECT u.a AS c FROM t AS u WHERE u.b = 1", "names"),
    ("SELECT a FROM t WHERE b = 1 AND c > 2", "SELECT a FROM t WHERE c > 2 AND b = 1", "names"),
    ("SELECT a FROM t WHERE b = 1 AND (c > 2 OR d < 3)", "SELECT a FROM t WHERE (d < 3 OR c > 2) AND b = 1", "names"),
    ("SELECT a, b FROM t", "SELECT a, b, c FROM t", "shape"),
    ("SELECT a FROM t ORDER BY b", "SELECT a FROM t ORDER BY b, c", "shape"),
    ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b > 1", ""),
    ("SELECT sum(a) FROM t", "SELECT max(a) FROM t", ""),
    ("SELECT a FROM t", "SELECT DISTINCT a FROM t", ""),
    ("SELECT a FROM t UNION SELECT a FROM t", "SELECT a FROM t UNION ALL SELECT a FROM t", "shape"),
    ("SELECT a FROM t", "SELECT a FROM t LIMIT 5", ""),
    ("SELECT a FROM (SELECT a FROM t) AS d", "SELECT a FROM t", ""),
    ("SELECT FROM WHERE", "SELECT FROM WHERE", "exact"),
    ("not SQL at all 5", "not SQL at all 6", "literals"),
]


@pytest.mark.parametrize(("one", "other", "finest"), PAIRS, ids=lambda value: str(value)[:40])
def test_pairs_are_equal_from_their_finest_fingerprint_on(one: str, other: str, finest: str) -> None:
    equal = [getattr(fingerprints(one), kind) == getattr(fingerprints(other), kind) for kind in KINDS]
    position = KINDS.index(finest) if finest else len(KINDS)
    assert equal == [number >= position for number in range(len(KINDS))]


names, numbers = (
    st.sampled_from(["a", "b", '"c d"', "E"]),
    st.sampled_from(["1", "-2", "2.5", "'x'", "'y''z'", "x'00'"]),
)
conditions = st.builds("{} {} {}".format, names, st.sampled_from(["=", "<", ">"]), numbers)
wheres = st.lists(conditions, min_size=1, max_size=3).map(" AND ".join)
queries = st.builds("SELECT {} FROM {} WHERE {} LIMIT {}".format, names, names, wheres, st.integers(1, 3))


@settings(deadline=None, max_examples=200)
@given(queries, queries)
def test_what_is_equal_in_a_fine_one_is_equal_in_all_coarser_ones(one: str, other: str) -> None:
    equal = [getattr(fingerprints(one), kind) == getattr(fingerprints(other), kind) for kind in KINDS]
    assert equal == sorted(equal)
    if equal[-1]:
        assert fingerprints(one).fold == fingerprints(other).fold


def test_diversity_counts_equal_ones_once() -> None:
    found = diversity(["SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = 2", "SELECT c FROM t WHERE b = 1"])
    assert (found.count, found.exact, found.literals, found.names, found.shape) == (3, 1.0, 2 / 3, 1 / 3, 1 / 3)
    assert diversity([]).count == 0


def test_neighbouring_seeds_have_different_folds() -> None:
    assert all(fold_of_seed(seed) != fold_of_seed(seed + 1) for seed in range(10))
    assert all(fold_of_seed(seed) != "heldout" for seed in range(10))


@pytest.mark.parametrize("text", ["", ";", "\0", "'", "SELECT '", "(" * 5000, "SELECT 1" + " + 1" * 3000, "\ud800"])
def test_no_text_is_too_odd_for_a_fingerprint(text: str) -> None:
    assert all(len(getattr(fingerprints(text), kind)) == 16 for kind in KINDS)
    assert fingerprints(text).fold in ("heldout", "even", "odd")


def test_fingerprints_are_the_same_in_every_process() -> None:
    query = "SELECT a FROM t UNION SELECT b FROM u WHERE c = 1 AND d IN (1, 2) ORDER BY a LIMIT 5 OFFSET 2"
    program = f"from sqlopt_curricula.diversity import fingerprints; print(fingerprints({query!r}).shape)"
    shapes = set()
    for seed in range(6):
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        shapes.add(subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True).stdout)
    assert len(shapes) == 1
