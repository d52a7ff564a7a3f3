"""From the folders of training runs to a dataset: gathers what they kept, drops what may not be in it, and chooses."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...action import parse_action
from ...jsonlines import read_lines
from ...types import SqlOptError
from ...version import versions
from .card import card_of
from .choice import Candidate, chosen, missing, one_of_each
from .faults import paid, too_slow
from .fields import malformed
from .files import (
    CARD,
    CHECKED,
    DATA,
    METRICS,
    RUN,
    Example,
    read_examples,
    read_json,
    read_object,
    refuse_run,
    write_json,
    write_text,
)
from .identity import form, leading_technique, query_form
from .leaks import leak
from .quotas import Quotas

_GENERATED = "stage2.jsonl"  # what a run of stage 2 writes of its tasks
_KNOWN = ("shape", "pessimisers", "difficulty")  # of a generated task
Known = dict[tuple[str, str], dict[str, Any]]  # what is known of a task, by its database and query
_CHECKPOINT = re.compile(r"checkpoint_(\d+)\.json")


@dataclass(frozen=True, slots=True)
class Made:
    """The examples that were chosen, in their order, and how many were gathered and left out, by the reason."""

    examples: list[Example]
    gathered: int
    left_out: dict[str, int]


def made_of(
    runs: Sequence[Path],
    quotas: Quotas,
    *,
    one_a_query: bool = False,
    at_least: int = 1,
    known: Known | None = None,
    others: Sequence[Example] = (),
) -> Made:
    """The largest set out of what the runs kept that keeps the quotas, each example once.

    With `one_a_query`, no two slow queries in it differ in nothing but their literals. `known` is what a generator
    knows of its tasks, beside those that a run has written itself, and `others` are examples that the runs did not keep
    (others.py). Raises SqlOptError for a folder that is no run, for examples of an older version, and where the set
    would have fewer than `at_least` examples.
    """
    left_out: Counter[str] = Counter()
    gathered: list[Example] = []
    generated = dict(known or {})
    for run in runs:
        gathered += _kept(run)
        if (run / _GENERATED).exists():
            generated = {**known_of(run / _GENERATED), **generated}
    gathered = [_told(example, generated) for example in (*gathered, *others)]
    examples = sorted(_fit(gathered, left_out), key=lambda e: (e["database"], e["id"], e["fast_query"]))
    candidates = [
        Candidate(
            query_form(example) if one_a_query else f"{example['database']}\0{example['slow_query']}",
            example["optimization_type"],
            leading_technique(example),
        )
        for example in examples
    ]
    places = chosen(candidates, quotas, one_a_query=one_a_query)
    if len(places) < max(1, at_least):
        rivals = [candidates[place] for place in one_of_each(candidates, quotas)] if one_a_query else candidates
        why = missing(rivals, max(1, at_least), quotas) if rivals else "the runs kept none that may be in one"
        wanted = max(1, at_least)
        why += _way_out(quotas) if len(rivals) >= wanted else ""
        raise SqlOptError(f"the largest set that keeps the quotas has {len(places)} examples, not {wanted}: {why}")
    if one_a_query:
        queries = len({candidate.query for candidate in candidates})
        left_out["another answer to the same slow query"] = len(candidates) - queries
        left_out["over the quotas"] = queries - len(places)
    else:
        left_out["over the quotas"] = len(candidates) - len(places)
    return Made([examples[place] for place in places], len(gathered), {k: v for k, v in left_out.items() if v})


def write_made(
    made: Made, runs: Sequence[Path], out: Path, quotas: Quotas, command: str, *, one_a_query: bool = False
) -> None:
    """Writes the dataset over an older one: the examples, where they come from, the card, and of the last run the
    policy and the last checkpoint. Raises SqlOptError, and writes nothing where a run's files are odd."""
    refuse_run(out, runs)
    dataset = {
        "command": command,
        "versions": versions(),
        "quotas": asdict(quotas),
        "one_a_query": one_a_query,
        "gathered": made.gathered,
        "left_out": made.left_out,
    }
    described = []
    for run in runs:
        began = read_object(run / RUN)
        described.append({**read_object(run / METRICS), "run": began.get("config", {})})
    metrics = {"dataset": dataset, "runs": described}
    text = card_of(out, made.examples, metrics)
    write_json(out / DATA, made.examples)
    write_json(out / METRICS, metrics)
    (out / CHECKED).unlink(missing_ok=True)
    for old in _checkpoints(out):
        old.unlink()
    for path in (runs[-1] / "policy.json", *_checkpoints(runs[-1])[-1:]):
        if path.is_file():
            shutil.copyfile(path, out / path.name)
    write_text(out / CARD, text)


def known_of(file: Path) -> Known:
    """What a file of generated tasks (JSON, or JSON Lines) says of each. Raises SqlOptError."""
    if not file.is_file():
        raise SqlOptError(f"there is no file {file}")
    tasks: Iterable[Any] = read_lines(file, dict, "a task") if file.suffix == ".jsonl" else read_json(file)
    try:
        return {(task["database"], task["query"]): {name: task[name] for name in _KNOWN} for task in tasks}
    except (KeyError, TypeError) as error:
        raise SqlOptError(f"{file} holds tasks that sqlopt generate did not write: no {error} in one of them") from None


def _way_out(quotas: Quotas) -> str:
    options = {"--most-type 1": quotas.optimization_type, "--most-technique 1": quotas.technique}
    lifted = [option for option, quota in options.items() if quota < 1]
    return f" (without quotas: {' '.join(lifted)})" if lifted else ""


def _kept(run: Path) -> Iterable[Example]:
    if not run.is_dir():
        raise SqlOptError(f"there is no run's folder {run}")
    for number, example in enumerate(read_examples(run), 1):
        if sentence := malformed(example):
            raise SqlOptError(f"example {number} of {run} is not as this version keeps them: {sentence}")
        yield example


def _told(example: Example, known: Known) -> Example:
    """The example as a dataset tells it: the script alone, and the reward by LogReward whatever the run was paid by."""
    told = {
        **example,
        "fast_query": parse_action(example["fast_query"]).script,
        "reward": paid(example["effective_speedup"]),
    }
    return {**told, **known.get((example["database"], example["slow_query"]), {})}


def _fit(examples: Iterable[Example], left_out: Counter[str]) -> Iterable[Example]:
    """Those that may be in a dataset at all, each of them once; the others are counted."""
    seen: set[tuple[str, str, str]] = set()
    for example in examples:
        if leak(example):
            left_out["held out"] += 1
        elif too_slow(example):
            left_out["too slow"] += 1
        elif form(example) in seen:
            left_out["duplicate"] += 1
        else:
            seen.add(form(example))
            yield example


def _checkpoints(folder: Path) -> list[Path]:
    """In the order of their iterations."""
    found = [(int(match[1]), path) for path in folder.iterdir() if (match := _CHECKPOINT.fullmatch(path.name))]
    return [path for _, path in sorted(found)]
