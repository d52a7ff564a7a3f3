"""Every pessimiser against its fixture, and on random databases; verify() has the last word on each pair."""

from __future__ import annotations

from pathlib import Path

import pytest
from pairs_and_databases import Block, blocks, drafted, plain, shape, unequal
from sqlopt_curricula.generator.pessimisers import PESSIMISERS

from sqlopt_env import verify

FIXTURES = Path(__file__).parents[1] / "fixtures" / "pessimisers"
BLOCKS = [block for path in sorted(FIXTURES.glob("*.sql")) for block in blocks(path)]
BY_NAME = {pessimiser.NAME: pessimiser for pessimiser in PESSIMISERS}
each_block = pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.name}: {block.shows}")


@each_block
def test_a_pessimiser_gives_what_its_fixture_shows_and_leaves_the_draft_alone(block: Block) -> None:
    draft, schema = drafted(block), shape(block.ddl)
    before = repr(draft.query)
    found = [slow.sql for slow in BY_NAME[block.name].applications(draft, schema)]
    assert plain("\n".join(found)) == plain(block.expected)
    assert repr(draft.query) == before


@each_block
def test_what_any_pessimiser_makes_of_a_fixture_query_is_the_same_query(block: Block) -> None:
    draft, schema = drafted(block), shape(block.ddl)
    for pessimiser in PESSIMISERS:
        for slow in pessimiser.applications(draft, schema):
            assert not (message := unequal(block.ddl, block.query, slow.sql)), f"{pessimiser.NAME}: {message}"


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.expected], ids=lambda block: block.name)
def test_verify_finds_no_difference(block: Block) -> None:
    draft = drafted(block)
    for slow in BY_NAME[block.name].applications(draft, shape(block.ddl)):
        verdict = verify(block.ddl, block.query, slow.sql)
        assert verdict.status in ("proved", "tested"), f"{slow.sql}\n{verdict.reason}\n{verdict.witness}"


def test_every_pessimiser_has_a_fixture_with_two_firing_and_two_silent_blocks() -> None:
    for pessimiser in PESSIMISERS:
        mine = [block for block in BLOCKS if block.name == pessimiser.NAME]
        firing = sum(bool(block.expected) for block in mine)
        assert firing >= 2, pessimiser.NAME
        assert len(mine) - firing >= 2, pessimiser.NAME
    assert {block.name for block in BLOCKS} == set(BY_NAME)
