"""The file that `sqlopt evaluate` leaves and `sqlopt compare` reads: scores, and the answers behind them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from sqlopt_agents.examination import GREEDY, SAMPLED
from sqlopt_agents.scoring import Answer, Batch, Score, best_of, scores

from ..types import SqlOptError

_FORMAT = "sqlopt evaluation 1"
# Settings in which evaluations may differ that stand in one table; all others must agree.
_FREE = ("policy", "options", "policy_file", "candidates", "greedy", "seed")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one task: a batch of answers for every mode."""

    id: str
    database: str
    shape: str  # "" where it is not known
    batches: dict[str, Batch]

    @property
    def solved(self) -> bool:
        return any(answer.success for batch in self.batches.values() for answer in batch.answers)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One policy's evaluation: `settings` say what was asked of whom, `results` are in the order of the tasks."""

    name: str
    settings: dict[str, Any]
    results: tuple[Result, ...]

    @property
    def modes(self) -> tuple[str, ...]:
        return tuple(mode for mode in (GREEDY, SAMPLED) if mode in self.results[0].batches)

    def batches(self, mode: str, ids: Iterable[str] | None = None) -> list[Batch]:
        """Those of a mode, for all tasks or those named."""
        wanted = None if ids is None else set(ids)
        return [result.batches[mode] for result in self.results if wanted is None or result.id in wanted]

    def scores(self, mode: str, ids: Iterable[str] | None = None) -> dict[str, Score]:
        return scores(self.batches(mode, ids))

    def best_of(self, ids: Iterable[str] | None = None) -> dict[int, Score]:
        """Of the samples; empty where there is at most one a task."""
        found = best_of(self.batches(SAMPLED, ids)) if SAMPLED in self.modes else {}
        return found if len(found) > 1 else {}

    def write(self, path: Path) -> None:
        """Replaces the file in one step."""
        modes = {mode: {name: asdict(score) for name, score in self.scores(mode).items()} for mode in self.modes}
        data = {
            "format": _FORMAT,
            "name": self.name,
            "settings": self.settings,
            "scores": modes,
            "best_of": {str(k): asdict(score) for k, score in self.best_of().items()},
            "results": [asdict(result) for result in self.results],
        }
        temporary = path.with_name(f".{path.name}.writing")
        temporary.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, path)


def read_evaluated(path: Path) -> Evaluated:
    """The evaluation of a file. Raises SqlOptError for any other file."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != _FORMAT:
            raise ValueError(f"it holds {data['format']!r}, not {_FORMAT!r}")
        results = tuple(_result(values) for values in data["results"])
        if not results or len({frozenset(result.batches) for result in results}) > 1:
            raise ValueError("it has no tasks, or not the same kinds of answers for all")
        return Evaluated(str(data["name"]), dict(data["settings"]), results)
    except FileNotFoundError:
        raise SqlOptError(f"there is no file {path}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SqlOptError(f"{path} is not what sqlopt evaluate writes: {error}") from None


def _result(values: dict[str, Any]) -> Result:
    batches = {mode: _batch(batch) for mode, batch in values["batches"].items()}
    if not batches or set(batches) - {GREEDY, SAMPLED}:
        raise ValueError(f"task {values['id']} has answers of no kind that there is")
    return Result(str(values["id"]), str(values["database"]), str(values["shape"]), batches)


def _batch(values: dict[str, Any]) -> Batch:
    answers = tuple(Answer(**answer) for answer in values["answers"])
    figures = (values["seconds"], values["dollars"], *(answer.seconds for answer in answers))
    if not answers or not all(isfinite(figure) for figure in figures):
        raise ValueError("a task without answers, or a figure that is none")
    return Batch(answers, float(values["seconds"]), float(values["dollars"]))


def check_alike(evaluations: Sequence[tuple[Path, Evaluated]]) -> None:
    """Raises SqlOptError where evaluations are not of the same tasks, judged in the same way by the same versions."""
    first_path, first = evaluations[0]
    ids = [result.id for result in first.results]
    for path, evaluated in evaluations[1:]:
        names = sorted({*first.settings, *evaluated.settings} - set(_FREE))
        differ = [name for name in names if first.settings.get(name) != evaluated.settings.get(name)]
        if not differ and [result.id for result in evaluated.results] != ids:
            differ = ["results"]
        if differ:
            raise SqlOptError(
                f"{path} and {first_path} cannot stand in one table: they differ in {', '.join(differ)}; evaluate anew"
            )
    labels = [evaluated.name for _, evaluated in evaluations]
    for (path, _), label in zip(evaluations, labels, strict=True):
        if labels.count(label) > 1:
            raise SqlOptError(f"{path}: two evaluations are called {label!r}: give one of them another --name")
