"""What the techniques earned in answers that the judge paid: read from the shipped data, or from a run's files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from ..tasks import heldout_examples
from ..trajectory import read_trajectories
from ..types import SqlOptError


@dataclass(frozen=True, slots=True)
class Paid:
    """An answer that was paid: its techniques by name, each once, and its effective speedup."""

    techniques: frozenset[str]
    speedup: float


@dataclass(frozen=True, slots=True)
class Earning:
    """Of one technique: in how many answers it took part, in how many of them alone, and the median effective speedup
    of those answers. Where others took part too, the speedup is theirs as well."""

    answers: int
    alone: int
    speedup: float


def earnings(paid: Iterable[Paid]) -> dict[str, Earning]:
    """By the name of the technique; without those that took part in nothing."""
    by_name: dict[str, list[Paid]] = {}
    for answer in paid:
        for name in answer.techniques:
            by_name.setdefault(name, []).append(answer)
    return {
        name: Earning(
            len(answers),
            sum(len(answer.techniques) == 1 for answer in answers),
            median(answer.speedup for answer in answers),
        )
        for name, answers in by_name.items()
    }


def paid_answers(data: Path | None = None) -> list[Paid]:
    """The best answers that a search found for the held-out tasks, by steps; or those of a file.

    A file is a run's `training_data.json` or `trajectories.jsonl`, of which equal texts count once, or another list of
    held-out tasks. Raises SqlOptError for any other.
    """
    if data is None:
        return list(_of_records(heldout_examples()))
    try:
        if data.suffix == ".jsonl":
            return list(_of_trajectories(data))
        records = json.loads(data.read_text(encoding="utf-8"))
        if not isinstance(records, list):
            raise ValueError("it holds no list")
        found = list(_of_records(records))
    except FileNotFoundError:
        raise SqlOptError(f"there is no file {data}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SqlOptError(
            f"{data} is no training_data.json, no trajectories.jsonl and no held-out tasks: {error}"
        ) from None
    return found


def _of_records(records: list[dict[str, Any]]) -> Iterator[Paid]:
    for record in records:
        if "search" in record:
            techniques, speedup = record["search"]["techniques"], record["search"]["speedup"]
        else:
            techniques, speedup = record["techniques"], record["effective_speedup"]
        if techniques and speedup is not None:
            yield Paid(frozenset(map(_name, techniques)), float(speedup))


def _of_trajectories(path: Path) -> Iterator[Paid]:
    seen = set()
    for trajectory in read_trajectories(path):
        key, evaluation = (trajectory.task.id, trajectory.proposal.text), trajectory.evaluation
        paid = evaluation.outcome == "improved" and evaluation.effective_speedup is not None
        if paid and trajectory.proposal.techniques and key not in seen:
            seen.add(key)
            assert evaluation.effective_speedup is not None
            yield Paid(frozenset(map(_name, trajectory.proposal.techniques)), evaluation.effective_speedup)


def _name(technique: str) -> str:
    """`index_filter` of `index_filter(users.city)`."""
    return technique.partition("(")[0]
