"""The card of a dataset: what it is, how it was made, what it holds, what judging it again found, and its limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ...types import SqlOptError
from . import figures
from .figures import share
from .files import CARD, CHECKED, DATA, METRICS, digest, read_examples, read_object, read_report, write_text
from .origins import candidates, made_of_runs, measure_of, mixed, versions_told, wrapped

_TEXT = """\
# Training data: {name}

{what}

## How it was made

{made}

{versions}

## Contents

{kinds}

{counts}

## Speedups and rewards

{speedups}

{measured}

The reward is log10 of the effective speedup, at most 3. {saturated} of the examples are at the most.

{rewards}

## Right?

{right}

{checked}

## Known limits

{limits}

## Fields

{fields}

Licence: the examples are part of this project, and of its licence (Apache-2.0). The databases are invented, and built
at first use (`sqlopt db list`).
"""
_MEASURED = (
    "The effective speedup charges the building of the indexes: slow / (fast + building / 100). The second measurement"
    " is a separate one, made before an example was kept."
)
_LIMITS = """\
- A verdict of `tested` is no proof: both queries returned the same rows on the task's database, on a twin of it and on
  some 200 small ones made for the pair. A difference that all of these miss is possible.
- Times are those of one machine with one version of SQLite, on databases of some thousand to a million rows. On others,
  the factors differ, and some answers may not be worth their indexes.
- Steps of SQLite's virtual machine, which the generator chooses its queries by, misjudge sorting, LIKE and wide rows.
- Each answer is kept for being fast, not for being short or the fastest: some have an index or a step that they do not
  need.
- The slow queries are hand-written or made by a generator; they are not a sample of what people run.
- Nothing here is on a held-out database or shares a fingerprint with a held-out task: these remain for evaluation."""
_FIELDS = """\
`id`, `database`, `description` and `slow_query` are the task's; `schema` and `plan` are what the policy saw of it (the
DDL with row counts, EXPLAIN QUERY PLAN before). `fast_query` is the answer, CREATE INDEX statements and one query;
`explanation`, `optimization_type` (what it does to the query; "indexing" where it only adds indexes) and `techniques`
("name(target)", in their order) say what was done. `speedup` with its 95 % `speedup_interval`, `effective_speedup` and
`reward` are the judge's figures, `confirmation` those of the second measurement, `verdict` what it says of the
equivalence. `policy` and `iteration` say who proposed it when.{more}"""
_GENERATED = (
    " `shape`, `pessimisers` and `difficulty`, where they stand, are what the generator knows of the slow query."
)
_STAGED = (
    " `stage` is 1 or 2. `weight` is how often to sample the example, or what to multiply its loss by: the mean is 1."
)


def write_card(folder: Path) -> None:
    """Writes the card of a dataset's folder anew, from the other files in it. Raises SqlOptError."""
    write_text(folder / CARD, card(folder))


def card(folder: Path) -> str:
    """The card as Markdown."""
    report = read_report(folder / CHECKED)
    if report and report["data"] != digest(folder / DATA):
        report = {}
    return card_of(folder, read_examples(folder), read_object(folder / METRICS), report)


def card_of(
    folder: Path,
    examples: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, Any],
    report: Mapping[str, Any] = MappingProxyType({}),
) -> str:
    """The card of a folder that holds these, or is about to; `report` is what a check of them found."""
    try:
        dataset, runs = metrics["dataset"], metrics.get("runs", [])
        combined = "mix" in dataset
        staged = _GENERATED * any("shape" in example for example in examples) + _STAGED * combined
        top = sum(example["reward"] >= figures.LARGEST_REWARD for example in examples) / len(examples)
        return _TEXT.format(
            name=folder.absolute().name,
            what=_what(examples, dataset),
            made=mixed(dataset) if combined else made_of_runs(dataset, runs),
            versions=versions_told([dataset["versions"], *(run["versions"] for run in runs)]),
            kinds=figures.kinds(examples),
            counts=figures.counts(examples),
            speedups=figures.speedups(examples),
            measured=wrapped(f"{measure_of(runs)} {_MEASURED}"),
            saturated=share(top),
            rewards=figures.rewards(examples),
            right="\n\n".join([f"Verdicts: {figures.verdicts(examples)}.", *candidates(runs)]),
            checked="\n".join([*_stages_checked(dataset.get("stages", {})), _checked(report)]),
            limits=_LIMITS,
            fields=_FIELDS.format(more=staged),
        )
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise SqlOptError(
            f"the card of {folder} cannot be written: {METRICS} or {DATA} is not what this version writes ({error!r})"
        ) from None


def _what(examples: Sequence[Mapping[str, Any]], dataset: Mapping[str, Any]) -> str:
    if "mix" in dataset:
        return f"{len(examples)} verified rewrites of slow queries: both stages, with the weights that make their mix."
    unique = " Every slow query in it is another one." if dataset["one_a_query"] else ""
    return wrapped(
        f"{len(examples)} verified rewrites of slow queries, each judged to be the same query and at least 1.5 times as"
        f" fast, twice.{unique}"
    )


def _stages_checked(stages: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each stage of a combined dataset that had been checked before it was combined."""
    for name, stage in stages.items():
        if report := stage.get("check"):
            yield (
                f"- Stage {name}, by `{report['command']}` on {report['date']}: {report['judged']} of"
                f" {report['examples']} examples judged again from scratch, {report['holds']} of them still hold,"
                f" {report['dropped']} taken out."
            )


def _checked(report: Mapping[str, Any]) -> str:
    """What `sqlopt data check` found."""
    if not report:
        return "It has not been checked as it is now: `sqlopt data check` judges it again from scratch."
    ratios = report["speedup_now_to_then"]
    findings = ", ".join(f"{name} {count}" for name, count in report["findings"].items()) or "none"
    share = "all" if report["settings"]["sample"] is None else f"a random sample of {report['judged']}"
    sentences = [
        f"`{report['command']}` on {report['date']} judged {share} of its {report['examples']} examples again from"
        f" scratch: {report['holds']} of {report['judged']} are still the same query and at least 1.5 times as fast"
        f" ({report['only_at_the_second_measurement']} of them only when they were measured a second time).",
        f"Findings: {findings}.",
    ]
    if ratios:
        sentences.append(
            f"Effective speedup now to then: median {ratios['median']:.2f}, 5 % to 95 %: {ratios['5 %']:.2f} to"
            f" {ratios['95 %']:.2f}."
        )
    if report["dropped"]:
        sentences.append(f"The {report['dropped']} examples that failed were taken out, and are not counted above.")
    return wrapped(" ".join(sentences))
