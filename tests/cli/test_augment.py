"""`sqlopt augment` as a person runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sqlopt_env import Judge, Task
from sqlopt_env.databases import renaming_of
from sqlopt_env.tasks import seed_examples

QUICK = ("--measure", "steps", "--workers", "1")
SEEDS = seed_examples()


def example(number: int, **changes: Any) -> dict[str, Any]:
    """A seed as an example of training data, changed."""
    techniques = ["index_filter(orders.user_id)"]
    return {**SEEDS[number], "techniques": techniques, "iteration": 3, "policy": "rules", "stage": 1, **changes}


def test_variants_are_renamed_judged_and_resumed(
    sqlopt: Callable[..., Any], steps_judge: Judge, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "training_data.json").write_text(json.dumps([example(0), example(0)]))
    command = ("augment", "data", "--out", "more", "--variants", 1, *QUICK)
    ended = sqlopt(*command)
    assert ended.code == 0, ended.err
    assert "2 variants of 2 examples" in ended.out
    assert "the same as another example" in ended.out
    out, log = tmp_path / "more" / "training_data.json", tmp_path / "more" / "training_data.log.jsonl"
    made = json.loads(out.read_text())
    assert [(each["id"], each["augmented_from"]) for each in made] == [("shop-01~1", "shop-01")]
    check(made[0], steps_judge)

    kept = out.read_bytes()
    lines = log.read_bytes().split(b"\n")
    assert len(lines) == 3  # the settings, a variant, and nothing after it
    log.write_bytes(lines[0] + b"\n" + lines[1][:40])  # as a kill leaves it
    out.unlink()
    ended = sqlopt(*command)
    assert (ended.code, out.read_bytes()) == (0, kept)
    assert log.read_bytes().split(b"\n") == lines
    ended = sqlopt("augment", "data", "--out", "more", "--variants", 2, *QUICK)
    assert (ended.code, out.read_bytes()) == (2, kept)
    assert "it differs in variants, databases): choose another --out" in ended.err


def check(made: dict[str, Any], judge: Judge) -> None:
    """All that an example says, and that a judge who is asked again says the same."""
    assert made["database"] == "shop~1"
    names = renaming_of("shop~1").names
    text = json.dumps([made["schema"], made["slow_query"], made["plan"], made["fast_query"], made["techniques"]])
    for old in ("users", "orders", "user_id", "order_date", "amount"):
        assert old not in text.replace("idx_", "")
    assert made["techniques"] == [f"index_filter({names['orders']}.{names['user_id']})"]
    assert names["orders"] in made["schema"]
    assert (made["iteration"], made["policy"], made["stage"]) == (3, "rules", 1)
    assert made["effective_speedup"] >= 1.5
    assert made["confirmation"]["effective_speedup"] >= 1.5
    evaluation = judge.evaluate(Task("t", made["database"], made["slow_query"]), made["fast_query"])
    assert evaluation.outcome == "improved"
    assert evaluation.effective_speedup == made["effective_speedup"]


def test_what_has_no_variant_is_counted(sqlopt: Callable[..., Any], tmp_path: Path) -> None:
    slow = SEEDS[0]["slow_query"]
    bad = [
        5,
        {"id": "x"},
        example(0, database="shop~1"),
        example(0, database="own.db"),
        example(0, database="a\0" * 5000),
        example(0, database="library~2"),
        example(0, database="tpch"),
        example(0, slow_query="SELECT colour FROM users"),
        example(0, fast_query="SELECT ((("),
        example(0, fast_query="SELECT id FROM orders"),
        example(0, fast_query=f"```sql\n{slow}\n```"),
        example(0, slow_query='SELECT id FROM users WHERE city = "product"'),
    ]
    (tmp_path / "bad.jsonl").write_text("\n".join(map(json.dumps, bad)))
    ended = sqlopt("augment", "bad.jsonl", "--out", "out.jsonl", "--variants", 1, *QUICK)
    assert (ended.code, (tmp_path / "out.jsonl").exists()) == (2, False)
    assert "no variant was kept" in ended.err
    counts = " ".join(ended.out.replace("│", " ").split())
    for count, why in (
        (2, "not an example"),
        (1, "on a renamed database already"),
        (2, "on a database of one's own"),
        (2, "on a held-out database"),
        (2, "cannot be renamed with certainty"),
        (1, "judged refuted"),
        (1, "equal, but not 1.5 times as fast"),
        (1, "the renamed query was not shown to return"),
        (0, "kept"),
    ):
        assert f"{count} left out: {why}" in counts or f"{count} {why}" in counts


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere", "--out", "x.json"], "there is no folder or file nowhere"),
        ([".", "--out", "x.json"], "holds no training_data.json"),
        (["half.json", "--out", "x.json"], "is not whole JSON"),
        (["half.jsonl", "--out", "x.json"], "is not JSON in line 2"),
        (["empty.jsonl", "--out", "x.json"], "empty.jsonl holds no examples"),
        (["nowhere.jsonl", "--out", "x.json"], "nowhere.jsonl cannot be read"),
        (["one.json", "--out", "one.json"], "one.json exists, without the log of an augmentation"),
        (["one.json", "--out", "one.json/x.json"], "cannot be written"),
        (["one.json", "--out", "x.json", "--measure", "weight"], "measure must be one of"),
    ],
)
def test_wrong_input_gets_one_sentence_and_changes_nothing(
    sqlopt: Callable[..., Any], tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    (tmp_path / "half.json").write_text('[{"id"')
    (tmp_path / "half.jsonl").write_text('{"id": 1}\n{"id"\n')
    (tmp_path / "empty.jsonl").write_text("\n\n")
    (tmp_path / "one.json").write_text(json.dumps([{"id": "x"}]))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    ended = sqlopt("augment", *arguments)
    assert (ended.code, sentence in ended.err, ended.err.count("\n")) == (2, True, 1)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_ctrl_c_ends_it_and_the_same_command_goes_on(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(json.dumps([example(number) for number in range(12)]))
    log = tmp_path / "out.log.jsonl"
    command = [str(Path(sys.executable).with_name("sqlopt")), "augment", "data.json", "--out", "out.json", *QUICK]
    running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while not (log.exists() and log.read_bytes().count(b"\n") >= 1) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(1)  # into the work
        running.send_signal(signal.SIGINT)
        printed, _ = running.communicate(timeout=20)
    finally:
        running.kill()
    assert running.returncode == 130
    assert "Interrupted: the same command goes on from here." in printed
    records = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(records) < 37
    assert not any("left_out" in record for record in records)  # what was cut short is no finding
    assert not (tmp_path / "out.json").exists()
