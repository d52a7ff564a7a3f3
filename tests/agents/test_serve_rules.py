"""examples/serve_rules.py as a person runs it, and with the client of the openai package."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openai
import pytest
from serving import Chat, Served, rewrites, served_faults, serving
from sqlopt_agents.openai_policy import ANSWER, OpenAIPolicy
from sqlopt_agents.rule_policy import RulePolicy

from sqlopt_env import Judge, load_tasks
from sqlopt_env.observation import Observation, observation_to_messages, observe

SCRIPT = Path(__file__).parents[2] / "examples" / "serve_rules.py"
TASK = next(task for task in load_tasks() if task.id == "shop-02")


@pytest.fixture(scope="module")
def observation(steps_judge: Judge) -> Observation:
    return observe(steps_judge.prepare(TASK))


@pytest.fixture
def server() -> Iterator[Served]:
    with serving([rewrites(RulePolicy())]) as server:
        yield server


def client_of(server: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.url, api_key="none", max_retries=0)


def test_it_runs_as_a_program_with_a_trained_policy(tmp_path: Path, observation: Observation) -> None:
    trained = tmp_path / "policy.json"
    RulePolicy().save(trained)
    command = [sys.executable, str(SCRIPT), "--port", "0", "--policy", str(trained), "--faults", "429-short,ok"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        found = re.search(r"the model 'rules' at (http://127.0.0.1:\d+/v1)", program.stdout.readline())
        assert found is not None
        try:
            with_rules = OpenAIPolicy("rules", found[1]).propose(observation, 2, np.random.default_rng(0))
        finally:
            program.terminate()
    assert all("optimized_query" in json.loads(proposal.text) for proposal in with_rules)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--faults", "fire"], "unknown fault fire: choose from ok, 429"),
        (["--policy", "nowhere.json"], "there is no policy file nowhere.json"),
    ],
)
def test_a_mistake_on_its_command_line_is_told(arguments: list[str], told: str) -> None:
    ended = subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr


def test_it_answers_as_the_protocol_says(server: Served, observation: Observation) -> None:
    client = client_of(server)
    form = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": ANSWER}}
    messages = observation_to_messages(observation)
    answers = [
        client.chat.completions.create(model="rules", messages=messages, n=2, seed=seed, response_format=form)  # type: ignore[call-overload]
        for seed in (1, 1, 2)
    ]
    first, again, other = [[choice.message.content for choice in answer.choices] for answer in answers]
    assert first == again != other
    assert answers[0].choices[1].finish_reason == "stop"
    assert answers[0].usage.total_tokens == answers[0].usage.prompt_tokens + answers[0].usage.completion_tokens
    assert answers[0].usage.prompt_tokens > len(observation["query"]) / 4
    short = client.chat.completions.create(model="rules", messages=messages, max_tokens=3)  # type: ignore[arg-type]
    assert short.choices[0].finish_reason == "length"
    assert len(short.choices[0].message.content or "") == 12


def test_answerers_are_tried_in_order(observation: Observation) -> None:
    def author(chat: Chat) -> str | None:
        return "SELECT 1" if "slow queries" in chat.asked else None

    with serving([author, rewrites(RulePolicy())]) as server:
        client = client_of(server)

        def said(text: str) -> str | None:
            messages = [{"role": "user", "content": text}]
            answer = client.chat.completions.create(model="m", messages=messages)  # type: ignore[arg-type]
            return answer.choices[0].message.content

        assert said("write slow queries") == "SELECT 1"
        assert "optimized_query" in (said(observation_to_messages(observation)[-1]["content"]) or "")
        assert said("hello") == "I only know how to make slow queries faster."


def test_what_is_no_request_is_refused(server: Served) -> None:
    client = client_of(server)
    with pytest.raises(openai.BadRequestError, match="needs a model and messages"):
        client.chat.completions.create(model="rules", messages=[])
    with pytest.raises(openai.NotFoundError, match="there is no GET /v1/assistants"):
        client.get("/assistants", cast_to=object)


def test_every_fault_reaches_the_client_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served_faults, "SLOW", 1.5)
    with serving(faults=served_faults.FAULTS) as server:
        client = client_of(server).with_options(timeout=1.0)
        clean = 0
        for _ in served_faults.FAULTS:
            try:
                answer = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])
                clean += bool(answer.choices) and (answer.choices[0].message.content or "").startswith("hello")
            except (openai.OpenAIError, ValueError, AttributeError, TypeError):
                continue
        assert clean == 0
        assert len(server.offer.seen) == len(served_faults.FAULTS)


def test_a_fine_tuned_model_remembers_its_training_file(server: Served, tmp_path: Path) -> None:
    client = client_of(server)
    lines = [
        {"messages": [{"role": "user", "content": "what is it?"}, {"role": "assistant", "content": "SELECT 42"}]},
    ]
    path = tmp_path / "training.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    file = client.files.create(file=path, purpose="fine-tune")
    assert (file.filename, file.bytes) == ("training.jsonl", path.stat().st_size)
    job = client.fine_tuning.jobs.create(model="rules", training_file=file.id, suffix="sqlopt")
    states = [job.status]
    while states[-1] not in ("succeeded", "failed"):
        job = client.fine_tuning.jobs.retrieve(job.id)
        states.append(job.status)
    assert states == ["validating_files", "queued", "running", "succeeded"]
    assert "succeeded" in next(iter(client.fine_tuning.jobs.list_events(job.id))).message
    assert job.fine_tuned_model is not None
    for model, expected in ((job.fine_tuned_model, "SELECT 42"), ("rules", "I only know how")):
        answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": "what is it?"}])
        assert (answer.choices[0].message.content or "").startswith(expected)


def test_a_training_file_that_is_none_fails_its_job(server: Served) -> None:
    client = client_of(server)
    file = client.files.create(
        file=("x.jsonl", b'{"messages": [{"role": "user", "content": "?"}]}\n'), purpose="fine-tune"
    )
    job = client.fine_tuning.jobs.create(model="rules", training_file=file.id)
    for _ in range(3):
        job = client.fine_tuning.jobs.retrieve(job.id)
    assert job.status == "failed"
    assert job.error is not None
    assert "not the assistant's" in (job.error.message or "")
    with pytest.raises(openai.BadRequestError, match="there is no file file-99"):
        client.fine_tuning.jobs.create(model="rules", training_file="file-99")


def test_a_batch_is_answered_in_another_order(server: Served) -> None:
    client = client_of(server)
    lines = [
        {
            "custom_id": str(number),
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "m", "messages": [{"role": "user", "content": "hello"}] if number else []},
        }
        for number in range(3)
    ]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    file = client.files.create(file=("batch.jsonl", content), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    while batch.status != "completed":
        batch = client.batches.retrieve(batch.id)
    assert batch.output_file_id is not None
    assert batch.error_file_id is not None
    results = [json.loads(line) for line in client.files.content(batch.output_file_id).text.splitlines()]
    assert [result["custom_id"] for result in results] == ["2", "1"]
    errors = [json.loads(line) for line in client.files.content(batch.error_file_id).text.splitlines()]
    assert [error["custom_id"] for error in errors] == ["0"]


def test_the_batch_program_of_the_docs_runs_as_shown(server: Served, tmp_path: Path) -> None:
    page = (SCRIPT.parents[1] / "docs" / "language-models.md").read_text(encoding="utf-8")
    program = next(block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "propose_all" in block)
    command = [sys.executable, "-c", program, server.url]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=100)
    assert ended.stdout.count("2 answers") == 3, ended.stderr
    assert len(server.offer.jobs.batches) == 1
    assert server.offer.seen == []
