"""A Ray cluster of two machines on this one, the second of which is ended in the middle of the work.

Run as a program by test_ray.py, because Ray changes the process that it is used in. Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["PYTHONPATH"] = str(Path(__file__).parent)  # where the processes of the cluster find what they import

import e_step_policies as policies
import executor_functions as functions
import ray
from ray.cluster_utils import Cluster
from sqlopt_agents.config import Config, Watcher
from sqlopt_agents.e_step import EStep
from sqlopt_agents.executors import Executor, Failure, make_executor
from sqlopt_agents.run_folder import RunFolder

from sqlopt_env import Judge, SqlOptError, Task
from sqlopt_env.reward import LogReward

ITEMS = 40


def main(folder: Path) -> None:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    os.environ["RAY_ADDRESS"] = cluster.address
    found: dict[str, Any] = {}
    try:
        with make_executor("ray") as executor:
            cluster.wait_for_nodes()
            found |= with_a_machine_that_goes(
                executor, folder, lambda: cluster.remove_node(second, allow_graceful=False)
            )
            found |= with_poison(executor)
        found |= e_steps(folder, Path(sys.argv[2]))
    finally:
        ray.shutdown()
        cluster.shutdown()
    print(json.dumps(found))


def with_a_machine_that_goes(executor: Executor, folder: Path, end: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"workers": executor.workers}
    read, done = [], []

    def items() -> Iterator[tuple[str, int]]:
        for number in range(ITEMS):
            read.append(number)
            yield str(folder / str(number)), 0

    for (path, _), machine in executor.map_unordered(functions.slowly_with_machine, items()):
        done.append((int(Path(path).name), machine))
        if len(done) == 1:
            found["read_at_first"] = len(read)
        if len(done) == ITEMS // 4:
            end()
    found["items"] = sorted(number for number, _ in done)
    found["machines"] = len({machine for _, machine in done})
    found["tried_again"] = sum((folder / str(number)).stat().st_size > 1 for number in range(ITEMS))
    deadline = time.monotonic() + 30  # Ray notices late that a machine has gone
    while executor.workers > 1 and time.monotonic() < deadline:
        time.sleep(0.2)
    found["workers_left"] = executor.workers
    return found


def with_poison(executor: Executor) -> dict[str, Any]:
    def ended(function: Any, items: list[int], **how: Any) -> list[Any]:
        results = dict(executor.map_unordered(function, items, **how))
        return [f"{r.kind} {r.tries}" if isinstance(r, Failure) else r for r in map(results.get, items)]

    found: dict[str, Any] = {
        "deadly": ended(functions.deadly, [1, 7, 8], retries=1),
        "endless": ended(functions.endless_in_c, [0, 1], retries=0, timeout=1.0),
        "raising": ended(functions.odd_ones_raise, [1, 2]),
    }
    try:
        executor.map_unordered(lambda item: item, [1])
    except SqlOptError as error:
        found["unpicklable"] = str(error)
    return found


def e_steps(folder: Path, database: Path) -> dict[str, Any]:
    """Whether an E-step on the cluster leaves the trajectories of one in this process."""
    tasks = [Task(f"t{a}", str(database), f"SELECT count(*) FROM t WHERE a = {a} AND b > 'b'") for a in (3, 4)]
    runs = {}
    for executor, policy in (("serial", policies.Mixed()), ("ray", policies.Mixed()), ("ray", policies.Portable())):
        name = f"{executor} {type(policy).__name__}"
        with (
            Judge(workers=1, measure="steps") as judge,
            RunFolder(folder / name, {}, {}, resume=False) as run,
        ):
            step = EStep(judge, run, Config(candidates=4, executor=executor), LogReward(), Watcher(), "mine")
            trajectories = step.run(policy, 0, tasks)
            trajectories += step.confirm([t for t in trajectories if t.success])
            runs[name] = json.dumps([timeless(t.to_dict()) for t in trajectories])
            step.close()
    return {"e_steps": len(runs), "different": len(set(runs.values()))}


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: timeless(part) for name, part in value.items() if name != "seconds"}
    return [timeless(part) for part in value] if isinstance(value, list | tuple) else value


if __name__ == "__main__":
    main(Path(sys.argv[1]))
