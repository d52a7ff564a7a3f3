"""Many requests as one file of the Batch API: half the price, any order, and the same batch after a kill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from serving import Served, serving

from sqlopt_env import SqlOptError
from sqlopt_env.chat import ChatClient, CostReached, ServerFailed

ASKED = [([{"role": "user", "content": f"question {number}"}], 2, number) for number in range(3)]
ANSWERS = [[f"question {number} {number} 0", f"question {number} {number} 1"] for number in range(3)]
PRICES = {"m": (100.0, 1000.0)}
AT_ONCE = (0.0, 0.0)


def client_of(server: Served, tmp_path: Path, **settings: Any) -> ChatClient:
    return ChatClient("m", base_url=server.url, log=tmp_path / "log.jsonl", **settings)


@pytest.mark.parametrize("several", [True, False])
def test_a_batch_gives_what_single_requests_give(several: bool, tmp_path: Path) -> None:
    with serving() as server:
        with client_of(server, tmp_path, several=several) as client:
            answers = client.ask_in_batch(ASKED, poll=AT_ONCE)
            assert len(server.offer.jobs.batches) == 1
            assert server.offer.seen == []
            assert client.spent.requests == (3 if several else 6)
        with ChatClient("m", base_url=server.url, several=several) as client:
            assert answers == [client.ask(messages, n=n, seed=seed) for messages, n, seed in ASKED]
        assert not several or answers == ANSWERS


def test_a_batch_costs_half(tmp_path: Path) -> None:
    with serving() as server:
        with client_of(server, tmp_path, prices=PRICES) as client:
            client.ask_in_batch(ASKED, poll=AT_ONCE)
            half = client.spent
        with ChatClient("m", base_url=server.url, prices=PRICES) as client:
            for messages, n, seed in ASKED:
                client.ask(messages, n=n, seed=seed)
            assert half.dollars is not None
            assert half.dollars == pytest.approx((client.spent.dollars or 0) / 2)
        with client_of(server, tmp_path, prices=PRICES) as client:
            assert client.spent == half


def test_a_batch_that_was_killed_is_waited_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        server.offer.jobs.looks = 3
        with client_of(server, tmp_path, prices=PRICES, max_cost=10.0) as client:
            waited = iter(range(4))
            pause = client._dispatcher.pause

            def killed(seconds: float) -> None:
                if next(waited) == 3:
                    raise KeyboardInterrupt
                pause(seconds)

            monkeypatch.setattr(client._dispatcher, "pause", killed)
            with pytest.raises(KeyboardInterrupt):
                client.ask_in_batch(ASKED, poll=AT_ONCE)
            assert (client.spent.dollars or 0) > 1
        with client_of(server, tmp_path, prices=PRICES) as client:
            assert (client.spent.dollars or 0) > 1, "what the batch can cost counts until it has ended"
            assert client.ask_in_batch(ASKED, poll=AT_ONCE) == ANSWERS
            spent = client.spent
            assert (spent.dollars or 0) < 0.1
        with client_of(server, tmp_path, prices=PRICES) as client:
            assert client.ask_in_batch(ASKED, poll=AT_ONCE) == ANSWERS
            assert client.spent.dollars == pytest.approx(spent.dollars)
        assert len(server.offer.jobs.batches) == 1
        assert server.offer.seen == []


def test_equal_requests_of_a_batch_keep_their_answers_when_a_kill_leaves_half(tmp_path: Path) -> None:
    counted = iter(range(100))
    asked = [([{"role": "user", "content": "hello"}], 1, None)] * 3
    log = tmp_path / "log.jsonl"
    with serving([lambda chat: str(next(counted))]) as server:
        with client_of(server, tmp_path) as client:
            answers = client.ask_in_batch(asked, poll=AT_ONCE)
        assert sorted(answers) == [["0"], ["1"], ["2"]]
        lines = log.read_text().splitlines(keepends=True)
        assert len(lines) == 5
        log.write_text("".join(lines[:2]))  # the batch was begun, and one answer written
        with client_of(server, tmp_path) as client:
            assert client.ask_in_batch(asked, poll=AT_ONCE) == answers
        assert len(server.offer.jobs.batches) == 1


def test_what_a_batch_leaves_open_is_asked_singly(tmp_path: Path) -> None:
    with serving() as server, client_of(server, tmp_path) as client:
        complete = server.offer.complete

        def choosy(body: dict[str, Any]) -> dict[str, Any]:
            if body["messages"][0]["content"] == "question 1" and not server.offer.seen:
                raise ValueError("not this one")
            return complete(body)

        server.offer.complete = choosy  # type: ignore[method-assign]
        assert client.ask_in_batch(ASKED, poll=AT_ONCE) == ANSWERS
        assert [body["messages"][0]["content"] for body in server.offer.seen] == ["question 1"]


def test_a_batch_is_not_begun_that_could_pass_the_limit(tmp_path: Path) -> None:
    with serving() as server, client_of(server, tmp_path, prices=PRICES, max_cost=0.5) as client:
        with pytest.raises(CostReached):
            client.ask_in_batch(ASKED, poll=AT_ONCE)
        assert server.offer.jobs.files == {}


def test_a_batch_that_failed_is_told_and_begun_anew(tmp_path: Path) -> None:
    with serving() as server, client_of(server, tmp_path, prices=PRICES, max_cost=10.0) as client:
        begin = server.offer.jobs._begin_batch

        def failing(*given: Any) -> Any:
            batch: dict[str, Any] = begin(*given)  # type: ignore[arg-type]
            batch["status"] = "failed"
            batch["errors"] = {"object": "list", "data": [{"message": "the file is too large"}]}
            batch["output_file_id"] = None
            return batch

        server.offer.jobs._begin_batch = failing  # type: ignore[method-assign]
        with pytest.raises(ServerFailed, match="failed: the file is too large"):
            client.ask_in_batch(ASKED, poll=AT_ONCE)
        assert client.spent.dollars == 0.0
        server.offer.jobs._begin_batch = begin  # type: ignore[method-assign]
        assert client.ask_in_batch(ASKED, poll=AT_ONCE) == ANSWERS


def test_what_makes_a_batch_impossible_is_told_in_one_sentence(tmp_path: Path) -> None:
    with ChatClient("m", base_url="http://127.0.0.1:9/v1") as client, pytest.raises(SqlOptError, match="give log=FILE"):
        client.ask_in_batch(ASKED)
    alone = ChatClient("m", base_url="http://127.0.0.1:9/v1", log=tmp_path / "log.jsonl", retries=0)
    with alone, pytest.raises(ServerFailed, match="failed on a batch: no connection"):
        alone.ask_in_batch(ASKED)


def test_a_log_names_the_batch(tmp_path: Path) -> None:
    with serving() as server, client_of(server, tmp_path) as client:
        client.ask_in_batch(ASKED, poll=AT_ONCE)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[0]["batch"] == "batch-1"
    assert lines[-1]["lost"] == "the batch batch-1 is completed"
