"""What a check came to: check.json, and the dataset without the examples that failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from ...types import SqlOptError
from ...version import versions
from .card import card_of
from .checking import Check, begun
from .combining import renewed, reweighted
from .faults import Finding
from .files import METRICS, Example, digest, read_object, read_report, write_examples, write_json
from .judging import settled


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
        "holds": sum(settled(judged).holds for judged in check.judged.values()),
        "only_at_the_second_measurement": sum(
            settled(judged).holds and not judged[0].holds for judged in check.judged.values()
        ),
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
    report = read_report(report_file)
    if not report.get("failed") or report["settings"]["sample"] is not None or report["data"] != digest(path):
        return None
    check = begun(place)
    refuse_untold(check, place)
    for failure in report["failed"]:
        check.found.setdefault(failure["place"] - 1, []).append(Finding(failure["finding"], failure["reason"]))
    write_left(path, check.left())
    told = {**report, "dropped": len(check.found), "data": digest(path)}
    write_json(report_file, told)
    return told


def refuse_untold(check: Check, place: Path) -> None:
    """Raises SqlOptError where the card of a dataset could not be written after its check."""
    metrics = read_object(place / METRICS) if place.is_dir() else {}
    examples = check.sound
    if "dataset" not in metrics or not examples:
        return
    card_of(place, examples, metrics)
    if check.mix is not None and {example["stage"] for example in examples} == {1, 2}:
        try:
            renewed(metrics, reweighted(examples, check.mix))
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise SqlOptError(f"{place / METRICS} is not what sqlopt combine wrote ({error!r})") from None


def write_left(path: Path, left: Sequence[Example]) -> None:
    """Writes the examples that are left over the dataset's file, and what a combined one tells of its weights."""
    write_examples(path, left)
    metrics = read_object(path.with_name(METRICS))
    if "mix" in metrics.get("dataset", {}):
        write_json(path.with_name(METRICS), renewed(metrics, left))


def _id(example: Any) -> str:
    return str(example.get("id", "")) if isinstance(example, dict) else ""
