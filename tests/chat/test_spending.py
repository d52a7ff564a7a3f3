"""What requests cost, the limit that is never passed, and the log from which a run goes on without paying twice."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import Chat, serving

from sqlopt_env import SqlOptError
from sqlopt_env.chat import ChatClient, CostReached, ServerFailed
from sqlopt_env.chat.spending import price_of

HELLO = [{"role": "user", "content": "hello"}]
PRICES = {"m": (100.0, 1000.0)}  # dollars for a million tokens: a token of an answer is a tenth of a cent


def long_winded(chat: Chat) -> str:
    return "x" * (chat.seed * 37 % 400)


def cost_of(bodies: list[dict[str, Any]], complete: Any) -> float:
    """What the server would charge for the requests that it saw."""
    used = [complete(body)["usage"] for body in bodies]
    return sum(100e-6 * usage["prompt_tokens"] + 1000e-6 * usage["completion_tokens"] for usage in used)


@given(
    max_cost=st.floats(0.01, 1.0),
    seeds=st.lists(st.integers(0, 1000), min_size=1, max_size=12, unique=True),
    n=st.integers(1, 3),
    concurrency=st.integers(1, 6),
    several=st.booleans(),
)
@settings(max_examples=15, deadline=None)
def test_the_limit_is_never_passed_whatever_is_in_flight(
    max_cost: float, seeds: list[int], n: int, concurrency: int, several: bool
) -> None:
    with serving([long_winded]) as server:
        client = ChatClient(
            "m", base_url=server.url, max_cost=max_cost, prices=PRICES, max_tokens=60, concurrency=concurrency,
            several=several,
        )  # fmt: skip

        def asked(seed: int) -> int:
            try:
                return len(client.ask(HELLO, n=n, seed=seed))
            except CostReached:
                return 0

        with client, ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(asked, seeds))
            spent = client.spent
        charged = cost_of(server.offer.seen, server.offer.complete)
        assert charged <= max_cost
        assert spent.dollars == pytest.approx(charged)
        assert spent.requests == len(server.offer.seen)
        most = (120 + 60 * 1000 * n) * 1e-6 * len(seeds) * 2
        assert set(answers) == {n} or max_cost < most, "what fits well within the limit is sent"


def test_the_limit_is_told_with_what_to_do() -> None:
    def ask_until_it_stops() -> None:
        for seed in range(100):
            client.ask(HELLO, seed=seed)

    told = r"before max_cost: \$0\.\d+ of \$0\.1 are spent.*higher max_cost"
    with (
        serving() as server,
        ChatClient("m", base_url=server.url, max_cost=0.1, prices=PRICES, max_tokens=60) as client,
    ):
        with pytest.raises(CostReached, match=told):
            ask_until_it_stops()
        assert len(server.offer.seen) > 1


def test_an_attempt_that_was_lost_counts_at_its_most(tmp_path: Path) -> None:
    with serving(faults=["cut", "500"]) as server:
        client = ChatClient(
            "m", base_url=server.url, max_cost=1.0, prices=PRICES, max_tokens=60, log=tmp_path / "log.jsonl"
        )
        with client:
            client.ask(HELLO, seed=1)
            spent = client.spent
        assert spent.requests == 1
        assert spent.dollars is not None
        assert 0.06 < spent.dollars < 0.12  # the cut attempt's 60 tokens; what answers with 500 is free
    with ChatClient("m", base_url=server.url, prices=PRICES, log=tmp_path / "log.jsonl") as client:
        assert client.spent.dollars == pytest.approx(spent.dollars)


def test_a_run_that_reached_the_limit_goes_on_with_a_higher_one(tmp_path: Path) -> None:
    def run(max_cost: float) -> list[list[str]]:
        client = ChatClient(
            "m", base_url=server.url, max_cost=max_cost, prices=PRICES, max_tokens=60, log=tmp_path / "log.jsonl"
        )
        with client:
            return [client.ask(HELLO, seed=seed) for seed in range(10)]

    with serving() as server:
        with pytest.raises(CostReached):
            run(0.09)
        before = len(server.offer.seen)
        assert 1 < before < 10
        assert run(5.0) == [[f"hello {seed} 0"] for seed in range(10)]
        assert [body["seed"] for body in server.offer.seen] == list(range(10))


def test_equal_requests_of_a_run_have_answers_of_their_own(tmp_path: Path) -> None:
    counted = iter(range(100))
    with serving([lambda chat: str(next(counted))]) as server:
        for _ in range(2):
            with ChatClient("m", base_url=server.url, log=tmp_path / "log.jsonl") as client:
                assert [client.ask(HELLO)[0] for _ in range(3)] == ["0", "1", "2"]
        assert len(server.offer.seen) == 3


def test_seeds_tell_requests_apart_that_the_server_is_not_told(tmp_path: Path) -> None:
    counted = iter(range(100))
    with serving([lambda chat: str(next(counted))]) as server:
        for order in ((0, 1), (1, 0)):
            with ChatClient("m", base_url=server.url, log=tmp_path / "log.jsonl", send_seed=False) as client:
                assert [client.ask(HELLO, seed=seed)[0] for seed in order] == [str(seed) for seed in order]


ASKING = """
import sys
from pathlib import Path
from sqlopt_env.chat import ChatClient
client = ChatClient("m", base_url=sys.argv[1], log=Path(sys.argv[2]), prices={"m": (100.0, 1000.0)}, concurrency=2,
                    several=False)
for seed in range(6):
    print(*client.ask([{"role": "user", "content": "hello"}], n=3, seed=seed), flush=True)
print(client.spent.requests)
"""


def test_a_killed_run_goes_on_and_asks_nothing_twice_that_was_answered(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with serving(seconds=0.03) as server:
        command = [sys.executable, "-c", ASKING, server.url, str(log)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as asking:
            while len(server.offer.seen) < 8:
                time.sleep(0.005)
            asking.kill()
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stderr
        *lines, requests = ended.stdout.splitlines()
        assert int(requests) == 18
        assert len({answer for line in lines for answer in line.split("hello")[1:]}) == 18
        repeated = Counter(body["seed"] for body in server.offer.seen)
        assert len(repeated) == 18
        assert repeated.total() <= 18 + 2  # those that were in flight at the kill
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    sent, ended_lines = sum("sent" in line for line in lines), sum("sent" not in line for line in lines)
    with ChatClient("m", base_url=server.url, log=log, prices=PRICES) as client:
        certain = sum(line["dollars"] for line in lines if "answers" in line)
        bound = next(line["sent"] for line in lines if "sent" in line)
        assert client.spent.dollars == pytest.approx(certain + (sent - ended_lines) * bound)


def test_a_log_in_use_or_of_another_kind_is_told(tmp_path: Path) -> None:
    log = tmp_path / "runs" / "log.jsonl"
    with serving() as server, ChatClient("m", base_url=server.url, log=log) as client:
        client.ask(HELLO)
        with pytest.raises(SqlOptError, match=r"another process is writing to .*log\.jsonl"):
            ChatClient("m", base_url=server.url, log=log).ask(HELLO)
    for line in ('{"id": 1}', '{"key": 1, "sent": 1}', '{"key": "a", "dollars": 0, "answers": [1], "usage": {}}', "[]"):
        log.write_text(line + "\n")
        with pytest.raises(SqlOptError, match="line 1: not a line of a request log"):
            ChatClient("m", base_url=server.url, log=log).ask(HELLO)
    with pytest.raises(SqlOptError, match="cannot be written"):
        ChatClient("m", base_url=server.url, log=tmp_path).ask(HELLO)


def test_a_line_that_a_kill_cut_off_is_asked_again(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with serving() as server:
        for _ in range(2):
            with ChatClient("m", base_url=server.url, log=log) as client:
                assert client.ask(HELLO, seed=1) == ["hello 1 0"]
            log.write_bytes(log.read_bytes()[:-5])
        assert len(server.offer.seen) == 2


def test_models_of_one_client_share_its_log_and_its_limit(tmp_path: Path) -> None:
    prices: Mapping[str, tuple[float, float]] = {"m": (0.0, 0.0), "dear": (0.0, 1e6)}
    with serving() as server:
        client = ChatClient("m", base_url=server.url, max_cost=1.0, prices=prices, log=tmp_path / "log.jsonl")
        with client:
            client.ask(HELLO)
            dear = client.with_model("dear")
            with pytest.raises(CostReached):
                dear.ask(HELLO)
            with pytest.raises(SqlOptError, match="none is known for 'other'"):
                client.with_model("other")
            assert client.spent == dear.spent
        assert [body["model"] for body in server.offer.seen] == ["m"]
        with pytest.raises(ServerFailed, match="closed"):
            dear.ask(HELLO)


@pytest.mark.parametrize(
    ("model", "prompt"),
    [
        ("gpt-4o-mini", 0.15),
        ("gpt-4o-mini-2024-07-18", 0.15),
        ("gpt-4o", 2.5),
        ("ft:gpt-4o-mini-2024-07-18:acme::abc123", 0.3),
        ("gpt-4o-audio-preview", None),
        ("rules", None),
        ("", None),
    ],
)
def test_a_price_is_that_of_the_model_and_of_no_other(model: str, prompt: float | None) -> None:
    price = price_of(model)
    assert (price and price.prompt) == prompt


def test_own_prices_come_first_from_a_mapping_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text('{"rules": [1, 2], "gpt-4o": [0, 0]}')
    for prices in (path, {"rules": (1, 2), "gpt-4o": (0, 0)}):
        for model, expected in (("rules", (1.0, 2.0)), ("gpt-4o", (0.0, 0.0)), ("gpt-4.1", (2.0, 8.0))):
            price = price_of(model, prices)
            assert price is not None
            assert (price.prompt, price.completion) == expected


@pytest.mark.parametrize("text", ["[]", "{", '{"rules": 1}', '{"rules": [1]}', '{"rules": [-1, 2]}', '{"rules": "ab"}'])
def test_a_table_that_is_none_is_told(text: str, tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text(text)
    with pytest.raises(SqlOptError, match="price"):
        price_of("rules", path)


def test_a_limit_without_a_price_says_what_to_do() -> None:
    with pytest.raises(SqlOptError, match=r"none is known for 'm': give prices, a mapping or JSON file"):
        ChatClient("m", base_url="http://127.0.0.1:9/v1", max_cost=1.0)
    with ChatClient("m", base_url="http://127.0.0.1:9/v1") as client:
        assert client.spent.dollars == 0.0


def test_dollars_are_unknown_where_the_model_has_no_price() -> None:
    with serving() as server, ChatClient("m", base_url=server.url) as client:
        client.ask(HELLO)
        assert client.spent.dollars is None
        assert client.spent.prompt_tokens > 0
