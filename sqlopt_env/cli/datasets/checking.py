"""The whole check of a dataset: what is wrong with it as it stands, and what the judge says of it now.

What becomes of that is in reporting.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from ...judge import Judge
from ...types import SqlOptError
from .combining import is_mix, reweighted
from .faults import MALFORMED, WEIGHT, Finding, of_each, of_quota, of_weights, unweighed
from .files import METRICS, RUN, Example, read_examples, read_object, runs_of
from .judging import CheckLog, Judged, findings_of, judge_again, settled
from .quotas import Quotas

MOST_OF_A_TYPE = Quotas().optimization_type  # whatever the dataset was made with


@dataclass(slots=True)
class Check:
    """A dataset and what was found of it. `found` is by place, `of_all` of the set as a whole."""

    examples: list[Any]
    mix: float | None  # of a combined dataset: the share of stage 1's weights
    measures: frozenset[str]  # what its examples were measured by, as far as that is known
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
    def sound(self) -> list[Example]:
        """The examples that have all fields, of a combined dataset those with their weights too."""
        without = {place for place, own in self.found.items() if any(f.kind in (MALFORMED, WEIGHT) for f in own)}
        return [example for place, example in enumerate(self.examples) if place not in without]

    @property
    def counts(self) -> dict[str, int]:
        """Findings by their kind."""
        every = [*self.of_all, *(finding for own in self.found.values() for finding in own)]
        return dict(sorted(Counter(finding.kind for finding in every).items()))

    @property
    def ratios(self) -> list[float]:
        """Effective speedup now to then, of what was measured and is still the same query."""
        last = ((self.examples[place]["effective_speedup"], settled(judged)) for place, judged in self.judged.items())
        return [ratio for then, now in last if (ratio := (now.effective_speedup or 0.0) / then) and isfinite(ratio)]

    def can_compare(self, measure: str) -> bool:
        """Whether speedups by this measure can be held against those that the examples tell, as far as that is known:
        steps and times are different things."""
        return all((own == "steps") == (measure == "steps") for own in self.measures)

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
    if mix is not None and not (isinstance(mix, float) and is_mix(mix)):
        raise SqlOptError(f"{place / METRICS} tells a mix that is none: {mix!r}")
    found = of_each(examples, one_a_query=dataset.get("one_a_query") is True)
    whole = [example for number, example in enumerate(examples) if not _is_malformed(found.get(number, []))]
    of_all = of_quota(whole, _quotas(dataset))
    if mix is not None:
        for number, example in enumerate(examples):
            if isinstance(example, dict) and unweighed(example):
                found.setdefault(number, []).append(Finding(WEIGHT, "it has no stage or no weight"))
        of_all += of_weights([example for example in whole if not unweighed(example)], mix)
    return Check(examples, mix, _measures(place), found, of_all)


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
    examples = [check.examples[place] for place in places]
    comparable = check.can_compare(judge.settings.measure)
    fastest = [_fastest_told(example) if comparable else None for example in examples]
    answers = judge_again(examples, fastest, judge, log, told)
    for place, most, judged in zip(places, fastest, answers, strict=True):
        check.judged[place] = judged
        if findings := findings_of(judged, most):
            check.found.setdefault(place, []).extend(findings)


def _fastest_told(example: Example) -> float:
    return max(float(figures["effective_speedup"]) for figures in (example, example["confirmation"]))


def _measures(place: Path) -> frozenset[str]:
    """By which the examples of a run's or a dataset's folder were measured; none for a file."""
    if not place.is_dir():
        return frozenset()
    configs = [read_object(place / RUN).get("config"), *(run.get("run") for run in runs_of(place))]
    found = (config.get("judge_measure") for config in configs if isinstance(config, dict))
    return frozenset(measure for measure in found if isinstance(measure, str))


def _quotas(dataset: Mapping[str, Any]) -> Quotas:
    """That of types, and of techniques the one that the dataset was made with, if any."""
    told = dataset.get("quotas")
    technique = told.get("technique", 1.0) if isinstance(told, dict) else 1.0
    return Quotas(MOST_OF_A_TYPE, technique if isinstance(technique, int | float) else 1.0)


def _is_malformed(findings: Sequence[Finding]) -> bool:
    return any(finding.kind == MALFORMED for finding in findings)
