"""The held-out tasks that are shipped: enough of them, apart from all that is trained on, with answers that hold."""

from __future__ import annotations

from collections import Counter
from importlib.util import find_spec
from typing import Any

import pytest
from sqlopt_curricula.diversity import diversity, fingerprints, fold_of_seed
from sqlopt_curricula.generator.shapes import SHAPES

from sqlopt_env import Judge, Task, load_tasks, seed_examples
from sqlopt_env.databases import HELD_OUT
from sqlopt_env.paths import data_dir
from sqlopt_env.tasks import heldout_examples

EXAMPLES = heldout_examples()
KINDS = ("exact", "literals", "names", "shape")
BUILDABLE = [example for example in EXAMPLES if example["database"] != "tpch" or find_spec("duckdb")]


def prints(queries: list[str], kind: str) -> set[str]:
    return {getattr(fingerprints(query), kind) for query in queries}


def test_there_are_enough_of_every_domain_and_shape() -> None:
    assert len(EXAMPLES) >= 160
    domains = Counter(example["database"] for example in EXAMPLES)
    assert set(domains) == set(HELD_OUT)
    assert min(domains.values()) >= 40
    assert {example["shape"] for example in EXAMPLES} == {shape.NAME for shape in SHAPES}
    assert {example["solvable"] for example in EXAMPLES} == {True, False}
    tasks = load_tasks("heldout")
    assert [task.id for task in tasks] == [example["id"] for example in EXAMPLES]


def test_they_differ_from_one_another() -> None:
    found = diversity(example["query"] for example in EXAMPLES)
    assert (found.exact, found.literals, found.names) == (1.0, 1.0, 1.0)


def test_no_training_task_can_share_a_fingerprint_with_them() -> None:
    held_out = [example["query"] for example in EXAMPLES]
    seeds = [example["slow_query"] for example in seed_examples()]
    for kind in KINDS:
        assert not prints(held_out, kind) & prints(seeds, kind)
    # Generated ones belong to the folds of their seeds, and equal fingerprints are of one fold (see test_diversity.py).
    assert {fingerprints(query).fold for query in held_out} == {"heldout"}
    assert "heldout" not in {fold_of_seed(seed) for seed in range(100)}


@pytest.mark.parametrize("example", BUILDABLE[:: len(BUILDABLE) // 12], ids=lambda example: example["id"])
def test_the_best_known_answer_is_paid_and_costs_what_is_said(example: dict[str, Any], steps_judge: Judge) -> None:
    task = Task(example["id"], example["database"], example["query"])
    best = example["best"]
    if best is None:
        steps_judge.prepare(task)
        return
    evaluation = steps_judge.evaluate(task, best["script"])
    assert evaluation.outcome == "improved", evaluation.reason
    assert evaluation.rewrite_seconds is not None
    assert round(evaluation.rewrite_seconds * 1e6) == best["steps"]
    assert evaluation.effective_speedup == pytest.approx(best["speedup"], abs=0.01)
    assert example["solvable"] <= (best["speedup"] >= 1.5)


def test_the_card_says_what_is_there() -> None:
    card = (data_dir() / "heldout" / "README.md").read_text(encoding="utf-8")
    assert card.startswith(f"# Held-out tasks\n\n{len(EXAMPLES)} slow queries")
    for name, count in Counter(example["database"] for example in EXAMPLES).items():
        solvable = sum(example["solvable"] for example in EXAMPLES if example["database"] == name)
        assert f"| {name} | {count} | {solvable} |" in card


def test_no_code_that_trains_names_a_held_out_domain() -> None:
    root = data_dir().parent
    for folder in ("agents", "curricula", "examples"):
        for path in (root / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert not [name for name in HELD_OUT if f'"{name}"' in text or f"'{name}'" in text], path
