"""What a run found beside what it kept: successes of another type, measured a second time for a set that needs them.

A run keeps of each task the answers of the fewest techniques, at most `--keep` of them; a set that may hold each query
once, and no type too often, has more to choose from with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlopt_agents.keeping import example

from ...judge import Judge
from ...reward import LogReward, is_success
from ...trajectory import Trajectory, TrajectoryLog, read_trajectories
from ...types import SqlOptError
from .files import RUN, Example, read_examples, read_object

_LOG = "confirmations.jsonl"  # the run's own second measurements


def other_answers(run: Path, workers: int | None, told: Callable[[int, int], None]) -> list[Example]:
    """Examples of the tasks of which the run kept something, one for each type that it kept none of, where one holds.

    They are judged as the run judged, on many small databases; what was measured is in the run's log of second
    measurements, so that this goes on where it was interrupted. `told` hears how many are done, of how many. Raises
    SqlOptError for a folder that is no run.
    """
    found = unkept(run)
    with TrajectoryLog(run / _LOG) as log:
        known = {second.key: second for second in log.read()}
        missing = [trajectory for trajectory in found if trajectory.key not in known]
        with Judge(workers=workers, **_settings(run)) as judge, ThreadPoolExecutor(judge.workers) as threads:
            try:
                for number, second in enumerate(threads.map(lambda first: _again(judge, first), missing), 1):
                    log.append(second)
                    known[second.key] = second
                    told(number, len(missing))
            except BaseException:
                judge.close()  # ends what is being judged
                threads.shutdown(wait=False, cancel_futures=True)
                raise
    pairs = ((trajectory, known[trajectory.key]) for trajectory in found)
    return [example(trajectory, second) for trajectory, second in pairs if second.success]


def unkept(run: Path) -> Sequence[Trajectory]:
    """Of each task that something was kept of, the shortest success of each type of which nothing was kept; tasks of
    one database stand together."""
    kept: dict[str, set[str]] = {}
    for told in read_examples(run):
        kept.setdefault(told["id"], set()).add(told["optimization_type"])
    best: dict[tuple[str, str], Trajectory] = {}
    for trajectory in read_trajectories(run / "trajectories.jsonl"):
        kind = trajectory.proposal.optimization_type
        if not trajectory.success or trajectory.task.id not in kept or kind in kept[trajectory.task.id]:
            continue
        rival = best.get((trajectory.task.id, kind))
        if rival is None or len(trajectory.proposal.techniques) < len(rival.proposal.techniques):
            best[trajectory.task.id, kind] = trajectory
    return sorted(best.values(), key=lambda found: (found.task.database, found.task.id, found.proposal.text))


def _settings(run: Path) -> dict[str, Any]:
    """How the run's judge judged."""
    config = read_object(run / RUN).get("config")
    if not isinstance(config, dict):
        raise SqlOptError(f"{run} is no folder of sqlopt train: it has no {RUN} of this version")
    return {name.removeprefix("judge_"): value for name, value in config.items() if name.startswith("judge_")}


def _again(judge: Judge, first: Trajectory) -> Trajectory:
    evaluation = judge.evaluate(first.task, first.proposal.text, thorough=True)
    reward, success = LogReward()(evaluation), is_success(evaluation)
    return replace(first, evaluation=evaluation, reward=reward, success=success, shared=False)
