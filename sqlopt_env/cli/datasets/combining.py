"""Joins the datasets of the two stages into one, with a weight for each example that makes the mix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...types import SqlOptError
from ...version import versions
from .card import card_of
from .choice import Candidate, chosen
from .fields import malformed
from .files import (
    CARD,
    CHECKED,
    DATA,
    METRICS,
    Example,
    data_file,
    digest,
    read_examples,
    read_report,
    refuse_run,
    runs_of,
    shown,
    write_json,
    write_text,
)
from .identity import form
from .quotas import Quotas

_LEAST_MIX = 0.01
_TECHNIQUES_AS_THEY_COME = 1.0  # their quotas were kept by each stage


@dataclass(frozen=True, slots=True)
class Combined:
    """The examples of both stages, stage 1's first, each with its `stage` and its `weight`, and how many were left out:
    those of stage 2 that stage 1 has too, and those over the quota of a type."""

    examples: list[Example]
    mix: float
    duplicates: int
    over_quota: int


def combined_of(stage1: Sequence[Example], stage2: Sequence[Example], mix: float = 0.3) -> Combined:
    """Both stages in one list of n examples: the weights of stage 1 sum up to mix * n, those of stage 2 to the rest.

    So the mean weight is 1, and who samples examples by their weights, or multiplies their losses by them, learns from
    the mix however many examples a stage has. Raises SqlOptError for a mix that is none, and for a stage without
    examples.
    """
    if not is_mix(mix):
        raise SqlOptError(f"the mix must be a share from {_LEAST_MIX} to {1 - _LEAST_MIX}, not {mix}")
    seen = {form(example) for example in stage1}
    both = [{**example, "stage": 1} for example in stage1]
    both += [{**example, "stage": 2} for example in stage2 if form(example) not in seen]
    quotas = Quotas(technique=_TECHNIQUES_AS_THEY_COME)
    candidates = [Candidate(f"{e['database']}\0{e['slow_query']}", e["optimization_type"], "") for e in both]
    places = chosen(candidates, quotas)
    examples = reweighted([both[place] for place in places], mix)
    return Combined(examples, mix, len(stage1) + len(stage2) - len(both), len(both) - len(examples))


def is_mix(mix: float) -> bool:
    """Whether both stages have a share that can be told from none."""
    return _LEAST_MIX <= mix <= 1 - _LEAST_MIX


def reweighted(examples: Sequence[Example], mix: float) -> list[Example]:
    """The examples with the weights that make the mix. Raises SqlOptError where one of the stages has none."""
    counts = Counter(example["stage"] for example in examples)
    if not counts[1] or not counts[2]:
        raise SqlOptError(f"stage {2 if counts[1] else 1} has no example left, so that there is nothing to mix")
    weights = {1: mix * len(examples) / counts[1], 2: (1 - mix) * len(examples) / counts[2]}
    return [{**example, "weight": weights[example["stage"]]} for example in examples]


def read_stage(place: Path) -> list[Example]:
    """The examples of a dataset, of which none may be malformed. Raises SqlOptError."""
    examples = read_examples(place)
    for number, example in enumerate(examples, 1):
        if sentence := malformed(example):
            raise SqlOptError(f"example {number} of {place}: {sentence}; sqlopt data check says more")
    return examples


def write_combined(combined: Combined, sources: Sequence[Path], out: Path, command: str) -> None:
    """Writes the dataset: the examples, metrics.json with counts, weights, sources and runs, and the card.

    Raises SqlOptError, and mostly writes nothing then: what the sources' folders hold is read before.
    """
    refuse_run(out, sources)
    stages = {
        str(stage): {
            "source": shown(source),
            "sha256": digest(data_file(source)),
            "check": _check_of(source),
            **_weights(combined.examples, stage),
        }
        for stage, source in enumerate(sources, 1)
    }
    dataset = {
        "command": command,
        "versions": versions(),
        "mix": combined.mix,
        "examples": len(combined.examples),
        "left_out": {"in both stages": combined.duplicates, "over the quota of a type": combined.over_quota},
        "stages": stages,
    }
    metrics = {"dataset": dataset, "runs": [run for source in sources if source.is_dir() for run in runs_of(source)]}
    text = card_of(out, combined.examples, metrics)
    write_json(out / DATA, combined.examples)
    write_json(out / METRICS, metrics)
    (out / CHECKED).unlink(missing_ok=True)
    write_text(out / CARD, text)


def renewed(metrics: Mapping[str, Any], examples: Sequence[Example]) -> dict[str, Any]:
    """The metrics of a combined dataset whose examples are others by now."""
    dataset = metrics["dataset"]
    stages = {name: {**stage, **_weights(examples, int(name))} for name, stage in dataset["stages"].items()}
    return {**metrics, "dataset": {**dataset, "examples": len(examples), "stages": stages}}


def _check_of(source: Path) -> dict[str, Any] | None:
    """What the last check of a stage's dataset as it is now came to; None where there was none."""
    report = read_report(source / CHECKED) if source.is_dir() else {}
    if not report or report["data"] != digest(data_file(source)):
        return None
    return {name: report[name] for name in ("command", "date", "examples", "judged", "holds", "dropped")}


def _weights(examples: Sequence[Example], stage: int) -> dict[str, Any]:
    weights = [example["weight"] for example in examples if example["stage"] == stage]
    return {"examples": len(weights), "weight": weights[0], "sum_of_weights": sum(weights)}
