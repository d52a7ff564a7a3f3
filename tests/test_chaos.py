"""Eight environments while somebody kills the judge's processes at random: every step answers, with its own answer."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import sqlopt_env  # noqa: F401 - registers the environment
from sqlopt_env import Evaluation, Judge, SQLOptimizeEnv, Task

ENVIRONMENTS = 8
SCRIPT = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, city TEXT, age INTEGER);
WITH RECURSIVE r (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 2000)
INSERT INTO users SELECT i, 'name ' || i % 300, 'city ' || i % 40, i % 90 FROM r;
"""
QUERIES = {
    "oldest": "SELECT id, name, city FROM users WHERE age > 80 ORDER BY id",
    "count": "SELECT count(*) FROM users WHERE city = 'city 3' OR city = 'city 4'",
    "people": "SELECT id, name FROM users WHERE age / 10 = 8",
}
COLUMNS = {"oldest": 3, "count": 1, "people": 2}
# Some tenths of a second of work, so that a kill finds a worker busy.
LONG = (
    "WITH RECURSIVE r (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < 500000)"
    " SELECT max(x) + {mark}{more} FROM r"
)
SECONDS = 6.0
PAID = ("improved", "equivalent")

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are found by /proc")


def action(task: Task, mark: int) -> str:
    """An action that only one step makes."""
    match mark % 5:
        case 0:
            return f"SELECT {', '.join(['1'] * (mark % 150 + 10))}"
        case 1:
            return f"SELECT * FROM nowhere_{mark}"
        case 2:
            return f"SELECT strange_{mark}()"
        case 3:
            return f"CREATE INDEX i_{mark} ON users (age); {task.query}"
        case _:
            return LONG.format(mark=mark, more=", 1" * (COLUMNS[task.id] - 1))


@dataclass(frozen=True)
class Answer:
    task: Task
    mark: int
    action: str
    evaluation: Evaluation

    def is_right(self) -> bool:
        """Is it what a quiet judge would say of that very action?"""
        outcome, reason = self.evaluation.outcome, self.evaluation.reason
        match self.mark % 5:
            case 0:
                return outcome == "refuted" and f"returns {self.mark % 150 + 10} columns" in reason
            case 1:
                return outcome == "invalid" and reason.endswith(f"no such table: nowhere_{self.mark}")
            case 2:
                return outcome == "invalid" and reason.endswith(f"no such function: strange_{self.mark}")
            case 3:
                indexes = self.evaluation.rewrite.indexes
                return outcome in PAID and indexes == (f"CREATE INDEX i_{self.mark} ON users (age)",)
            case _:
                return outcome in ("refuted", "timeout")


class Chaos:
    """Ends the judge's processes at random while it is open: workers mostly, templates, and now and then the zygote."""

    def __init__(self, seed: int) -> None:
        self.killed: Counter[str] = Counter()
        self._rng, self._over = random.Random(seed), threading.Event()
        self._others = {pid for pid, parent, _ in processes() if parent == os.getpid()}  # other tests' zygotes
        self._sessions: set[int] = set()  # one a zygote: what it forked stays in there when it has died

    @contextmanager
    def raging(self, judge: Judge) -> Iterator[None]:
        thread = threading.Thread(target=self._rage, args=[judge])
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()
            time.sleep(0.2)  # the last one killed has ended

    def running(self) -> dict[int, str]:
        """The judge's processes, whoever their parents are by now, and what they are."""
        now = list(processes())
        self._sessions |= {pid for pid, parent, _ in now if parent == os.getpid()} - self._others
        return {pid: "zygote" if pid == session else "fork" for pid, _, session in now if session in self._sessions}

    def _rage(self, judge: Judge) -> None:
        while not self._over.wait(self._rng.uniform(0.03, 0.2)):
            running, workers = self.running(), judge.worker_pids
            kind = self._rng.choices(["worker", "fork", "zygote"], [40, 8, 1])[0]
            victims = workers if kind == "worker" else [pid for pid, what in running.items() if what == kind]
            with suppress(ProcessLookupError):
                if victims:
                    os.kill(self._rng.choice(victims), signal.SIGKILL)
                    self.killed[kind] += 1


def processes() -> Iterator[tuple[int, int, int]]:
    """The id, the parent and the session of all that run."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, parent, _, session, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
            if state != "Z":
                yield int(folder.name), int(parent), int(session)


@pytest.fixture
def tasks(database: Callable[..., str]) -> list[Task]:
    path = database(SCRIPT)
    return [Task(name, path, query) for name, query in QUERIES.items()]


@pytest.fixture
def chaos() -> Iterator[Chaos]:
    """When the test is over, no process of its judge is left and no descriptor more is open."""
    descriptors = len(os.listdir("/proc/self/fd"))
    chaos = Chaos(seed=7)
    yield chaos
    deadline = time.monotonic() + 5
    while (left := chaos.running()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left
    assert len(os.listdir("/proc/self/fd")) == descriptors


def check(answers: list[Answer], killed: Counter[str]) -> None:
    """Each belongs to its own action, or the worker died on that; and both were common."""
    for answer in answers:
        assert answer.evaluation.task_id == answer.task.id
        assert answer.evaluation.rewrite.script == answer.action
        if answer.evaluation.outcome == "crashed":
            assert answer.evaluation.reason in ("the worker process died", "no worker process could be started")
        else:
            assert answer.is_right(), answer
    crashed = sum(answer.evaluation.outcome == "crashed" for answer in answers)
    assert min(killed["worker"], killed["fork"], crashed) >= 3, killed
    assert len(answers) - crashed >= 20


def test_a_vector_environment_answers_every_action_while_its_processes_are_killed(
    chaos: Chaos, tasks: list[Task]
) -> None:
    envs: Any = gym.make_vec(
        "SQLOptimize-v0", num_envs=ENVIRONMENTS, workers=2, tasks=tasks, measure="steps", max_turns=10**6
    )
    _, infos = envs.reset(seed=0)
    playing = [next(task for task in tasks if task.id == name) for name in infos["task_id"]]
    marks = count()

    def step() -> list[Answer]:
        numbers = [next(marks) for _ in playing]
        texts = [action(task, mark) for task, mark in zip(playing, numbers, strict=True)]
        infos = envs.step(texts)[4]
        evaluations = [env.evaluation for env in envs.envs]
        said = list(zip(infos["task_id"], infos["outcome"], infos["reason"], strict=True))
        assert said == [(each.task_id, each.outcome, each.reason) for each in evaluations]
        return [Answer(*each) for each in zip(playing, numbers, texts, evaluations, strict=True)]

    with closing(envs):
        answers = []
        with chaos.raging(envs.judge):
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline:
                answers += step()
        check(answers, chaos.killed)
        assert all(answer.is_right() for _ in range(5) for answer in step())


def test_new_tasks_are_prepared_and_judged_while_their_workers_are_killed(chaos: Chaos, tasks: list[Task]) -> None:
    """Every original is a new one, which takes most of the time: a worker that dies at that costs no rewrite."""
    answers: list[Evaluation] = []
    with Judge(workers=2, measure="steps") as judge, chaos.raging(judge):
        deadline = time.monotonic() + SECONDS
        for number in count():
            if time.monotonic() > deadline:
                break
            task = Task(f"new-{number}", tasks[0].database, f"{QUERIES['people']} AND id <> {number}")
            assert judge.prepare(task).columns == 2
            answers.append(judge.evaluate(task, "SELECT 1"))
    assert chaos.killed["worker"] >= 3
    assert {answer.outcome for answer in answers} <= {"refuted", "crashed"}
    assert sum(answer.outcome == "crashed" for answer in answers) <= len(answers) // 10
    assert len(answers) >= 20


def test_environments_in_threads_get_their_own_answers_while_processes_are_killed(
    chaos: Chaos, tasks: list[Task]
) -> None:
    answers: list[Answer] = []
    marks, over = count(), threading.Event()

    def play(env: SQLOptimizeEnv) -> None:
        while not over.is_set():
            mark = next(marks)
            text = action(env.task, mark)
            env.step(text)
            assert env.evaluation is not None
            answers.append(Answer(env.task, mark, text, env.evaluation))

    with Judge(workers=2, measure="steps") as judge, ThreadPoolExecutor(ENVIRONMENTS) as threads:
        envs = [SQLOptimizeEnv(tasks, judge=judge, max_turns=10**6) for _ in range(ENVIRONMENTS)]
        for env, task in zip(envs, cycle(tasks), strict=False):
            env.reset(options={"task": task.id})
        with chaos.raging(judge):
            players = [threads.submit(play, env) for env in envs]
            time.sleep(SECONDS)
            over.set()
            for player in players:
                player.result()
        check(answers, chaos.killed)
        quiet = [(task, mark, action(task, mark)) for task in tasks for mark in range(5)]
        assert all(Answer(task, mark, text, judge.evaluate(task, text)).is_right() for task, mark, text in quiet)
