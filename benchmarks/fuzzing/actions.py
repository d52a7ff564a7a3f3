"""So many actions, each with its task and the generator that made it: the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import apsw

from sqlopt_env import Task
from sqlopt_env.databases import database_path

from .corpus import ATTACKED, Corpus
from .mutations import MUTATIONS, mutated
from .strategies import STRATEGIES, examples

_MUTATED = 0.7  # of all actions
_ATTACKS = 0.08  # of what is mutated: many of them last until they are stopped
_FIXTURES = 0.15
_SOUND = 0.7  # how often an action that SQLite compiles is sought: most would not get past the first check
_TRIES = 5


@dataclass(frozen=True)
class Action:
    generator: str
    task: Task
    text: str


def make_actions(corpus: Corpus, count: int, seed: int) -> list[Action]:
    """Of all generators alike, in a random order."""
    rng = random.Random(seed)
    tasks = list(corpus.tasks.values())
    compilers = {task.database: Compiler(task) for task in tasks}
    everything = [*corpus.queries, *(script for scripts in corpus.answers.values() for script in scripts)]
    made = []
    for place, kind in enumerate(MUTATIONS):
        for _ in range(_share(round(count * _MUTATED), len(MUTATIONS), place)):
            task, script = _base(corpus, compilers, rng)
            candidates = (mutated(kind, script, everything, rng) for _ in range(_TRIES))
            made.append(Action(kind, task, _chosen(candidates, compilers[task.database], rng)))
    drawn_count = count - len(made)
    for place, (name, strategy) in enumerate(STRATEGIES.items()):
        share = _share(drawn_count, len(STRATEGIES), place)
        tries = _TRIES if name == "nested" else 1
        drawn = examples(strategy, tries * share, seed)
        for start in range(0, len(drawn), tries):
            task = rng.choice(tasks)
            chosen = _chosen(drawn[start : start + tries], compilers[task.database], rng)
            made.append(Action(name, task, chosen))
    rng.shuffle(made)
    return made


def _base(corpus: Corpus, compilers: dict[str, Compiler], rng: random.Random) -> tuple[Task, str]:
    """A task, and a script that somebody wrote, mostly for it."""
    task, drawn = rng.choice(list(corpus.tasks.values())), rng.random()
    if drawn < _ATTACKS:
        return corpus.tasks[ATTACKED], rng.choice(corpus.attacks)
    if drawn < _ATTACKS + _FIXTURES:
        queries = rng.choices(corpus.queries, k=2 * _TRIES)
        return task, next(filter(compilers[task.database], queries), queries[0])
    return task, rng.choice(corpus.answers[task.id])


def _chosen(candidates: Iterable[str], compiles: Callable[[str], bool], rng: random.Random) -> str:
    """One of them, mostly the first that compiles."""
    first, *others = candidates
    if others and rng.random() < _SOUND:
        return next((text for text in (first, *others) if compiles(text)), first)
    return first


class Compiler:
    """Does SQLite compile a script's last statement on the task's database? Nothing is run."""

    def __init__(self, task: Task) -> None:
        path = str(database_path(task.database))
        self._connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)

    def __call__(self, script: str) -> bool:
        cursor = self._connection.cursor()
        cursor.exec_trace = lambda *_: False
        try:
            cursor.execute(script.rpartition(";\n")[2], can_cache=False)
        except apsw.ExecTraceAbort:
            return True
        except (apsw.Error, ValueError):  # UnicodeEncodeError is one
            pass
        return False


def _share(count: int, parts: int, place: int) -> int:
    """As even as whole numbers can be."""
    return count * (place + 1) // parts - count * place // parts
