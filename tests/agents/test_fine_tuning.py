"""Fine-tuning jobs at a local server that speaks the protocol: done once, waited for, and every way to fail."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sqlopt_agents.fine_tuning import FEWEST, STATE, FineTuningJobs, fine_tuner, training_file
from sqlopt_agents.m_steps import m_step_of
from sqlopt_agents.openai_policy import OpenAIPolicy
from sqlopt_agents.rule_policy import RulePolicy

from sqlopt_env import SqlOptError, Task
from sqlopt_env.trajectory import Proposal, Trajectory
from sqlopt_env.types import Evaluation, Rewrite


def kept(*numbers: int) -> list[Trajectory]:
    """Trajectories as an E-step keeps them."""
    found = []
    for number in numbers:
        task = Task(f"t{number}", "shop", f"SELECT * FROM orders WHERE user_id + 0 = {number}")
        script = task.query.replace(" + 0", "")
        evaluation = Evaluation(task.id, "improved", "", Rewrite(script, "an index helps", "indexing"))
        seen = {"schema": "CREATE TABLE orders (user_id)", "query": task.query, "plan": "SCAN orders", "feedback": ""}
        found.append(Trajectory(task, seen, Proposal("as written"), evaluation, 1.0, True, "p", 0, 0, 0))
    return found


class Server:
    """`script` holds the states that a job goes through as it is looked at, the last one for ever."""

    def __init__(self, *script: str) -> None:
        self.script, self.jobs, self.files, self.looks = list(script), list[dict[str, Any]](), list[bytes](), 0
        self.refuse: dict[str, tuple[int, str]] = {}  # paths and how they are refused
        self.lists = True
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not self.refused():
                    self.reply(server.upload(body) if self.path == "/v1/files" else server.create(json.loads(body)))

            def do_GET(self) -> None:
                if not self.refused():
                    self.reply(server.listed() if "?" in self.path else server.look(self.path.rpartition("/")[2]))

            def refused(self) -> bool:
                for path, (status, message) in server.refuse.items():
                    if re.fullmatch(path, self.path):
                        self.reply({"error": {"message": message}}, status)
                        return True
                return False

            def reply(self, value: dict[str, Any] | None, status: int = 200) -> None:
                body = json.dumps(value or {"error": {"message": "no such job"}}).encode()
                self.send_response(status if value else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self) -> Server:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def upload(self, body: bytes) -> dict[str, Any]:
        self.files.append(body)
        return {"id": f"file-{len(self.files)}", "object": "file", "purpose": "fine-tune"}

    def create(self, asked: dict[str, Any]) -> dict[str, Any]:
        number = len(self.jobs) + 1
        self.jobs.append({"id": f"job-{number}", "object": "fine_tuning.job", **asked, "status": "queued"})
        return self.jobs[-1]

    def look(self, name: str) -> dict[str, Any] | None:
        job = next((job for job in self.jobs if job["id"] == name), None)
        if job is None:
            return None
        job["status"] = self.script[min(self.looks, len(self.script) - 1)]
        self.looks += 1
        if job["status"] == "succeeded":
            job["fine_tuned_model"] = f"ft:{job['model']}:sqlopt:{name}"
        if job["status"] == "failed":
            job["error"] = {"code": "bad", "message": "the training file\nis no good", "param": None}
        return job

    def listed(self) -> dict[str, Any] | None:
        return {"object": "list", "data": self.jobs, "has_more": False} if self.lists else None

    def policy(self, model: str = "small", **settings: Any) -> OpenAIPolicy:
        return OpenAIPolicy(model, self.url, "sk-secret", **{"retries": 0, **settings})


@pytest.fixture
def server() -> Iterator[Server]:
    with Server("queued", "running", "succeeded") as server:
        yield server


def tuned(server: Server, state: Path, *numbers: int, **settings: Any) -> OpenAIPolicy:
    jobs = FineTuningJobs(state, poll=(0.01, 0.02), **settings)
    return jobs(server.policy(), kept(*(numbers or (1, 2))))


def test_a_job_is_made_of_the_kept_answers_and_the_policy_asks_the_new_model(server: Server, tmp_path: Path) -> None:
    policy = tuned(server, tmp_path / "state.json", epochs=2)
    assert policy.model == "ft:small:sqlopt:job-1"
    assert policy.pool == ()
    (job,) = server.jobs
    assert (job["model"], job["training_file"], job["method"]["type"]) == ("small", "file-1", "supervised")
    assert job["method"]["supervised"]["hyperparameters"]["n_epochs"] == 2
    (uploaded,) = server.files
    assert training_file(kept(1, 2)) in uploaded
    assert b'name="purpose"\r\n\r\nfine-tune' in uploaded


def test_the_training_file_is_openais_chat_format_with_as_many_lines_as_it_asks_for() -> None:
    lines = [json.loads(line) for line in training_file(kept(1, 2, 3)).splitlines()]
    assert len(lines) == 4 * 3 >= FEWEST
    assert len(training_file(kept(*range(30))).splitlines()) == 30
    for line in lines:
        assert list(line) == ["messages"]
        assert [message["role"] for message in line["messages"]] == ["system", "user", "assistant"]
        answer = json.loads(line["messages"][-1]["content"])
        assert set(answer) == {"optimized_query", "explanation", "optimization_type"}
        assert answer["optimized_query"].startswith("SELECT * FROM orders WHERE user_id = ")
        assert all(set(message) == {"role", "content"} for message in line["messages"])


def test_what_is_done_is_not_done_again_and_other_data_is_another_job(server: Server, tmp_path: Path) -> None:
    first = tuned(server, tmp_path / "state.json")
    looks = server.looks
    assert tuned(server, tmp_path / "state.json").model == first.model
    assert (len(server.jobs), len(server.files), server.looks) == (1, 1, looks)
    assert tuned(server, tmp_path / "state.json", 3).model == "ft:small:sqlopt:job-2"
    assert tuned(server, tmp_path / "state.json").model == first.model


@pytest.mark.parametrize(("end", "sentence"), [("failed", "failed: the training file is no good"),
                                               ("cancelled", "was cancelled: no reason was given")])  # fmt: skip
def test_a_job_that_ends_badly_says_why_and_the_next_run_begins_another(
    server: Server, tmp_path: Path, end: str, sentence: str
) -> None:
    server.script = ["running", end]
    with pytest.raises(SqlOptError, match=f"^the fine-tuning job job-1 {sentence}$"):
        tuned(server, tmp_path / "state.json")
    server.script = ["succeeded"]
    assert tuned(server, tmp_path / "state.json").model == "ft:small:sqlopt:job-2"


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("/v1/files", 404, "offers no fine-tuning"),
        ("/v1/files", 401, "status 401"),
        ("/v1/fine_tuning/jobs", 405, "offers no fine-tuning"),
        ("/v1/fine_tuning/jobs", 400, "no, sorry"),
        ("/v1/fine_tuning/jobs", 500, "status 500"),
    ],
)
def test_a_server_that_refuses_is_one_sentence_without_the_key(
    server: Server, tmp_path: Path, path: str, status: int, sentence: str
) -> None:
    server.refuse = {path: (status, "no,\nsorry sk-secret")}
    with pytest.raises(SqlOptError, match=sentence) as caught:
        tuned(server, tmp_path / "state.json")
    assert "sk-secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_server_is_one_sentence(tmp_path: Path) -> None:
    policy = OpenAIPolicy("small", "http://127.0.0.1:9/v1", retries=0)
    with pytest.raises(SqlOptError, match=r"^fine-tuning at http://127\.0\.0\.1:9/v1 failed: "):
        FineTuningJobs(tmp_path / "state.json")(policy, kept(1))


def test_a_server_that_is_away_for_a_while_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.script = ["running"]
    done: list[str] = []
    waiting = threading.Thread(target=lambda: done.append(tuned(server, tmp_path / "state.json").model), daemon=True)
    waiting.start()
    while server.looks < 2:
        time.sleep(0.01)
    server.refuse = {"/v1/fine_tuning/jobs/.*": (503, "away")}
    time.sleep(0.05)
    server.script, server.refuse = ["succeeded"], {}
    waiting.join(10)
    assert done == ["ft:small:sqlopt:job-1"]


def test_a_server_that_stays_away_is_given_up_and_the_job_is_kept(server: Server, tmp_path: Path) -> None:
    server.refuse = {"/v1/fine_tuning/jobs/.*": (503, "away")}
    with pytest.raises(SqlOptError, match="status 503"):
        tuned(server, tmp_path / "state.json")
    server.refuse = {}
    assert tuned(server, tmp_path / "state.json").model == "ft:small:sqlopt:job-1"


def test_a_job_that_takes_too_long_is_waited_for_again(server: Server, tmp_path: Path) -> None:
    server.script = ["running"]
    with pytest.raises(SqlOptError, match=r"job-1 is still running after 0\.1 seconds"):
        tuned(server, tmp_path / "state.json", timeout=0.1)
    server.script = ["succeeded"]
    assert tuned(server, tmp_path / "state.json").model == "ft:small:sqlopt:job-1"


def test_a_job_that_the_server_has_forgotten_is_begun_anew(server: Server, tmp_path: Path) -> None:
    server.script = ["running"]
    with pytest.raises(SqlOptError, match="still running"):
        tuned(server, tmp_path / "state.json", timeout=0.05)
    server.jobs[0]["id"] = "another"
    server.script = ["succeeded"]
    assert tuned(server, tmp_path / "state.json").model == "ft:small:sqlopt:job-2"


PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_fine_tuning import kept
from sqlopt_agents.fine_tuning import FineTuningJobs
from sqlopt_agents.openai_policy import OpenAIPolicy
policy = OpenAIPolicy("small", sys.argv[2], "sk-secret", retries=0)
print(FineTuningJobs(Path(sys.argv[3]), poll=(0.01, 0.02))(policy, kept(1, 2)).model)
"""


def test_a_killed_run_resumes_the_job_that_was_begun(server: Server, tmp_path: Path) -> None:
    server.script = ["running"]
    state, cut = tmp_path / STATE, tmp_path / "cut.json"
    arguments = [sys.executable, "-c", PROGRAM, str(Path(__file__).parent), server.url, str(state)]
    with subprocess.Popen(arguments, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}) as process:
        while process.poll() is None and server.looks < 2:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    held = json.loads(state.read_text())
    (key,) = held["jobs"]
    # What stands there between the upload and the answer to the creation.
    cut.write_text(json.dumps({**held, "jobs": {key: {"file": "file-1"}}}))
    server.script = ["succeeded"]
    assert tuned(server, state).model == "ft:small:sqlopt:job-1"
    assert tuned(server, cut).model == "ft:small:sqlopt:job-1"
    assert (len(server.jobs), len(server.files)) == (1, 1)


def test_a_server_that_lists_no_jobs_gets_another_one(server: Server, tmp_path: Path) -> None:
    server.script, server.lists = ["succeeded"], False
    state = tmp_path / STATE
    tuned(server, state)
    held = json.loads(state.read_text())
    held["jobs"] = {key: {"file": "file-1"} for key in held["jobs"]}
    state.write_text(json.dumps(held))
    assert tuned(server, state).model == "ft:small:sqlopt:job-2"


@pytest.mark.parametrize("text", ["", "[]", '{"format": "another"}', '{"format": "sqlopt fine-tuning 1"}'])
def test_another_file_is_no_state(server: Server, tmp_path: Path, text: str) -> None:
    (tmp_path / STATE).write_text(text)
    with pytest.raises(SqlOptError, match="does not hold fine-tuning jobs"):
        tuned(server, tmp_path / STATE)
    assert (tmp_path / STATE).read_text() == text
    assert not server.jobs


def test_the_variant_of_rest_em_begins_each_job_from_the_base(server: Server, tmp_path: Path) -> None:
    server.script = ["succeeded"]
    base = server.policy()
    m_step = m_step_of("fine-tuning", base, tmp_path)
    first = m_step(base, base, kept(1), kept(1))
    second = m_step(base, first, kept(2), kept(1, 2))
    assert isinstance(second, OpenAIPolicy)
    assert [job["model"] for job in server.jobs] == ["small", "small"]
    assert second.model == "ft:small:sqlopt:job-2"
    assert m_step(base, second, [], kept(1, 2)) is base
    assert (tmp_path / STATE).exists()
    with pytest.raises(SqlOptError, match="for language models, not for RulePolicy"):
        fine_tuner(RulePolicy(), tmp_path)
    with pytest.raises(SqlOptError, match="nothing to fine-tune on"):
        FineTuningJobs(tmp_path / STATE)(base, [])
