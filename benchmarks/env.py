"""Steps per second of the environment, what it adds to its judge, and how both grow with the database.

    python benchmarks/env.py [--passes 3] [--scales 1 10] [--plots docs/figures]

`overhead` is the time of `env.step` beyond the call of the judge within it. The growth takes five of the seeds with
their answers; memory is that of the worker that judges them, at its highest. Scale 100 is 5,000,000 orders and takes
some minutes.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import gymnasium as gym
from naive import Floor
from pairs import seed_pairs, shop
from rich.console import Console
from rich.table import Table

import sqlopt_env
from sqlopt_env import Judge, SQLOptimizeEnv
from sqlopt_env.databases import database_path

GROWING = ("shop-02", "shop-06", "shop-12", "shop-15", "shop-17")  # their originals grow no faster than the rows


def clocked(judge: Judge) -> list[float]:
    """Seconds of every evaluation from now on."""
    seconds: list[float] = []
    evaluate = judge.evaluate

    def timed(*arguments: Any, **options: Any) -> sqlopt_env.Evaluation:
        start = time.perf_counter()
        try:
            return evaluate(*arguments, **options)
        finally:
            seconds.append(time.perf_counter() - start)

    judge.evaluate = timed  # type: ignore[method-assign]
    return seconds


def single(measure: str, passes: int) -> tuple[float, float]:
    """(steps per second, seconds that a step adds to the judge's time)"""
    env = SQLOptimizeEnv(measure=measure)
    inside = clocked(env.judge)
    steps, extra = [], []
    for turn in range(-1, passes):
        for pair in seed_pairs():
            env.reset(options={"task": pair.task.id})
            start = time.perf_counter()
            env.step(pair.script(turn))
            taken = time.perf_counter() - start
            if turn >= 0:
                steps.append(taken)
                extra.append(taken - inside[-1])
    env.close()
    return len(steps) / sum(steps), median(extra)


def vectorised(measure: str, passes: int, num_envs: int, workers: int) -> float:
    """Steps per second; each environment plays the tasks that the seed gives it."""
    envs = gym.make_vec("SQLOptimize-v0", num_envs=num_envs, workers=workers, measure=measure)
    scripts = {pair.task.id: pair for pair in seed_pairs()}
    _, infos = envs.reset(seed=0)
    count, start = 0, time.perf_counter()
    for turn in range(20 * (passes + 2)):
        if turn == 40:  # every worker has most tasks ready
            count, start = 0, time.perf_counter()
        infos = envs.step([scripts[name].script(turn) for name in infos["task_id"]])[4]
        count += num_envs
    rate = count / (time.perf_counter() - start)
    envs.close()
    return rate


@dataclass(frozen=True)
class Size:
    orders: int
    evaluation: float  # seconds, the median
    floor: float
    memory: int  # bytes


def size(scale: int, passes: int) -> Size:
    with shop(scale) as database, Judge(workers=1, timeout=60.0, reference_timeout=60.0) as judge:
        pairs = [pair for pair in seed_pairs(database) if pair.task.id in GROWING]
        seconds, floors = [], []
        for pair in pairs:
            judge.evaluate(pair.task, pair.script(-1))
            for turn in range(passes):
                start = time.perf_counter()
                evaluation = judge.evaluate(pair.task, pair.script(turn))
                seconds.append(time.perf_counter() - start)
                assert evaluation.speedup is not None, evaluation.reason
            floor = Floor(database_path(database), [pair])
            floors.append(median(floor.run() for _ in range(3)))
        memory = max(peak(pid) for pid in judge.worker_pids)
        return Size(50_000 * scale, sum(seconds) / len(seconds), sum(floors) / len(floors), memory)


def peak(pid: int) -> int:
    """The most memory that a process held, in bytes; 0 where the system does not say."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def plot(sizes: list[Size], folder: Path) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "sqlopt"
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.8))
    orders = [each.orders for each in sizes]
    left.loglog(orders, [each.evaluation * 1e3 for each in sizes], "o-", label="one evaluation")
    left.loglog(orders, [each.floor * 1e3 for each in sizes], "s--", label="original + answer, once")
    left.set_ylabel("milliseconds")
    left.legend()
    right.loglog(orders, [each.memory / 2**20 for each in sizes], "o-")
    right.set_ylabel("MiB that the worker held at most")
    for axes in (left, right):
        axes.set_xlabel("orders")
        axes.grid(True, alpha=0.3)
    figure.tight_layout()
    figure.savefig(folder / "growth.svg", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--scales", type=int, nargs="*", default=[1, 10], help="times 50,000 orders")
    parser.add_argument("--plots", type=Path, help="folder for growth.svg; needs matplotlib")
    arguments = parser.parse_args()
    console = Console()
    table = Table(title="Steps per second of the environment", title_justify="left")
    for column in ("measure", "one", "overhead, ms", "8 environments, 1 worker", "2 workers"):
        table.add_column(column, justify="right")
    for measure in ("time", "steps"):
        rate, extra = single(measure, arguments.passes)
        vector = [vectorised(measure, arguments.passes, 8, workers) for workers in (1, 2)]
        table.add_row(measure, f"{rate:.1f}", f"{extra * 1e3:.2f}", *(f"{each:.1f}" for each in vector))
    console.print(table)
    sizes = [size(scale, arguments.passes) for scale in arguments.scales]
    table = Table(title="Growth with the database, five seeds", title_justify="left")
    for column in ("orders", "evaluation, ms", "floor, ms", "ratio", "worker's memory, MiB"):
        table.add_column(column, justify="right")
    for each in sizes:
        ratio = each.evaluation / each.floor
        figures = (
            f"{each.evaluation * 1e3:.1f}",
            f"{each.floor * 1e3:.1f}",
            f"{ratio:.2f}",
            f"{each.memory / 2**20:.0f}",
        )
        table.add_row(f"{each.orders:,}", *figures)
    console.print(table)
    if arguments.plots is not None:
        plot(sizes, arguments.plots)


if __name__ == "__main__":
    main()
