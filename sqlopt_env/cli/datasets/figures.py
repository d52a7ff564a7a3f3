"""What a dataset's examples amount to, as Markdown tables: computed from the examples alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sqlopt_curricula.diversity import diversity

from .identity import form, leading_technique, technique_names

Example = Mapping[str, Any]

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
LARGEST_REWARD = 3.0
_BIN = 0.25
_WIDTH = 40  # of the histogram's longest bar


def share(value: float) -> str:
    """In percent, as the project's pages write it."""
    return f"{100 * value:.1f} %"


def counts(examples: Sequence[Example]) -> str:
    """By type, by leading technique, and by database."""
    types = Counter(example["optimization_type"] for example in examples)
    leading = Counter(leading_technique(example) or "(none told)" for example in examples)
    anywhere = Counter(name for example in examples for name in set(technique_names(example)))
    rows = [
        f"| {name} | {leading[name]} | {share(leading[name] / len(examples))} | {anywhere[name]} |"
        for name, _ in sorted(leading.items(), key=lambda item: (-item[1], item[0]))
    ]
    more = "" if len(anywhere) <= len(leading) else f"\n\n{len(anywhere)} techniques are in the answers in all."
    return "\n\n".join(
        [
            _table("type", types, len(examples)),
            "| leading technique | examples | share | anywhere in the answer |\n|---|--:|--:|--:|\n"
            + "\n".join(rows)
            + more,
            _table("database", Counter(example["database"] for example in examples), len(examples)),
        ]
    )


def speedups(examples: Sequence[Example]) -> str:
    """Quantiles of the speedup and the effective speedup, at both measurements."""
    columns = {
        "speedup": [example["speedup"] for example in examples],
        "effective speedup": [example["effective_speedup"] for example in examples],
        "second measurement: speedup": [example["confirmation"]["speedup"] for example in examples],
        "effective": [example["confirmation"]["effective_speedup"] for example in examples],
    }
    quantiles = {name: np.quantile(values, QUANTILES) for name, values in columns.items()}
    rows = [
        f"| {quantile:.0%} | " + " | ".join(f"{values[number]:,.2f}" for values in quantiles.values()) + " |"
        for number, quantile in enumerate(QUANTILES)
    ]
    return "\n".join([f"| quantile | {' | '.join(columns)} |", "|---" + "|--:" * len(columns) + "|", *rows])


def rewards(examples: Sequence[Example]) -> str:
    """The histogram of the reward, its last line what is at the maximum."""
    bins = int(LARGEST_REWARD / _BIN)
    where = [min(bins, int(example["reward"] / _BIN)) for example in examples]
    found = Counter(where)
    most = max(found.values())
    rows = []
    for number in range(bins + 1):
        name = (
            f"{number * _BIN:.2f} to {(number + 1) * _BIN:.2f}" if number < bins else f"{LARGEST_REWARD:.0f}, the most"
        )
        bar = "█" * round(_WIDTH * found[number] / most)
        rows.append(f"| {name} | {found[number]} | {share(found[number] / len(examples))} | {bar} |")
    return "\n".join(["| reward | examples | share | |", "|---|--:|--:|---|", *rows])


def kinds(examples: Sequence[Example]) -> str:
    """How many different slow queries and rewrites there are: a sentence and a table."""
    queries = list(dict.fromkeys(example["slow_query"] for example in examples))
    left = diversity(queries)
    rewrites = len({form(example) for example in examples})
    return (
        f"{len(examples)} examples, {rewrites} of them different whatever the dress of their queries; {len(queries)}"
        " different slow queries. Of these are still different\n\n"
        "| | share of the slow queries |\n|---|--:|\n"
        f"| as texts, whatever their white space and case | {share(left.exact)} |\n"
        f"| with their literals masked | {share(left.literals)} |\n"
        f"| with the names of tables and columns masked too | {share(left.names)} |\n"
        f"| as tree shapes alone | {share(left.shape)} |"
    )


def verdicts(examples: Sequence[Example]) -> str:
    found = Counter(example["verdict"] for example in examples)
    return ", ".join(f"{count} {name}" for name, count in sorted(found.items()))


def _table(name: str, found: Counter[str], size: int) -> str:
    rows = [
        f"| {value} | {count} | {share(count / size)} |"
        for value, count in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    ]
    return "\n".join([f"| {name} | examples | share |", "|---|--:|--:|", *rows])
