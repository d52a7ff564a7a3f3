"""Many items, some of them deadly: every one ends once, as what it should, and no process is left behind."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlopt_agents.executors import EXECUTORS, Executor, Failure, local, make_executor

from sqlopt_env import SqlOptError

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def functions() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        yield importlib.import_module("executor_functions")


@pytest.fixture(scope="module")
def shared(functions: Any) -> Iterator[Executor]:
    with make_executor("local", 2) as executor:
        yield executor


@pytest.fixture
def two(functions: Any) -> Iterator[local.LocalExecutor]:
    with local.LocalExecutor(2) as executor:
        yield executor


def mapped(executor: Executor, function: Callable[[Any], Any], items: Any, **how: Any) -> dict[Any, Any]:
    return dict(executor.map_unordered(function, items, **how))


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


@settings(max_examples=15, deadline=None)
@given(items=st.lists(st.integers(), max_size=50))
def test_every_item_ends_once_with_its_own_result(shared: Executor, functions: Any, items: list[int]) -> None:
    wanted = Counter((item, 2 * item) for item in items)
    assert Counter(shared.map_unordered(functions.double, iter(items))) == wanted
    with make_executor("serial") as serial:
        assert Counter(serial.map_unordered(functions.double, iter(items))) == wanted


def test_results_come_while_items_are_still_read_and_few_are_read_ahead(shared: Executor, functions: Any) -> None:
    read = []
    results = shared.map_unordered(functions.double, (read.append(n) or n for n in itertools.count()))
    for count in range(1, 30):
        next(results)
        assert len(read) <= count + 5  # two processes, each with one at work and one waiting, and one in hand
    results.close()


def test_both_processes_work(shared: Executor, functions: Any) -> None:
    assert len(set(mapped(shared, functions.process, range(20)).values())) == 2


def test_a_dead_process_costs_its_item_one_try(shared: Executor, functions: Any, tmp_path: Path) -> None:
    items = [(str(tmp_path / str(n)), int(n == 3)) for n in range(8)]
    assert mapped(shared, functions.noted, items, retries=1) == {item: item[1] for item in items}
    assert [(tmp_path / str(n)).stat().st_size for n in range(8)] == [1, 1, 1, 2, 1, 1, 1, 1]


@pytest.mark.parametrize("retries", [0, 2])
def test_a_poisonous_item_is_reported_after_its_retries(
    shared: Executor, functions: Any, tmp_path: Path, retries: int
) -> None:
    path = tmp_path / "poison"
    (failure,) = mapped(shared, functions.noted, [(str(path), 1000)], retries=retries).values()
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.tries, path.stat().st_size) == ("died", 1 + retries, 1 + retries)
    assert "died" in failure.reason


def test_a_poisonous_item_takes_no_other_with_it(shared: Executor, functions: Any) -> None:
    results = mapped(shared, functions.deadly, range(20), retries=0)
    assert {n for n, result in results.items() if isinstance(result, Failure)} == {0, 7, 14}
    assert all(results[n] == n for n in range(20) if n % 7)


def test_what_takes_too_long_is_ended_even_inside_one_call_of_c(shared: Executor, functions: Any) -> None:
    results = mapped(shared, functions.endless_in_c, range(6), retries=1, timeout=0.3)
    failure = results.pop(0)
    assert (failure.kind, failure.tries, failure.error) == ("timeout", 2, None)
    assert "0.3 s" in failure.reason
    assert results == {n: n for n in range(1, 6)}


def test_what_a_function_raises_is_its_result_and_costs_no_process(two: local.LocalExecutor, functions: Any) -> None:
    results = mapped(two, functions.odd_ones_raise, range(6))
    assert [results[n] for n in (0, 2, 4)] == [0, 2, 4]
    failure = results[3]
    assert (failure.kind, failure.tries, failure.reason) == ("raised", 1, "ValueError: 3 is odd")
    assert isinstance(failure.error, ValueError)
    assert "odd_ones_raise" in failure.error.__notes__[0]
    assert set(mapped(two, functions.process, range(10)).values()) <= set(two.pids)
    with make_executor("serial") as serial:
        assert mapped(serial, functions.odd_ones_raise, range(6))[3].reason == failure.reason


def test_odd_exceptions_and_results_come_back_as_sentences(shared: Executor, functions: Any) -> None:
    for function, told in (
        (functions.particular, "Particular: 1 and 2"),
        (functions.unwritable, "pickle"),
        (functions.leaves, "SystemExit: 3"),
    ):
        (failure,) = mapped(shared, function, [1]).values()
        assert failure.kind == "raised"
        assert told in failure.reason
        assert "\n" not in failure.reason


def test_large_items_and_results_pass(shared: Executor, functions: Any) -> None:
    sizes = [10_000_000 + n for n in range(4)]
    assert sorted(len(result) for result in mapped(shared, functions.large, sizes).values()) == sizes
    assert (
        sorted(shared_result for _, shared_result in shared.map_unordered(functions.length, map(bytes, sizes))) == sizes
    )


def test_a_process_that_was_killed_while_idle_is_replaced(two: local.LocalExecutor, functions: Any) -> None:
    mapped(two, functions.slowly, range(4))
    before = two.pids
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert mapped(two, functions.double, range(4), retries=0) == {n: 2 * n for n in range(4)}
    assert wait_until(lambda: all(map(is_gone, before)))


def test_an_iterator_closed_early_ends_what_is_being_worked_on(two: local.LocalExecutor, functions: Any) -> None:
    results = two.map_unordered(functions.at_once_or_never, [0.0, 1000.0, 1001.0])
    assert next(results) == (0.0, 0.0)
    before = two.pids
    results.close()
    assert wait_until(lambda: any(map(is_gone, before)))
    assert mapped(two, functions.double, range(4)) == {n: 2 * n for n in range(4)}  # no answer of before among them
    two.close()
    two.close()
    assert all(map(is_gone, before))  # reaped, too


def test_what_an_item_has_started_ends_with_it(two: local.LocalExecutor, functions: Any, tmp_path: Path) -> None:
    (failure,) = mapped(two, functions.with_children, [str(tmp_path / "pids")], retries=0, timeout=0.5).values()
    assert failure.kind == "timeout"
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert wait_until(lambda: all(map(is_gone, pids)))


def test_an_error_in_the_items_is_the_callers(two: local.LocalExecutor, functions: Any) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        list(two.map_unordered(functions.slowly, items()))
    assert mapped(two, functions.double, [2]) == {2: 4}


def test_one_map_at_a_time(two: local.LocalExecutor, functions: Any) -> None:
    first = two.map_unordered(functions.double, range(9))
    next(first)
    with pytest.raises(SqlOptError, match="at work on another"):
        next(two.map_unordered(functions.double, range(9)))
    assert len(list(first)) == 8


@pytest.mark.parametrize("name", ["serial", "local"])
@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"retries": -1}, "retries must be"),
        ({"retries": True}, "retries must be"),
        ({"timeout": 0}, "timeout must be"),
        ({"timeout": float("nan")}, "timeout must be"),
    ],
)
def test_wrong_arguments_are_told_at_once(functions: Any, name: str, how: dict[str, Any], sentence: str) -> None:
    with make_executor(name, 1) as executor, pytest.raises(SqlOptError, match=sentence):
        executor.map_unordered(functions.double, [1], **how)


def test_what_cannot_be_sent_is_told_in_one_sentence(two: local.LocalExecutor, functions: Any) -> None:
    with pytest.raises(SqlOptError, match=r"^the function cannot be sent to another process: .*lambda") as told:
        two.map_unordered(lambda item: item, [1])
    assert "\n" not in str(told.value)
    with pytest.raises(SqlOptError, match=r"^an item cannot be sent to another process"):
        list(two.map_unordered(functions.double, [1, lambda: None]))
    Unknown = type("Unknown", (), {"__call__": lambda self, item: item, "__module__": __name__})  # noqa: N806
    globals()["Unknown"] = Unknown
    with pytest.raises(
        SqlOptError, match=r"the worker processes cannot load the function: .* not in the script that runs"
    ):
        list(two.map_unordered(Unknown(), [1]))
    assert mapped(two, functions.double, [2]) == {2: 4}


def test_processes_that_cannot_start_are_told(monkeypatch: pytest.MonkeyPatch, functions: Any) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with make_executor("local", 1) as executor, pytest.raises(SqlOptError, match="no worker process could be started"):
        list(executor.map_unordered(functions.double, [1]))


def test_executors_are_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert EXECUTORS == ("serial", "local", "ray")
    with pytest.raises(SqlOptError, match="unknown executor 'cloud'; give one of serial, local, ray"):
        make_executor("cloud")
    with pytest.raises(SqlOptError, match="workers must be"):
        make_executor("local", 0)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SqlOptError, match=r"pip install 'sqlopt-env\[ray\]'"):
        make_executor("ray")


PROGRAM = f"""
import json, sys
sys.path.insert(0, {str(HERE)!r})
import executor_functions as functions
from sqlopt_agents.executors.local import LocalExecutor

executor = LocalExecutor(2)
results = executor.map_unordered(functions.endless_in_c, [1, 2, 3, 0, 0])
for _ in range(3):
    next(results)
print(json.dumps(executor.pids), flush=True)
next(results)
"""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_the_caller_ends_its_processes_end_too(end: signal.Signals) -> None:
    def heed_ctrl_c() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background job inherits that it is ignored

    caller = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,
    )
    assert caller.stdout is not None
    pids = json.loads(caller.stdout.readline())
    assert len(pids) == 2
    assert not any(map(is_gone, pids))
    caller.send_signal(end)
    _, errors = caller.communicate(timeout=20)
    assert caller.returncode != 0
    assert errors.count("Traceback") <= 1  # of Ctrl-C in the caller alone
    assert wait_until(lambda: all(map(is_gone, pids)))
