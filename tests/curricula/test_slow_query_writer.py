"""A language model as the author: tolerant of how it answers, trusting nothing, never paid twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlopt_curricula.diversity import Fold, fingerprints
from sqlopt_curricula.generator.generate import Generator, Slot
from sqlopt_curricula.generator.rehearsal import Rehearsal
from sqlopt_curricula.generator.slow_query_prompt import THEMES, messages
from sqlopt_curricula.generator.slow_query_writer import SlowQueryWriter
from sqlopt_curricula.generator.summary import summarise
from typer.testing import CliRunner

from sqlopt_env import Judge, SqlOptError, load_tasks
from sqlopt_env.chat import ChatClient, CostReached
from sqlopt_env.cli import app

Answer = Callable[[list[dict[str, str]], int | None], str | None]


class Model:
    """A local server that speaks the protocol; `requests` are those that it answered."""

    def __init__(self, answer: Answer) -> None:
        self.requests: list[dict[str, Any]] = []
        self.answer, self.seconds = answer, 0.0
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                time.sleep(model.seconds)
                text = model.answer(request["messages"], request.get("seed"))
                model.requests.append(request)
                choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
                usage = {"prompt_tokens": 1000, "completion_tokens": 1000}
                body = json.dumps({"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage})
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self) -> Model:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def two() -> Iterator[Judge]:
    with Judge(workers=2, measure="steps", timeout=30.0) as judge:  # what it finds must not hang on a busy machine
        yield judge


@pytest.fixture(scope="module")
def one() -> Iterator[Judge]:
    with Judge(workers=1, measure="steps", timeout=30.0) as judge:
        yield judge


@pytest.fixture(scope="module")
def rehearsed(two: Judge) -> Answer:
    return Rehearsal(two, ["shop"]).answer


def generated(judge: Judge, model: Model, count: int, *, seed: int = 0, **options: Any) -> list[Slot]:
    queries = options.pop("queries", 8)
    with ChatClient("m", base_url=model.url, retries=0, **options) as client:
        writer = partial(SlowQueryWriter, client=client, queries=queries)
        return list(Generator(judge, "shop", seed, author=writer).slots(count))


def test_slots_get_tasks_that_the_judge_takes_and_nothing_is_paid_again(
    two: Judge, one: Judge, rehearsed: Answer, tmp_path: Path
) -> None:
    log = tmp_path / "requests.jsonl"
    with Model(rehearsed) as model:
        slots = generated(two, model, 3, log=log)
        paid = len(model.requests)
        assert 1 <= paid <= 3  # one for four slots, unless all its queries for one of them were refused
        again = generated(one, model, 3, log=log)  # with one worker
        assert [slot.query for slot in again] == [slot.query for slot in slots]
        assert len(model.requests) == paid
        assert generated(two, model, 1, seed=1, log=log)
        assert len(model.requests) > paid
    for slot in slots:
        assert slot.query is not None
        assert slot.query.shape in THEMES
        assert fingerprints(slot.query.task.query).fold == "even"
        one.prepare(slot.query.task)
        assert slot.query.speedup >= 2.5 or slot.number == 0


SLOW = "SELECT id, amount FROM orders WHERE user_id + 0 = {} ORDER BY amount, id"
MIXED = [
    {"query": "SELECT FROM", "better": ""},
    {"query": "DELETE FROM orders", "better": ""},
    {"query": "SELECT id FROM orders LIMIT 5", "better": ""},
    {"query": "SELECT product, amount FROM orders GROUP BY product", "better": ""},
    {"query": SLOW.format(77), "better": "SELECT id, amount FROM orders WHERE user_id = 78 ORDER BY amount, id"},
    {"query": SLOW.format(5), "better": "CREATE INDEX i ON orders (user_id); SELECT 1"},
    {"query": SLOW.format(1254), "better": SLOW.format(1254).replace(" + 0", "")},
    {"query": SLOW.format(1255), "better": SLOW.format(1255).replace(" + 0", "")},
]


def test_nonsense_is_refused_and_a_wrong_better_form_is_no_answer(two: Judge) -> None:
    with Model(lambda *_: f"Here you are!\n```json\n{json.dumps(MIXED)}\n```\nAnything else?") as model:
        slots = [slot for seed in (0, 1) for slot in generated(two, model, 4, seed=seed)]
    found = [slot.query for slot in slots if slot.query]
    assert len({fingerprints(query.task.query).literals for query in found}) == len(found)
    assert {"invalid", "undetermined", "not improvable"} <= set(summarise(slots).refused)
    for query in found:
        assert "WHERE user_id = 78" not in query.task.reference
        evaluation = two.evaluate(query.task, query.task.reference)
        assert evaluation.outcome in ("improved", "equivalent"), evaluation.reason


def test_a_better_form_that_only_happens_to_have_the_same_rows_is_no_answer(two: Judge) -> None:
    """Every amount of the shop is above 0, and nothing says that it must be: the judge finds the difference."""
    slow = "SELECT count(*) FROM orders WHERE user_id + 0 > 5 AND amount > 0 AND lower(product) = 'yoga mat'"
    answer = json.dumps({"queries": [{"question": "", "query": slow, "better": slow.replace("amount > 0 AND ", "")}]})
    with Model(lambda *_: answer) as model:
        slots = [slot for seed in (0, 1) for slot in generated(two, model, 1, seed=seed)]
    found = [slot.query for slot in slots if slot.query]
    assert found  # slot 0 takes any
    assert all("amount > 0" in query.task.reference for query in found)


def test_a_query_of_another_fold_is_made_slower_until_it_is_of_this_one(two: Judge) -> None:
    query = "SELECT u.city, count(*) FROM orders o JOIN users u ON u.id = o.user_id WHERE u.age > 40 GROUP BY u.city"
    answer = json.dumps([{"query": query, "better": ""}])
    fold = fingerprints(query).fold
    survey = two.survey("shop")
    with Model(lambda *_: answer) as model, ChatClient("m", base_url=model.url) as client:
        (same,) = SlowQueryWriter(survey, fold, client).write_several("report", np.random.default_rng(0))
        assert (same.query, same.pessimisers, same.proved) == (query, (), False)
        other: Fold = "even" if fold == "odd" else "odd"
        moved = SlowQueryWriter(survey, other, client).write("report", np.random.default_rng(0))
        assert moved is not None
        assert (fingerprints(moved.query).fold, moved.good, len(moved.pessimisers)) == (other, query, 1)


def test_a_failing_server_ends_the_loop_with_its_sentence(two: Judge) -> None:
    with Model(lambda *_: None) as model:
        model.answer = lambda *_: 1 / 0  # type: ignore[assignment,return-value]
        with pytest.raises(SqlOptError, match="the server http"):
            generated(two, model, 3)


def test_an_author_whose_answers_hold_no_query_gives_up(two: Judge) -> None:
    with Model(lambda *_: "I am sorry, but I cannot write queries.") as model:
        slots = generated(two, model, 50, queries=2, concurrency=1)
    assert [slot.query for slot in slots] == [None] * 3
    assert len(model.requests) < 40


@pytest.mark.parametrize("queries", [0, 51, True, "8"])
def test_a_wrong_number_of_queries_is_named(two: Judge, queries: Any) -> None:
    with pytest.raises(SqlOptError, match="queries, those of one request"):
        SlowQueryWriter(two.survey("shop"), "even", None, queries=queries)  # type: ignore[arg-type]


def test_the_prompt_shows_the_database_and_stays_short_of_a_huge_one(
    steps_judge: Judge, database: Callable[..., str]
) -> None:
    rng = np.random.default_rng(0)
    system, user = (message["content"] for message in messages(steps_judge.survey("shop"), "report", 8, rng, "3"))
    assert "$" not in system
    assert '{"queries": [{"question"' in system
    for word in ("Table orders: 50,000 rows", "(user_id) refers to users (id)", "Write 8 queries", "unique: (id)"):
        assert word in user
    wide = ", ".join(f"column_number_{i} TEXT" for i in range(300))
    path = database(";".join(f"CREATE TABLE t{i} ({wide})" for i in range(4)))
    _, user = (message["content"] for message in messages(steps_judge.survey(path), "report", 1, rng, "3"))
    assert len(user) < 20_000
    assert "Write one query" in user


def command(model: Model, *arguments: str, options: tuple[str, ...] = ()) -> list[str]:
    named = [
        word for option in (f"base_url={model.url}", "retries=0", *options) for word in ("--author-option", option)
    ]
    base = [str(Path(sys.executable).with_name("sqlopt")), "generate", "--domain", "shop", "--out", "t.jsonl"]
    return [*base, "--author", "openai:m", *named, *arguments]


def sqlopt(*arguments: Any, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI")}
    return subprocess.run(
        command(*arguments, **options), capture_output=True, text=True, cwd=cwd, env=environment, timeout=300
    )


def test_a_killed_run_goes_on_to_the_same_tasks_and_pays_only_for_what_was_under_way(
    rehearsed: Answer, tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    slowly = ("concurrency=1", "queries=2")
    with Model(rehearsed) as model:
        done = sqlopt(model, "--n", "2", cwd=whole, options=slowly)
        assert done.returncode == 0, done.stderr
        assert "tokens in" in done.stdout
        whole_price = len(model.requests)
        model.requests.clear()
        model.seconds = 0.1
        log = cut / "t.log.jsonl"
        running = command(model, "--n", "2", options=slowly)
        with subprocess.Popen(running, cwd=cut, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while process.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") >= 2):
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        time.sleep(0.3)  # an answer that is under way is counted
        done = sqlopt(model, "--n", "2", cwd=cut, options=slowly)
        assert done.returncode == 0, done.stderr
        assert (cut / "t.jsonl").read_bytes() == (whole / "t.jsonl").read_bytes()
        assert len(model.requests) <= whole_price + 1
    assert len(load_tasks(cut / "t.jsonl")) == 2


def test_the_limit_of_cost_ends_a_run_that_a_higher_one_takes_up(
    rehearsed: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prices.json").write_text('{"m": [1000, 1000]}')
    priced = ("prices=prices.json", "concurrency=1", "max_tokens=1000")
    with Model(rehearsed) as model:

        def run(*options: str) -> Any:
            return CliRunner().invoke(app, command(model, "--n", "2", options=(*priced, *options))[1:])

        stopped = run("queries=2", "max_cost=5")
        assert isinstance(stopped.exception, CostReached)
        paid = len(model.requests)
        assert paid <= 2  # of 2 dollars each
        assert "differs in author_queries" in str(run("queries=3").exception)
        done = run("queries=2", "max_cost=100")
        assert done.exit_code == 0, done.exception
        assert f"{len(model.requests)} requests, " in done.stdout
    assert len({json.dumps(request, sort_keys=True) for request in model.requests}) == len(model.requests) > paid


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--author", "openai:m"], "no key"),
        (["--author", "openai:m", "--author-option", "base_url=http://127.0.0.1:9/v1", "--author-option", "x=1"],
         "the author openai:m has no option 'x'"),
        (["--author", "openai:m", "--author-option", "queries=many"], "must be a whole number"),
        (["--author", "openai:m", "--author-option", "queries"], "NAME=VALUE"),
        (["--author", "somebody"], "unknown author 'somebody'"),
        (["--author", "no_module:Class"], "cannot be made"),
        (["--author", "json:JSONDecoder"], "cannot be made|no method"),
        (["--author-option", "a=1"], "has no options"),
    ],
)  # fmt: skip
def test_wrong_authors_get_one_sentence_before_anything_runs(
    tmp_path: Path, arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    result = CliRunner().invoke(app, ["generate", "--domain", "shop", *arguments])
    assert isinstance(result.exception, SqlOptError)
    assert any(part in str(result.exception) for part in sentence.split("|"))
