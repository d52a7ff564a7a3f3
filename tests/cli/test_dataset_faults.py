"""What a check of a dataset finds without judging anything, and what `combine` and the scripts refuse in a sentence."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqlopt_env import Judge, SqlOptError, Task, seed_examples
from sqlopt_env.cli.datasets.combining import combined_of, reweighted
from sqlopt_env.cli.datasets.faults import of_each, of_weights, paid
from sqlopt_env.cli.datasets.identity import database_of, form
from sqlopt_env.cli.datasets.judging import Judged, findings_of
from sqlopt_env.cli.datasets.seen import unlike
from sqlopt_env.databases import database_path
from sqlopt_env.observation import observe

ROOT = Path(__file__).parents[2]
Sqlopt = Callable[..., Any]  # see conftest.py
STEPS = ("--measure", "steps", "--workers", 1)
FIGURES = {"speedup": 4.0, "speedup_interval": [3.0, 5.0], "effective_speedup": 2.0}
SLOW = "SELECT id, amount FROM orders WHERE user_id = 473 OR user_id = 361 ORDER BY order_date DESC, id DESC"
GOOD: dict[str, Any] = {
    "id": "one", "database": "shop", "description": "", "schema": "-- SQLite 3.54.1\nCREATE TABLE orders (id)",
    "slow_query": SLOW, "plan": "SCAN orders", "fast_query": f"CREATE INDEX i ON orders (user_id); {SLOW}",
    "explanation": "", "optimization_type": "indexing", "techniques": ["index_filter(orders.user_id)"],
    **FIGURES, "reward": paid(2.0), "verdict": "tested", "confirmation": FIGURES, "policy": "rules", "iteration": 0,
}  # fmt: skip
OTHER = {
    **GOOD,
    "id": "two",
    "slow_query": f"{SLOW} LIMIT 9",
    "fast_query": f"CREATE INDEX i ON orders (user_id); {SLOW} LIMIT 9",
}


def kinds(*examples: dict[str, Any]) -> list[set[str]]:
    found = of_each(examples, one_a_query=False)
    return [{finding.kind for finding in found.get(place, [])} for place in range(len(examples))]


def save(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def test_what_is_whole_has_no_finding() -> None:
    assert kinds(GOOD, OTHER) == [set(), set()]


def test_an_example_is_the_same_under_every_name_of_its_database(tmp_path: Path) -> None:
    file = database_path("shop")
    shutil.copy(file, tmp_path / "copy.db")
    (tmp_path / "link.db").symlink_to(file)
    for other in (file, tmp_path / "copy.db", tmp_path / "link.db", f"{file.parent}/../{file.parent.name}/{file.name}"):
        assert kinds(GOOD, {**GOOD, "database": str(other)}) == [set(), {"duplicate"}], other
    assert (
        len({form({**GOOD, "database": name})[0] for name in ("shop", "shop~1", "hr", "none.db", "a\0", "~xx/")}) == 6
    )
    assert database_of("none.db") == database_of(f"./{'x/../' * 3}none.db")


def test_one_id_may_have_several_answers_but_not_several_queries() -> None:
    answer = {**GOOD, "fast_query": f"CREATE INDEX i ON orders (user_id, id); {SLOW}"}
    assert kinds(GOOD, answer) == [set(), set()]
    assert kinds(GOOD, {**OTHER, "id": "one"}) == [set(), {"id of another query"}]
    assert kinds(GOOD, {**GOOD, "database": "shop~1"}) == [set(), {"id of another query"}]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"speedup": 5.1}, "wrong figures"),
        ({"speedup": 2.9}, "wrong figures"),
        ({"speedup": 5.0}, None),
        ({"effective_speedup": 4.1, "reward": paid(4.1)}, "wrong figures"),
        ({"effective_speedup": 4.0 + 1e-7, "reward": paid(4.0)}, None),
        ({"confirmation": {**FIGURES, "speedup": 6.0}}, "wrong figures"),
        ({"confirmation": {**FIGURES, "effective_speedup": 4.5}}, "wrong figures"),
        ({"confirmation": {**FIGURES, "speedup_interval": [5.0, 3.0]}}, "malformed"),
        ({"speedup_interval": [5.0, 3.0]}, "malformed"),
        ({"verdict": "believed"}, "malformed"),
        ({"stage": 3}, "malformed"),
        ({"weight": -1}, "malformed"),
        ({"weight": "much"}, "malformed"),
        ({"optimization_type": "ind\u0435xing"}, "wrong type"),  # a Cyrillic letter
        ({"optimization_type": "speed"}, "wrong type"),
        ({"optimization_type": "join"}, "wrong type"),
        ({"optimization_type": "join", "fast_query": SLOW.replace("id, amount", "id,amount+0 AS amount")}, None),
    ],
)
def test_figures_and_types_that_lie_are_found(change: dict[str, Any], kind: str | None) -> None:
    assert kinds({**GOOD, **change}) == [{kind} if kind else set()]


def judged(outcome: str, speedup: float | None) -> Judged:
    return Judged(outcome, "why", speedup)


@pytest.mark.parametrize(
    ("answers", "told", "expected"),
    [
        ([judged("improved", 3.0)], 29.0, []),
        ([judged("improved", 3.0), judged("improved", 2.9)], 31.0, ["told too fast"]),
        ([judged("improved", 2.0), judged("improved", 3.5)], 31.0, []),
        ([judged("improved", 2.0), judged("equivalent", 1.1)], 19.0, []),
        ([judged("improved", 3.0)], None, []),
        ([judged("equivalent", None), judged("improved", 1.4)], 100.0, ["slower than told"]),
        ([judged("improved", 2.0), judged("refuted", None)], 100.0, ["refuted"]),
        ([judged("timeout", None)], None, ["not verified"]),
    ],
)
def test_a_speedup_is_told_too_fast_when_two_measurements_say_so(
    answers: list[Judged], told: float | None, expected: list[str]
) -> None:
    assert [finding.kind for finding in findings_of(answers, told)] == expected


def test_schema_and_plan_are_those_that_a_policy_sees(steps_judge: Judge) -> None:
    seen = observe(steps_judge.prepare(Task("one", "shop", SLOW)))
    version, _, rest = seen["schema"].partition("\n")
    good = {**GOOD, "schema": seen["schema"], "plan": seen["plan"]}
    older = {**good, "schema": f"-- SQLite 3.40.0\n{rest}", "plan": "SCAN TABLE orders"}
    assert (unlike(good, seen), unlike(older, seen)) == ("", "")
    counted = rest.replace("10,000 rows", "9 rows")
    assert counted != rest
    assert unlike({**older, "schema": f"-- SQLite 3.40.0\n{counted}"}, seen) == ""
    for change in (
        {"plan": "SEARCH orders"},
        {"plan": seen["plan"] + "\nSCAN users"},
        {"schema": f"{version}\n{counted}"},
        {"schema": rest},
        {"schema": f"-- SQLite 3.40.0\n{rest.replace('email TEXT', 'mail TEXT')}"},
    ):
        assert unlike({**good, **change}, seen), change


@pytest.fixture
def real(steps_judge: Judge) -> dict[str, Any]:
    """An example that holds, as it is measured by steps."""
    seed = next(seed for seed in seed_examples() if seed["optimization_type"] == "indexing")
    task = Task(seed["id"], "shop", seed["slow_query"])
    seen, now = observe(steps_judge.prepare(task)), steps_judge.evaluate(task, seed["fast_query"])
    assert now.effective_speedup is not None
    assert now.speedup_interval is not None
    figures = {
        "speedup": now.speedup,
        "speedup_interval": list(now.speedup_interval),
        "effective_speedup": now.effective_speedup,
    }
    told = {name: seed[name] for name in ("id", "slow_query", "fast_query")}
    reward = paid(now.effective_speedup)
    texts = {name: seen[name] for name in ("schema", "plan")}
    return {**GOOD, **told, **texts, **figures, "reward": reward, "confirmation": figures}


def test_a_check_finds_what_a_policy_does_not_see_and_speedups_that_are_made_up(
    sqlopt: Sqlopt, real: dict[str, Any], tmp_path: Path
) -> None:
    much = 99 * real["effective_speedup"]
    figures = {"speedup": 1e6, "speedup_interval": [1e6, 1e6], "effective_speedup": much}
    made_up = {**real, **figures, "plan": real["plan"] + "\nSCAN", "confirmation": figures, "reward": paid(much)}
    save(tmp_path / "set/training_data.json", [made_up])
    assert sqlopt("data", "check", "set", *STEPS).code == 1
    report = json.loads((tmp_path / "set/check.json").read_text(encoding="utf-8"))
    both = ["told too fast", "other schema or plan than the policy sees"]
    assert [failure["finding"] for failure in report["failed"]][-2:] == both, report
    save(tmp_path / "set/metrics.json", {"runs": [{"run": {"judge_measure": "time"}}]})
    ended = sqlopt("data", "check", "set", *STEPS)
    assert "was measured by another measure" in ended.out
    assert "told too fast" not in ended.out


def test_lines_stay_lines_when_examples_are_taken_out(sqlopt: Sqlopt, real: dict[str, Any], tmp_path: Path) -> None:
    examples = [real, {**real, "reward": 9.0}, {**real, "optimization_type": "caf\u00e9"}]
    text = "".join(json.dumps(example) + "\n" for example in examples)
    (tmp_path / "few.jsonl").write_text(text + '\n{"cut of', encoding="utf-8")
    ended = sqlopt("data", "check", "few.jsonl", *STEPS, "--drop")
    assert (ended.code, ended.err) == (1, "")
    left = (tmp_path / "few.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in left] == [real]
    assert (tmp_path / "few.check.json").exists()
    (tmp_path / "torn.jsonl").write_text('{"a": \n{}\n', encoding="utf-8")
    assert "torn.jsonl is not JSON in line 1" in sqlopt("data", "check", "torn.jsonl").err


@settings(max_examples=40, deadline=None)
@given(mix=st.floats(0.01, 0.99), ones=st.integers(1, 5), twos=st.integers(1, 5), change=st.floats(1e-6, 0.5))
def test_weights_within_a_stage_are_equal(mix: float, ones: int, twos: int, change: float) -> None:
    examples = reweighted([{"stage": 1}] * ones + [{"stage": 2}] * twos, mix)
    assert of_weights(examples, mix) == []
    if ones > 1:  # the sum stays as it was
        examples[0]["weight"] *= 1 + change
        examples[1]["weight"] *= 1 - change
        assert [finding.kind for finding in of_weights(examples, mix)] == ["wrong weight"]


@pytest.mark.parametrize("mix", [1e-300, 0.9999999999, 0.0, 1.0, -1.0, float("nan"), float("inf")])
def test_a_mix_gives_both_stages_a_share(mix: float) -> None:
    with pytest.raises(SqlOptError, match=r"the mix must be a share from 0\.01 to 0\.99"):
        combined_of([GOOD], [OTHER], mix)


@pytest.fixture
def stages(tmp_path: Path) -> Path:
    save(tmp_path / "data/stage1/training_data.json", [GOOD])
    join = {**OTHER, "optimization_type": "join", "fast_query": f"SELECT * FROM ({SLOW} LIMIT 9)"}
    third = {
        **OTHER,
        "id": "three",
        "slow_query": "SELECT 3 FROM users",
        "optimization_type": "limit",
        "fast_query": "x",
    }
    save(tmp_path / "data/stage2/training_data.json", [join, third])
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("check.json", {"x": 1}, "is not what sqlopt data check wrote"),
        ("check.json", {"failed": [5], "settings": 7}, "is not what sqlopt data check wrote"),
        ("check.json", [], "must hold an object"),
        ("metrics.json", {"runs": 5}, "tells no list of runs"),
        ("metrics.json", {"runs": [5]}, "tells no list of runs"),
        ("metrics.json", {"runs": [{}]}, "the card of"),
        ("metrics.json", {"runs": [{"iterations": 3, "config": [], "versions": 1}]}, "the card of"),
    ],
)
def test_nothing_is_written_where_a_stage_has_an_odd_file(
    sqlopt: Sqlopt, stages: Path, tmp_path: Path, file: str, content: Any, sentence: str
) -> None:
    save(stages / "stage1" / file, content)
    ended = sqlopt("combine", "--out", "data/new")
    assert (ended.code, sentence in ended.err, "Traceback" in ended.err) == (2, True, False), ended.err
    assert not (tmp_path / "data/new").exists()
    assert len(ended.err.strip().splitlines()) == 1


@pytest.mark.parametrize("dataset", [{"mix": 0.3}, {"mix": 1e-300}, {"mix": True}, {"command": 5}, {}, 7])
def test_a_card_that_could_not_be_written_is_said_before_anything_is_judged(
    sqlopt: Sqlopt, stages: Path, dataset: Any
) -> None:
    folder = stages / "stage1"
    save(folder / "metrics.json", {"dataset": dataset})
    save(folder / "training_data.json", [{**GOOD, "stage": 1, "weight": 1.0}])
    before = (folder / "training_data.json").read_bytes()
    ended = sqlopt("data", "check", folder, "--drop", *STEPS)
    assert (ended.code, "Traceback" in ended.err) == (2, False), ended.err
    assert {path.name for path in folder.iterdir()} == {"training_data.json", "metrics.json"}
    assert (folder / "training_data.json").read_bytes() == before


@pytest.mark.parametrize("change", ["stage", "weight"])
def test_an_example_of_a_combined_set_without_its_weight_is_found(sqlopt: Sqlopt, stages: Path, change: str) -> None:
    assert sqlopt("combine", "--out", "data/new").code == 0
    file = stages / "new/training_data.json"
    examples = json.loads(file.read_text(encoding="utf-8"))
    del examples[-1][change]
    save(file, examples)
    ended = sqlopt("data", "check", "data/new", "--sample", 1, *STEPS)
    assert ended.code == 1
    assert "it has no stage or no weight" in ended.out
    assert ended.err == ""


@pytest.mark.parametrize(
    ("script", "arguments", "sentence"),
    [
        ("combine_stages.py", ["nodir"], "there is no folder or file nodir"),
        ("export_finetuning.py", [], "there is no folder or file data/combined"),
        ("export_finetuning.py", ["few.jsonl", "few.jsonl/out"], "the file few.jsonl/out cannot be written"),
    ],
)
def test_a_script_that_cannot_read_or_write_ends_with_a_sentence(
    tmp_path: Path, script: str, arguments: list[str], sentence: str
) -> None:
    (tmp_path / "few.jsonl").write_text(json.dumps(GOOD), encoding="utf-8")
    command = [sys.executable, str(ROOT / "examples" / script), *arguments]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(sentence)
    assert len(ended.stderr.splitlines()) == 1
