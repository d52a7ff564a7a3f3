"""Which examples a dataset takes: the quotas hold for every input, and no larger set keeps them."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlopt_env import SqlOptError
from sqlopt_env.cli.datasets.choice import Candidate, chosen, missing, one_of_each
from sqlopt_env.cli.datasets.quotas import Quotas

SHARES = st.sampled_from([0.1, 0.2, 0.25, 1 / 3, 0.4, 0.5, 0.6, 1.0])
QUOTAS = st.builds(Quotas, SHARES, SHARES)
CANDIDATES = st.builds(
    Candidate,
    st.sampled_from(["a", "b", "c", "d", "e", "f"]),
    st.sampled_from(["indexing", "join", "limit"]),
    st.sampled_from(["", "t", "u", "v", "w"]),
)


def keeps(found: list[Candidate], quotas: Quotas) -> bool:
    """The quotas, in other words than those of the code."""
    types = Counter(candidate.type for candidate in found)
    techniques = Counter(candidate.technique for candidate in found if candidate.technique)
    return all(count <= quotas.optimization_type * len(found) + 1e-9 for count in types.values()) and all(
        count <= quotas.technique * len(found) + 1e-9 for count in techniques.values()
    )


@given(st.lists(CANDIDATES, max_size=60), QUOTAS, st.booleans())
@settings(deadline=None, max_examples=60)
def test_the_quotas_always_hold_and_no_place_comes_twice(
    candidates: list[Candidate], quotas: Quotas, one_a_query: bool
) -> None:
    places = chosen(candidates, quotas, one_a_query=one_a_query)
    assert places == sorted(set(places))
    found = [candidates[place] for place in places]
    assert keeps(found, quotas)
    if one_a_query:
        assert max(Counter(candidate.query for candidate in found).values(), default=1) == 1


@given(st.lists(CANDIDATES, max_size=9), QUOTAS)
@settings(deadline=None, max_examples=60)
def test_no_larger_set_keeps_the_quotas(candidates: list[Candidate], quotas: Quotas) -> None:
    size = len(chosen(candidates, quotas))
    for larger in range(size + 1, len(candidates) + 1):
        assert not any(keeps(list(found), quotas) for found in combinations(candidates, larger))


@given(st.lists(CANDIDATES, max_size=60), QUOTAS)
@settings(deadline=None, max_examples=60)
def test_of_each_query_one_answer_is_taken_and_then_as_many_as_the_quotas_allow(
    candidates: list[Candidate], quotas: Quotas
) -> None:
    each = one_of_each(candidates, quotas)
    assert sorted(candidates[place].query for place in each) == sorted({c.query for c in candidates})
    best = chosen([candidates[place] for place in each], quotas)
    assert len(chosen(candidates, quotas, one_a_query=True)) == len(best)


@given(st.lists(CANDIDATES, min_size=1, max_size=40), QUOTAS, st.integers(1, 20))
@settings(deadline=None, max_examples=60)
def test_what_is_missing_can_always_be_said(candidates: list[Candidate], quotas: Quotas, more: int) -> None:
    assert missing(candidates, len(chosen(candidates, quotas)) + more, quotas)


def test_a_query_is_answered_by_what_is_scarce() -> None:
    candidates = [Candidate(f"q{number}", "indexing", f"i{number}") for number in range(10)]
    candidates += [Candidate(f"q{number}", "join", f"j{number}") for number in range(6)]
    places = chosen(candidates, Quotas(0.6, 1.0), one_a_query=True)
    assert len(places) == 10
    assert Counter(candidates[place].type for place in places) == {"join": 5, "indexing": 5}


def test_a_set_spreads_over_techniques_and_queries() -> None:
    candidates = [Candidate(f"q{n % 5}", "indexing", "often" if n < 40 else "rare") for n in range(50)]
    candidates += [Candidate(f"q{n}", "join", f"t{n}") for n in range(10)]
    found = [candidates[place] for place in chosen(candidates, Quotas(0.5, 0.5))]
    assert len(found) == 20
    techniques = Counter(candidate.technique for candidate in found if candidate.type == "indexing")
    assert techniques == {"often": 5, "rare": 5}
    assert set(Counter(c.query for c in found if c.type == "indexing").values()) == {2}


def test_it_is_said_what_is_missing() -> None:
    candidates = [Candidate(f"q{n}", "indexing" if n < 90 else "join", f"t{n}") for n in range(100)]
    assert chosen(candidates, Quotas()) == []
    assert missing(candidates, 10, Quotas()).endswith("at least 3 of them, and there are only 2: indexing, join")
    candidates += [Candidate("q", "limit", "l"), Candidate("p", "projection", "p")]
    assert missing(candidates, 100, Quotas()).startswith(
        "100 need 60 or more of another optimization type than indexing"
    )
    assert missing(candidates[:3], 4, Quotas(1.0, 1.0)) == "there are only 3 examples"


@pytest.mark.parametrize("share", [0.0, -1.0, 1.5, float("nan")])
def test_a_quota_is_a_share(share: float) -> None:
    with pytest.raises(SqlOptError, match="the quota of techniques must be above 0 and at most 1"):
        Quotas(technique=share)
