"""The chat client against a real server: what is sent, how much at one time, and what happens when things go wrong."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from serving import served_faults, serving

from sqlopt_env import SqlOptError
from sqlopt_env.chat import ChatClient, ServerFailed

HELLO = [{"role": "user", "content": "hello"}]
SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
KEY = "sk-very-secret-123456"


def test_n_answers_come_of_one_request_where_the_server_can() -> None:
    with serving() as server, ChatClient("m", base_url=server.url) as client:
        assert client.ask(HELLO, n=3, seed=7) == ["hello 7 0", "hello 7 1", "hello 7 2"]
        assert [body["n"] for body in server.offer.seen] == [3]
        assert client.spent.requests == 1


@pytest.mark.parametrize("knows_n", [True, False])
def test_n_answers_come_of_n_requests_with_seeds_of_their_own_where_it_cannot(knows_n: bool) -> None:
    with serving(single=not knows_n) as server, ChatClient("m", base_url=server.url, several=not knows_n) as client:
        answers = client.ask(HELLO, n=4, seed=7)
        assert len(set(answers)) == 4
        assert len({body["seed"] for body in server.offer.seen}) == 4
        assert answers == ChatClient("m", base_url=server.url, several=not knows_n).ask(HELLO, n=4, seed=7)


def test_equal_seeds_give_equal_requests() -> None:
    with serving() as server:
        for _ in range(2):
            with ChatClient("m", base_url=server.url, several=False, concurrency=1) as client:
                client.ask(HELLO, n=3, seed=5, schema=SCHEMA)
        seen = server.offer.seen
        assert seen[:3] == seen[3:]


@pytest.mark.parametrize(
    ("answer_format", "told"),
    [
        (
            "json_schema",
            {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": SCHEMA}},
        ),
        ("json_object", {"type": "json_object"}),
        ("text", None),
    ],
)
def test_a_server_is_told_of_the_schema_in_its_own_way(answer_format: Any, told: Any) -> None:
    with serving() as server, ChatClient("m", base_url=server.url, answer_format=answer_format) as client:
        client.ask(HELLO, schema=SCHEMA)
        client.ask(HELLO)
        assert [body.get("response_format") for body in server.offer.seen] == [told, None]


def test_what_a_server_does_not_know_is_not_sent() -> None:
    with serving() as server:
        with ChatClient("m", base_url=server.url, temperature=None, send_seed=False, max_tokens=9) as client:
            client.ask(HELLO, seed=3)
            assert server.offer.seen[-1] == {"model": "m", "messages": HELLO, "max_tokens": 9}
        with ChatClient("m", base_url=server.url) as client:
            client.ask(HELLO, seed=3, temperature=0.0)
            assert server.offer.seen[-1]["temperature"] == 0.0


def test_a_text_that_is_no_unicode_is_sent_all_the_same() -> None:
    with serving() as server, ChatClient("m", base_url=server.url) as client:
        assert client.ask([{"role": "user", "content": "a\ud800b"}], seed=1) == ["a?b 1 0"]


@pytest.mark.parametrize("several", [True, False])
def test_no_more_requests_are_in_flight_than_the_limit_and_no_fewer(several: bool) -> None:
    with serving(seconds=0.1) as server:
        client = ChatClient("m", base_url=server.url, concurrency=3, several=several)
        with client, ThreadPoolExecutor(8) as threads:
            asked = threads.map(lambda seed: client.ask(HELLO, n=2, seed=seed), range(8))
            assert all(len(answers) == 2 for answers in asked)
        assert server.offer.most == 3


@pytest.mark.parametrize("fault", ["429-short", "500", "json", "schema", "empty", "cut", "hangup", "slow"])
def test_a_fault_that_passes_is_survived(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served_faults, "SLOW", 2.0)
    timeout = 1.0 if fault == "slow" else 60.0
    with serving(faults=[fault]) as server, ChatClient("m", base_url=server.url, timeout=timeout) as client:
        assert client.ask(HELLO, seed=1) == ["hello 1 0"]
        assert len(server.offer.seen) == 2


@pytest.mark.parametrize(
    ("fault", "attempts", "told"),
    [
        ("429-short", 2, "failed 2 times on model m: status 429: too many requests"),
        ("429-hours", 1, "it asks to wait 36000 seconds"),
        ("quota", 1, "exceeded your current quota"),
        ("401", 1, "Incorrect API key provided: ***"),
        ("500", 2, "status 500: the server had an error"),
        ("json", 2, "an answer that is no JSON"),
        ("schema", 2, "an answer that is no chat completion"),
        ("error", 2, "in place of an answer: the model is overloaded"),
        ("empty", 2, "without choices"),
        ("cut", 2, "the connection was cut"),
        ("hangup", 2, "the connection was cut"),
        ("slow", 2, "no answer within 0.1 seconds"),
    ],
)
def test_a_fault_that_stays_is_told_in_one_sentence(
    fault: str, attempts: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served_faults, "SLOW", 0.3)
    with serving(faults=[fault] * 2) as server:
        timeout = 0.1 if fault == "slow" else 60.0
        client = ChatClient("m", base_url=server.url, api_key=KEY, timeout=timeout, retries=1)
        with client, pytest.raises(ServerFailed) as failed:
            client.ask(HELLO)
        assert str(failed.value).startswith(f"the server {server.url} failed")
        assert told in str(failed.value)
        assert "\n" not in str(failed.value)
        assert len(server.offer.seen) == attempts


def test_an_answer_without_text_is_an_empty_one() -> None:
    with serving(faults=["silent"]) as server, ChatClient("m", base_url=server.url) as client:
        assert client.ask(HELLO) == [""]


def test_a_server_that_is_not_there_is_told_in_one_sentence() -> None:
    told = "the server http://127.0.0.1:9/v1 failed on model m: no connection"
    with (
        ChatClient("m", base_url="http://127.0.0.1:9/v1", retries=0) as client,
        pytest.raises(ServerFailed, match=told),
    ):
        client.ask(HELLO)


def test_an_address_without_v1_is_hinted_at() -> None:
    with serving() as server:
        client = ChatClient("m", base_url=server.url.removesuffix("/v1"))
        with client, pytest.raises(ServerFailed, match="base_url ends in /v1"):
            client.ask(HELLO)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_server_that_asks_for_time_gets_it(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def limited(handler: Any) -> bool:
        wait = "1" if form == "seconds" else formatdate(time.time() + 2, usegmt=True)  # in whole seconds, rounded down
        handler.refuse(429, "slower", {"Retry-After": wait})
        return False

    monkeypatch.setitem(served_faults.FAULTS, "later", limited)
    with serving(faults=["later"]) as server, ChatClient("m", base_url=server.url) as client:
        begun = time.monotonic()
        client.ask(HELLO)
        assert 0.95 <= time.monotonic() - begun < 20
        assert len(server.offer.seen) == 2


def test_closing_the_client_ends_all_waiting_at_once() -> None:
    with serving(seconds=5.0) as server, ThreadPoolExecutor(3) as threads:
        client = ChatClient("m", base_url=server.url, concurrency=1)
        asked = [threads.submit(client.ask, HELLO, seed=seed) for seed in range(3)]
        while not server.offer.seen:
            time.sleep(0.01)
        begun = time.monotonic()
        client.close()
        for future in asked:
            with pytest.raises(ServerFailed, match="was closed"):
                future.result()
        assert time.monotonic() - begun < 2.5
        with pytest.raises(ServerFailed, match="was closed"):
            client.ask(HELLO)


def test_a_missing_key_is_told_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(SqlOptError, match="set OPENAI_API_KEY, or give base_url"):
        ChatClient("gpt-4.1-mini")
    ChatClient("gpt-4.1-mini", api_key=KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    ChatClient("anything")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"answer_format": "xml"}, "answer_format must be one of json_schema, json_object, text, not 'xml'"),
        ({"temperature": 2.5}, "temperature must be a number from 0 to 2"),
        ({"max_tokens": 0}, "max_tokens must be a whole number"),
        ({"timeout": float("nan")}, "timeout must be a number"),
        ({"retries": -1}, "retries must be a whole number"),
        ({"concurrency": 0}, "concurrency must be a whole number"),
        ({"max_cost": -1}, "max_cost must be a number"),
        ({"base_url": "localhost:8000"}, "base_url must begin with http"),
        ({"base_url": "http://me:secret@host/v1"}, "base_url must not hold a name and password"),
        ({"api_key": "secret\nsecret"}, "the key holds characters that no key has"),
    ],
)
def test_a_setting_out_of_range_is_told_at_once(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(SqlOptError, match=told) as refused:
        ChatClient("m", **{"base_url": "http://127.0.0.1:9/v1", **settings})
    assert "secret" not in str(refused.value)


def test_no_answers_cannot_be_asked_for() -> None:
    with ChatClient("m", base_url="http://127.0.0.1:9/v1") as client, pytest.raises(SqlOptError, match="at least 1"):
        client.ask(HELLO, n=0)


def test_the_key_is_sent_and_never_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = []

    def heard(handler: Any) -> bool:
        keys.append(handler.headers["Authorization"])
        return True

    monkeypatch.setitem(served_faults.FAULTS, "heard", heard)
    log = tmp_path / "log.jsonl"
    with serving(faults=["401", "heard"]) as server:
        client = ChatClient("m", base_url=server.url, api_key=KEY, log=log, prices={"m": (1, 1)})
        with client, pytest.raises(ServerFailed) as failed:
            client.ask(HELLO)
        with ChatClient("m", base_url=server.url, api_key=KEY, log=log) as client:
            client.ask(HELLO)
            assert client.raw.api_key == KEY
    assert keys == [f"Bearer {KEY}"]
    assert KEY not in str(failed.value)
    assert KEY not in log.read_text()


def test_the_raw_client_talks_to_the_same_server() -> None:
    with serving() as server, ChatClient("m", base_url=server.url) as client:
        assert [model.id for model in client.raw.models.list()] == ["rules"]
