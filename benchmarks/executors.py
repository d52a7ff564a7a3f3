"""What judging costs in each executor, and what ten million evaluations would take on a hundred machines.

    python benchmarks/executors.py [--workers 1 2] [--executors serial local ray] [--tasks 20]

Over the candidates that the untrained rule policy proposes for the 20 seeds with seed 0, by time. First each executor
with each number of workers: `start` until its first answer, `empty` for an item that does nothing
(`here` in the driver, CPU time), `judged` and `proposed and judged` for whole tasks that it knows already, and `a
kill`, how much longer a task's order takes whose process was killed just before (a new process, the database, the
task). Then costs in CPU time, which other work on the machine disturbs less; then the paper that stands on them.
"""

from __future__ import annotations

import argparse
import os
import pickle
import signal
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from statistics import mean, median

from rich.console import Console
from rich.progress import track
from rich.table import Table
from sqlopt_agents.config import Config, Watcher
from sqlopt_agents.e_step import EStep
from sqlopt_agents.executors import EXECUTORS, Executor, Failure, make_executor
from sqlopt_agents.rule_policy import RulePolicy
from sqlopt_agents.run_folder import RunFolder
from sqlopt_agents.sampling import Ask, Order, Work, proposed

from sqlopt_env import Judge, Task, load_tasks
from sqlopt_env.reward import LogReward

CANDIDATES, CANDIDATES_IN_ALL, MACHINES = 8, 10_000_000, 100


@dataclass(frozen=True)
class Costs:
    """CPU seconds, of one candidate where nothing else is said."""

    evaluation: float  # in the worker
    beside: float  # of an evaluation, in the process that asks for it
    preparation: float  # of a task
    proposal: float
    proposal_first: float  # where the policy has not met the task
    distinct: float  # share of texts
    record: float
    logged: float  # bytes
    sent: float


def unproposed(order: Order, seed: int) -> Order:
    return replace(order, asks=(replace(order.asks[0], proposals=(), seed=(seed,)),), observation=None)


def drained(executor: Executor, work: Work, items: Iterable[Order]) -> tuple[float, int]:
    """Seconds, and evaluations."""
    start, count = time.perf_counter(), 0
    for _, answer in executor.map_unordered(work, items):
        if isinstance(answer, Failure):
            raise SystemExit(answer.reason)
        count += len(answer.evaluations)
    return time.perf_counter() - start, count


def of_executor(name: str, workers: int, made: list[Order], passes: int) -> list[float]:
    """Seconds to start, of an empty item, and CPU here; evaluations a second, judged, and proposed too; of a kill."""
    with Judge(workers=1) as own:
        judge = own if name == "serial" else None
        start = time.perf_counter()
        with make_executor(name, workers) as executor:
            next(executor.map_unordered(abs, [1]))
            started = time.perf_counter() - start
            start, here = time.perf_counter(), time.process_time()
            for _ in executor.map_unordered(abs, range(1000)):
                pass
            empty, here = (time.perf_counter() - start) / 1000, (time.process_time() - here) / 1000
            rates = []
            for work, items in (
                (Work(own.settings, None, judge), made),
                (Work(own.settings, RulePolicy(), judge), [unproposed(order, i) for i, order in enumerate(made)]),
            ):
                drained(executor, work, islice(cycle(items), (1 + workers) * len(items)))  # every process meets each
                seconds, count = zip(*(drained(executor, work, items) for _ in range(passes)), strict=True)
                rates.append(median(n / s for n, s in zip(count, seconds, strict=True)))
            return [
                started,
                empty,
                here,
                *rates,
                _kill(executor, own, made[0]) if name != "serial" and workers == 1 else 0.0,
            ]


def _kill(executor: Executor, judge: Judge, order: Order) -> float:
    work = Work(judge.settings, None)
    before = min(drained(executor, work, [order])[0] for _ in range(2))
    after = []
    for _ in range(2):
        list(executor.map_unordered(signal.raise_signal, [signal.SIGKILL], retries=0))
        after.append(drained(executor, work, [order])[0])
    return min(after) - before


def side_by_side(
    console: Console, made: list[Order], executors: list[str], workers: list[int], passes: int
) -> dict[str, float]:
    """CPU seconds that an empty item takes here, by executor."""
    empties: dict[str, float] = {}
    table = Table(
        title=f"{sum(order.candidates for order in made)} candidates of {len(made)} tasks", title_justify="left"
    )
    for column in ("executor", "workers", "start, s", "empty, ms", "here, CPU ms", "judged/s", "x serial"):
        table.add_column(column, justify="left" if column == "executor" else "right")
    for column in ("proposed and judged/s", "x serial", "a kill, s"):
        table.add_column(column, justify="right")
    base: list[float] = []
    for name in executors:
        for count in workers[:1] if name == "serial" else workers:
            start, empty, here, judged, both, kill = of_executor(name, count, made, passes)
            base = base or [judged, both]
            empties.setdefault(name, here)
            table.add_row(
                name, str(count), f"{start:.2f}", f"{empty * 1e3:.2f}", f"{here * 1e3:.2f}",
                f"{judged:.1f}", f"{judged / base[0]:.2f}",
                f"{both:.1f}", f"{both / base[1]:.2f}", f"{kill:.2f}" if kill else "-",
            )  # fmt: skip
    console.print(table)
    return empties


def spent(judge: Judge, work: Callable[[], object]) -> tuple[float, float] | None:
    """CPU seconds of the judge's worker, and of this process; None where the worker was replaced."""
    before, here = _cpu(judge), time.process_time()
    work()
    here = time.process_time() - here
    after = _cpu(judge)
    return (after[1] - before[1], here) if after[0] == before[0] else None


def _cpu(judge: Judge) -> tuple[list[int], float]:
    pids = judge.worker_pids
    return pids, sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids) / 1e9


def measured_costs(tasks: int, passes: int) -> tuple[list[Order], Costs]:
    """To be called first: what a policy takes for a task that it does not know is known after it."""
    with Judge(workers=1) as judge:
        judge.evaluate(Task("start", "shop", "SELECT count(*) FROM users"), "SELECT 1")
        asks = (Ask(tuple(range(CANDIDATES)), "", (0, number)) for number in range(100))
        blank = [Order(task, (ask,)) for task, ask in zip(load_tasks()[:tasks], asks, strict=False)]
        for order in blank:
            judge.prepare(order.task)
        proposing, proposing_again = [], []
        made = []
        for seed, seconds in enumerate((proposing, proposing_again)):
            for order in (unproposed(order, 100 * seed + i) for i, order in enumerate(blank)):
                start = time.process_time()
                made.append(proposed(order, RulePolicy(), judge))
                seconds.append((time.process_time() - start) / CANDIDATES)
        made = made[: len(blank)]
        first = [spent(judge, lambda o=order: judge.evaluate(o.task, "SELECT 1")) for order in made]
        pairs = [(order.task, text) for order in made for text in {p.text: 0 for p in order.asks[0].proposals}]
        samples = []
        for number in track(range(passes + 1), "costs", transient=True):
            found = [spent(judge, lambda p=pair: judge.evaluate(*p)) for pair in pairs]
            samples += found if number else []  # the first pass builds the indexes
        known = [sample for sample in samples if sample is not None]
        record, logged, sent = _recording(judge, made)
    return made, Costs(
        evaluation=mean(worker for worker, _ in known),
        beside=mean(here for _, here in known),
        preparation=mean(sample[0] for sample in first if sample is not None),
        proposal=mean(proposing_again),
        proposal_first=mean(proposing),
        distinct=len(pairs) / len(made) / CANDIDATES,
        record=record,
        logged=logged,
        sent=sent,
    )


def _recording(judge: Judge, made: list[Order]) -> tuple[float, float, float]:
    """CPU seconds to read and log an answer, bytes that are logged, and sent: of a candidate."""
    work = Work(judge.settings, None, judge)
    answers = [pickle.dumps(work(order)) for order in made[:6]]
    with (
        tempfile.TemporaryDirectory() as folder,
        RunFolder(Path(folder) / "run", {}, {}, resume=False) as run,
    ):
        step = EStep(judge, run, Config(candidates=CANDIDATES), LogReward(), Watcher(), "rules")
        start = time.process_time()
        for order, answer in zip(made, answers, strict=False):
            step._record(0, 0, order, pickle.loads(answer))
        seconds = time.process_time() - start
        logged = (Path(folder) / "run" / "trajectories.jsonl").stat().st_size
    count = CANDIDATES * len(answers)
    return seconds / count, logged / count, sum(map(len, answers)) / count


def costs_table(console: Console, costs: Costs) -> None:
    table = Table(title="Costs", title_justify="left")
    table.add_column("")
    table.add_column("", justify="right")
    for what, value in (
        ("an evaluation, worker, CPU ms", f"{costs.evaluation * 1e3:.1f}"),
        ("an evaluation, beside the worker, CPU ms", f"{costs.beside * 1e3:.2f}"),
        ("preparing a task, worker, CPU ms", f"{costs.preparation * 1e3:.0f}"),
        ("a proposal for a new task, CPU ms", f"{costs.proposal_first * 1e3:.1f}"),
        ("a proposal for a known task, CPU ms", f"{costs.proposal * 1e3:.1f}"),
        ("different texts among 8 candidates", f"{costs.distinct:.0%}"),
        ("reading and logging a candidate, CPU ms", f"{costs.record * 1e3:.2f}"),
        ("a candidate in the log, bytes", f"{costs.logged:,.0f}"),
        ("a candidate's answer on the wire, bytes", f"{costs.sent:,.0f}"),
    ):
        table.add_row(what, value)
    console.print(table)


def paper(console: Console, costs: Costs, task: float) -> None:
    """What ten million candidates take, all tasks new in every iteration; `task` is Ray's part of a task, seconds."""
    judging = costs.distinct * (costs.evaluation + costs.beside)
    table = Table(
        title=f"{CANDIDATES_IN_ALL:,} candidates, {CANDIDATES} a task, hours on {MACHINES} machines",
        title_justify="left",
    )
    for column in ("", "ms a candidate", "of 2 cores", "of 16 cores"):
        table.add_column(column, justify="right" if column else "left")
    together = judging + costs.preparation / CANDIDATES + costs.proposal_first
    driver = costs.record + task / CANDIDATES
    for what, seconds, on_driver in (
        ("judging", judging, False),
        ("preparing, a task an order", costs.preparation / CANDIDATES, False),
        ("proposing", costs.proposal_first, False),
        ("all of that, on the machines", together, False),
        ("instead: preparing, a candidate an order", costs.preparation, False),
        ("the driver: sending orders, reading and logging", driver, True),
        ("instead: the driver proposes as well", driver + costs.proposal_first, True),
    ):
        hours = [CANDIDATES_IN_ALL * seconds / 3600 / (1 if on_driver else MACHINES * cores) for cores in (2, 16)]
        table.add_row(what, f"{seconds * 1e3:.2f}", *(f"{value:.2f}" for value in hours))
    console.print(table)
    console.print(f"The log: {CANDIDATES_IN_ALL * costs.logged / 1e9:.0f} GB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--executors", nargs="*", default=EXECUTORS, choices=EXECUTORS)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=20, help="seeds, the first of them")
    arguments = parser.parse_args()
    console = Console()
    made, costs = measured_costs(arguments.tasks, arguments.passes)
    costs_table(console, costs)
    empty = side_by_side(console, made, arguments.executors, arguments.workers, arguments.passes)
    if "ray" in empty:
        paper(console, costs, empty["ray"])
    console.print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
