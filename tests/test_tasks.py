"""Tasks from the seeds, from files and from collections, and one sentence for what is none."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlopt_env import SqlOptError, Task, load_tasks, seed_examples

QUERY = "SELECT 1"
ONE = {"id": "a", "database": "shop", "query": QUERY}
TWO = {"id": "b", "database": "own.db", "query": "SELECT 'ß'", "description": "d", "reference": "SELECT 2"}
TASKS = [Task("a", "shop", QUERY), Task("b", "own.db", "SELECT 'ß'", description="d", reference="SELECT 2")]


@pytest.mark.parametrize("load", [lambda: load_tasks(), lambda: load_tasks(None), lambda: load_tasks("seeds")])
def test_the_seeds(load: Callable[[], list[Task]]) -> None:
    tasks = load()
    examples = seed_examples()
    assert [(task.id, task.database, task.query, task.reference) for task in tasks] == [
        (example["id"], example["database"], example["slow_query"], example["fast_query"]) for example in examples
    ]
    assert [task.optimization_type for task in tasks] == [example["optimization_type"] for example in examples]
    assert [task.description for task in tasks] == [example["description"] for example in examples]


def test_a_file_called_seeds_needs_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "seeds").write_text(json.dumps([ONE]))
    monkeypatch.chdir(tmp_path)
    assert len(load_tasks("seeds")) == 20
    assert load_tasks("./seeds") == load_tasks(Path("seeds")) == TASKS[:1]


def test_several_answers_to_one_task_are_one_task() -> None:
    answers = [{**ONE, "fast_query": "SELECT 1"}, TWO, {**ONE, "fast_query": "SELECT 2"}]
    assert [task.id for task in load_tasks(answers)] == ["a", "b"]
    assert load_tasks(answers)[0].reference == "SELECT 1"


@pytest.mark.parametrize(
    "source",
    [[ONE, TWO], (ONE, TWO), iter([ONE, TWO]), {"x": ONE, "y": TWO}.values(), TASKS, [TASKS[0], TWO]],
    ids=["list", "tuple", "iterator", "view", "tasks", "mixed"],
)
def test_a_collection(source: Any) -> None:
    assert load_tasks(source) == TASKS


@pytest.mark.parametrize("name", ["tasks.json", "tasks.jsonl", "tasks", "ü [red].jsonl"])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_file(tmp_path: Path, name: str, kind: Callable[[Path], str | Path]) -> None:
    path = tmp_path / name
    lines = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in (ONE, TWO))
    path.write_text(lines if name.endswith(".jsonl") else json.dumps([ONE, TWO]), encoding="utf-8")
    assert load_tasks(kind(path)) == TASKS


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ('{"id": "a", DB}\n\n  \n{"id": "b", DB}\n', ["a", "b"]),
        ('{"id": "a", DB}\r\n{"id": "b", DB}\r\n', ["a", "b"]),
        ('{"id": "a", DB}\n{"id": "b", DB}', ["a", "b"]),  # without a line break at its end
        ('{"id": "a", DB}\n{"id": "b", "data', ["a"]),  # cut off, as a kill leaves it
        ('{"id": "a", DB}\n{"id": "\N{LATIN SMALL LETTER SHARP S}', ["a"]),
        ('{"id": "a", DB, "more": [5]}\n{DB}\n', ["a", "task-2"]),
        ('{"id": "a\u2028b", DB}\n', ["a\u2028b"]),  # a line separator to Python, but not to JSON
    ],
)
def test_lines(tmp_path: Path, text: str, ids: list[str]) -> None:
    path = tmp_path / "tasks.jsonl"
    data = text.replace("DB", '"database": "shop", "query": "SELECT 1"').encode()
    path.write_bytes(data.removesuffix("\N{LATIN SMALL LETTER SHARP S}".encode()[1:]))  # in the middle of a letter
    assert [task.id for task in load_tasks(path)] == ids


@given(st.data())
def test_a_file_of_lines_may_be_cut_anywhere(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    queries = data.draw(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9), min_size=1))
    items = [{"database": "shop", "query": f"SELECT {query}"} for query in queries]
    lines = [json.dumps(item, ensure_ascii=False).encode() for item in items]
    kept = data.draw(st.integers(len(lines[0]), sum(len(line) + 1 for line in lines)))
    path = tmp_path_factory.getbasetemp() / "cut.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines)[:kept])
    whole = [item["query"] for item, end in zip(items, ends(lines), strict=True) if end <= kept]
    assert [task.query for task in load_tasks(path)] == whole


def ends(lines: list[bytes]) -> list[int]:
    """Where each line ends, its line break left out."""
    return [sum(len(line) + 1 for line in lines[: i + 1]) - 1 for i in range(len(lines))]


def test_a_dictionary_may_be_sparse_or_have_more() -> None:
    (task,) = load_tasks([{"database": "shop", "slow_query": QUERY, "fast_query": "SELECT 2", "stars": 5}])
    assert task == Task("task-1", "shop", QUERY, reference="SELECT 2")
    (task,) = load_tasks([{**ONE, "slow_query": "SELECT 3", "fast_query": "SELECT 4", "reference": "SELECT 5"}])
    assert task == Task("a", "shop", QUERY, reference="SELECT 5")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ([], "there are no tasks: the list is empty"),
        (iter(()), "there are no tasks"),
        (ONE, "not a single one: put it in brackets"),
        (5, "tasks must be None, a file or a list of tasks, not int"),
        (True, "not bool"),
        (TASKS[0], "not Task"),
        (b"seeds", "task 1 must be a Task or an object with database and query, not int"),
        ([5], "task 1 must be .* not int"),
        ([ONE, "SELECT 1"], "task 2 must be .* not str"),
        ([[]], "not list"),
        ([None], "not NoneType"),
        ([{}], r"task 1 \('task-1'\): 'database' must be a text"),
        ([{"id": "a", "database": "shop"}], r"task 1 \('a'\): 'query' must be a text"),
        ([{**ONE, "query": " \n"}], "'query' must be a text"),
        ([{**ONE, "query": None, "slow_query": QUERY}], "'query' must be a text"),
        ([{**ONE, "id": ""}], "'id' must be a text"),
        ([{**ONE, "id": 7}], r"task 1 \(7\): 'id' must be a text"),
        ([{**ONE, "id": "a\nb", "query": 5}], r"task 1 \('a\\nb'\): 'query' must be a text"),
        ([{**ONE, "database": Path("own.db")}], "'database' must be a text"),
        ([{**ONE, "description": 5}], "'description' must be a text"),
        ([{**ONE, "reference": None}], "'reference' must be a text"),
        ([{**ONE, "optimization_type": []}], "'optimization_type' must be a text"),
        ([Task("a", "shop", "")], "'query' must be a text"),
        ([Task([], "shop", QUERY)], "'id' must be a text"),  # type: ignore[arg-type]
        ([ONE, TWO, {**TWO, "id": "a"}], "two tasks have the id 'a': ids must differ"),
        ([{**ONE, "id": "task-2"}, {"database": "shop", "query": "SELECT 3"}], "two tasks have the id 'task-2'"),
        (Path("nowhere.jsonl"), "there is no file nowhere.jsonl"),
        ("", "the file '.' cannot be read"),
        ("a\0b", "cannot be read: embedded null byte"),
        ("x" * 300, "cannot be read: .*File name too long"),
    ],
)
def test_what_is_no_collection_of_tasks_gets_one_sentence(source: Any, sentence: str) -> None:
    with pytest.raises(SqlOptError, match=sentence) as caught:
        load_tasks(source)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("t.json", b"", "t.json is not JSON"),
        ("t.json", b"{]", "t.json is not JSON"),
        ("t.json", b"[{}", "t.json is not JSON"),
        ("t.json", b"\xff\xfe[]", "t.json is not JSON: 'utf-8' codec"),
        ("t.json", b"[" * 100_000, "t.json is not JSON: "),
        ("t.json", b"[" + b"9" * 5000 + b"]", "t.json is not JSON: Exceeds the limit"),
        ("t.json", b"{}", "t.json must hold a list of tasks, not dict"),
        ("t.json", b'"seeds"', "must hold a list of tasks, not str"),
        ("t.json", b"null", "must hold a list of tasks, not NoneType"),
        ("t.json", b"[]", "there are no tasks"),
        ("t.json", b"[5]", "task 1 must be"),
        ("t.jsonl", b"", "there are no tasks"),
        ("t.jsonl", b"\n\n", "there are no tasks"),
        ("t.jsonl", b'{"id": "a"', "there are no tasks"),
        ("t.jsonl", b"5\n", "task 1 must be a Task or an object with database and query, not int"),
        ("t.jsonl", b"[]\n", "task 1 must be .* not list"),
        ("t.jsonl", b'{"database": "shop", "query": "SELECT 1"}\n{"id":\n{}\n', "t.jsonl is not JSON in line 2"),
        ("t.jsonl", b'{"database": "shop", "query": "SELECT 1"}\n\n\xff\n', "not JSON in line 3: 'utf-8' codec"),
    ],
)
def test_what_is_no_file_of_tasks_gets_one_sentence(tmp_path: Path, name: str, data: bytes, sentence: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SqlOptError, match=sentence) as caught:
        load_tasks(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_the_command_line_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"id":\n{}\n')
    command = [sys.executable, "-m", "sqlopt_env", "train", "--tasks", str(tmp_path / "t.jsonl"), "--out", "run"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is not JSON in line 1" in done.stderr


def test_many_tasks_are_read_in_no_time(tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    path.write_text("".join(json.dumps({**ONE, "id": f"t{i}"}) + "\n" for i in range(50_000)))
    assert len(load_tasks(path)) == 50_000  # in a second; comparing each with each would take minutes
