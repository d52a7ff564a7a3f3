"""Files of one object a line: whatever a kill leaves of one, whoever writes it."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqlopt_env import SqlOptError
from sqlopt_env.jsonlines import JsonLines, read_lines

RECORDS = st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.none(), max_size=3), max_size=6)


def records(path: Path) -> list[dict[str, Any]]:
    return list(read_lines(path, dict, "a record"))


@given(RECORDS, st.integers(0, 400))
def test_a_file_may_be_cut_anywhere_and_goes_on(
    tmp_path_factory: pytest.TempPathFactory, written: list[dict[str, Any]], cut: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.jsonl"
    path.unlink(missing_ok=True)
    with JsonLines(path) as lines:
        for record in written:
            lines.append(record)
    assert records(path) == written
    data = path.read_bytes()[:cut]
    path.write_bytes(data)
    whole = written[: data.count(b"\n")]
    assert records(path) == whole
    with JsonLines(path) as lines:
        assert records(path) == whole
        lines.append({"more": "ß\n\ud800"})
    assert records(path) == [*whole, {"more": "ß\n\ud800"}]


@pytest.mark.parametrize("size", [2**16 - 10, 2**16 - 1, 2**16, 2**16 + 1, 3 * 2**16])
@pytest.mark.parametrize("before", [0, 1])
def test_a_long_torn_line_is_cut(tmp_path: Path, size: int, before: int) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"a": 1}\n' * before + b"x" * size)
    with JsonLines(path) as lines:
        lines.append({"a": 2})
    assert records(path) == [{"a": 1}] * before + [{"a": 2}]


def test_threads_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with JsonLines(path) as lines, ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda i: lines.append({"i": i, "x": "x" * 5000}), range(300)))
    assert sorted(record["i"] for record in records(path)) == list(range(300))


def test_a_process_that_died_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    program = (
        "import os, sys; from pathlib import Path; from sqlopt_env.jsonlines import JsonLines\n"
        "lines = JsonLines(Path(sys.argv[1])); lines.append({'a': 1})\n"
        "print('written', flush=True); sys.stdin.read(1); os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        with pytest.raises(SqlOptError, match="another process is writing to"):
            JsonLines(path)
        assert records(path) == [{"a": 1}]
        writer.stdin.close()
        writer.wait()
    with JsonLines(path) as lines:
        lines.append({"a": 2})
    assert records(path) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("line", [b"{", b"5", b"null", b"", b"\xff", b'{"a": 1} {}'])
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'{"a": 1}\n' + line + b'\n{"a": 2}\n')
    with pytest.raises(SqlOptError, match=r"log.jsonl, line 2: not a record \(") as caught:
        records(path)
    assert "\n" not in str(caught.value)


def test_what_is_no_json_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with JsonLines(path) as lines:
        lines.append({"a": 1})
        with pytest.raises(TypeError):
            lines.append({"a": object()})
        lines.append({"a": 2})
    assert records(path) == [{"a": 1}, {"a": 2}]
