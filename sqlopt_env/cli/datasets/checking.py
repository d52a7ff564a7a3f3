"""The whole check of a dataset: what is wrong with it as it stands, and what the judge says of it now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from ...judge import Judge
from ...types import SqlOptError
from ...version import versions
from .combining import renewed, reweighted
from .faults import MALFORMED, Finding, of_each, of_quota, of_weights
from .files import METRICS, Example, digest, read_examples, read_object, write_json
from .judging import CheckLog, Judged, judge_again
from .quotas import Quotas

MOST_OF_A_TYPE = Quotas().optimization_type  # whatever the dataset was made with


@dataclass(slots=True)
class Check:
    """A dataset and what was found of it. `found` is by place, `of_all` of the set as a whole."""

    examples: list[Any]
    mix: float | None  # of a combined dataset: the share of stage 1's weights
    found: dict[int, list[Finding]]
    of_all: list[Finding]
    judged: dict[int, list[Judged]] = field(default_factory=dict)  # each once, or a second time

    @property
    def failed(self) -> bool:
        return bool(self.found or self.of_all)

    @property
    def has_malformed(self) -> bool:
        return any(map(_is_malformed, self.found.values()))

    @property
    def counts(self) -> dict[str, int]:
        """Findings by their kind."""
        every = [*self.of_all, *(finding for own in self.found.values() for finding in own)]
        return dict(sorted(Counter(finding.kind for finding in every).items()))

    @property
    def ratios(self) -> list[float]:
        """Effective speedup now to then, of what was measured and is still the same query."""
        last = ((self.examples[place]["effective_speedup"], judged[-1]) for place, judged in self.judged.items())
        return [ratio for then, now in last if (ratio := (now.effective_speedup or 0.0) / then) and isfinite(ratio)]

    def left(self) -> list[Example]:
        """The examples without those that failed; of a combined dataset, weighed anew. Raises SqlOptError for none."""
        left = [example for place, example in enumerate(self.examples) if place not in self.found]
        if not left:
            raise SqlOptError("every example failed: without them nothing would be left, so that none was taken out")
        return left if self.mix is None else reweighted(left, self.mix)


def begun(place: Path) -> Check:
    """The dataset of a folder, or the file of one, and what is wrong with it before anything is judged.

    Raises SqlOptError for what is no list of examples.
    """
    examples = read_examples(place)
    dataset = read_object(place / METRICS).get("dataset", {}) if place.is_dir() else {}
    if not isinstance(dataset, dict):
        raise SqlOptError(f"{place / METRICS} is not what sqlopt data make or sqlopt combine wrote")
    mix = dataset.get("mix")
    if mix is not None and not (isinstance(mix, float) and 0.0 < mix < 1.0):
        raise SqlOptError(f"{place / METRICS} tells a mix that is none: {mix!r}")
    found = of_each(examples, one_a_query=dataset.get("one_a_query") is True)
    whole = [example for number, example in enumerate(examples) if not _is_malformed(found.get(number, []))]
    of_all = of_quota(whole, _quotas(dataset)) + ([] if mix is None else of_weights(whole, mix))
    return Check(examples, mix, found, of_all)


def to_judge(check: Check, sample: int | None, seed: int) -> list[int]:
    """The places of the examples that can be judged, in their order: all, or a random sample of them."""
    places = [place for place in range(len(check.examples)) if not _is_malformed(check.found.get(place, []))]
    if sample is None or sample >= len(places):
        return places
    drawn = np.random.default_rng(np.random.SeedSequence(seed)).choice(len(places), sample, replace=False)
    return sorted(places[number] for number in drawn)


def judge_places(
    check: Check, places: Sequence[int], judge: Judge, log: CheckLog, told: Callable[[], None] = lambda: None
) -> None:
    """Judges these examples again and adds what is found to the check."""
    answers = judge_again([check.examples[place] for place in places], judge, log, told)
    for place, judged in zip(places, answers, strict=True):
        check.judged[place] = judged
        finding = judged[-1].finding
        if finding is not None:
            check.found.setdefault(place, []).append(finding)


def report_of(check: Check, command: str, settings: Mapping[str, Any], *, dropped: bool) -> dict[str, Any]:
    """What check.json holds: the command, when and by what versions, and all that was found."""
    ratios = check.ratios
    return {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "versions": versions(),
        "settings": dict(settings),
        "examples": len(check.examples),
        "judged": len(check.judged),
        "holds": sum(judged[-1].holds for judged in check.judged.values()),
        "only_at_the_second_measurement": sum(len(judged) > 1 and judged[-1].holds for judged in check.judged.values()),
        "findings": check.counts,
        "speedup_now_to_then": None
        if not ratios
        else {
            "median": round(median(ratios), 4),
            "5 %": round(float(np.quantile(ratios, 0.05)), 4),
            "95 %": round(float(np.quantile(ratios, 0.95)), 4),
        },
        "failed": [
            {"place": place + 1, "id": _id(check.examples[place]), "finding": finding.kind, "reason": finding.reason}
            for place, findings in sorted(check.found.items())
            for finding in findings
        ],
        "of_all": [{"finding": finding.kind, "reason": finding.reason} for finding in check.of_all],
        "dropped": len(check.found) if dropped else 0,
    }


def dropped_by(report_file: Path, place: Path, path: Path) -> dict[str, Any] | None:
    """Takes out what an earlier check of all of this very data found, without judging anything again.

    The report, which tells so now; None where there is no such check, or nothing failed in it.
    """
    report = read_object(report_file)
    if not report.get("failed") or report["settings"]["sample"] is not None or report["data"] != digest(path):
        return None
    check = begun(place)
    for failure in report["failed"]:
        check.found.setdefault(failure["place"] - 1, []).append(Finding(failure["finding"], failure["reason"]))
    write_left(path, check.left())
    told = {**report, "dropped": len(check.found), "data": digest(path)}
    write_json(report_file, told)
    return told


def write_left(path: Path, left: Sequence[Example]) -> None:
    """Writes the examples that are left over the dataset's file, and what a combined one tells of its weights."""
    write_json(path, left)
    metrics = read_object(path.with_name(METRICS))
    if "mix" in metrics.get("dataset", {}):
        write_json(path.with_name(METRICS), renewed(metrics, left))


def _quotas(dataset: Mapping[str, Any]) -> Quotas:
    """That of types, and of techniques the one that the dataset was made with, if any."""
    told = dataset.get("quotas")
    technique = told.get("technique", 1.0) if isinstance(told, dict) else 1.0
    return Quotas(MOST_OF_A_TYPE, technique if isinstance(technique, int | float) else 1.0)


def _is_malformed(findings: Sequence[Finding]) -> bool:
    return any(finding.kind == MALFORMED for finding in findings)


def _id(example: Any) -> str:
    return str(example.get("id", "")) if isinstance(example, dict) else ""
