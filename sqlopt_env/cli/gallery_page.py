"""The page of `sqlopt gallery`: a section for each shape, and the table of the pessimisers."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import getdoc

import apsw
from sqlopt_curricula.generator.pessimisers import PESSIMISERS
from sqlopt_curricula.generator.pessimisers.base import Pessimiser
from sqlopt_curricula.generator.shapes import SHAPES
from sqlopt_curricula.generator.shapes.base import Shape
from sqlopt_curricula.generator.slow_query import SlowQuery

from ..types import Evaluation

_INTRODUCTION = """\
# A gallery of generated queries

A *shape* is a kind of query that people ask; it is drawn over any database that has what the kind needs. A *pessimiser*
undoes what a technique of rewriting does: it makes a query slower and leaves it the same query. A generated task is a
query of a shape, made slow by up to three pessimisers. Its *fast form* is the query before them, with the indexes that
SQLite picks for it from a pool. Some tasks are slow for want of an index alone.

Here is the first such query of each shape, with a pessimiser wherever one came. The page is what

```sh
{command}
```

writes, with SQLite {sqlite}. Costs are steps of SQLite's virtual machine; the effective speedup charges a hundredth of
what the indexes take to build. Difficulty is 1 where the indexes alone do nearly all of it, else 1 and the number of
pessimisers to be undone, at least 2. The last words of a section are the judge's: the outcome, paid where it is
`improved`, and the verdict. [judging](judging.md) and [verify](verify.md) tell what they promise.
"""

_SECTION = """\
## {shape}

{sentence}

`{task}` on {domain}; pessimisers: {pessimisers}; difficulty {difficulty}.

```sql
{slow}
```

```
{plan_before}
```

The fast form:

```sql
{fast}
```

```
{plan_after}
```

{steps:,} -> {reference_steps:,} steps, an effective speedup of {speedup:.2f}: **{outcome}**, {verdict}.
"""


def page(command: str, found: Iterable[tuple[SlowQuery, Evaluation]]) -> str:
    """The page as Markdown, its sections in the order of SHAPES. Every evaluation must be one by steps, with plans."""
    by_shape = {query.shape: (query, evaluation) for query, evaluation in found}
    parts = [_INTRODUCTION.format(command=command, sqlite=apsw.sqlite_lib_version())]
    missing = [shape.NAME for shape in SHAPES if shape.NAME not in by_shape]
    if missing:
        parts.append(f"No query came of: {', '.join(missing)}.\n")
    parts += [_section(shape, *by_shape[shape.NAME]) for shape in SHAPES if shape.NAME in by_shape]
    parts.append("## The pessimisers\n\n| pessimiser | what it does | example |\n|---|---|---|\n" + _rows())
    return "\n".join(parts)


def _section(shape: Shape, query: SlowQuery, evaluation: Evaluation) -> str:
    steps, reference_steps, speedup = query.steps, query.reference_steps, query.speedup
    if evaluation.effective_speedup is not None:  # else the generator's own count is what is known
        steps = round((evaluation.baseline_seconds or 0.0) * 1e6)  # by steps, the seconds hold millions of them
        reference_steps = round((evaluation.rewrite_seconds or 0.0) * 1e6)
        speedup = evaluation.effective_speedup
    return _SECTION.format(
        shape=shape.NAME,
        sentence=_documentation(shape)[0],
        task=query.task.id,
        domain=query.task.database,
        pessimisers=", ".join(query.pessimisers) or "none",
        difficulty=query.difficulty,
        slow=query.task.query,
        plan_before=evaluation.plan_before,
        fast=query.task.reference,
        plan_after=evaluation.plan_after,
        steps=steps,
        reference_steps=reference_steps,
        speedup=speedup,
        outcome=evaluation.outcome,
        verdict=_verdict(evaluation),
    )


def _verdict(evaluation: Evaluation) -> str:
    status = evaluation.verdict.status if evaluation.verdict else "no verdict"
    return status if evaluation.outcome == "improved" else f"{status}: {evaluation.reason}"


def _rows() -> str:
    """A line of the table for each pessimiser."""
    lines = []
    for pessimiser in PESSIMISERS:
        example = f"`{_example(pessimiser)}`".replace("|", "\\|")
        lines.append(f"| `{pessimiser.NAME}` | {_documentation(pessimiser)[0]} | {example} |\n")
    return "".join(lines)


def _example(pessimiser: Pessimiser) -> str:
    """The first `good -> slow` of the docstring; its slow side goes on in the lines that are indented deeper."""
    taken: list[str] = []
    for line in _documentation(pessimiser)[2:]:
        if not line or ("->" in " ".join(taken) and not line.startswith(" " * 5)):
            break
        taken.append(line)
    return " ".join(" ".join(taken).split())


def _documentation(module: Shape | Pessimiser) -> list[str]:
    return (getdoc(module) or "").splitlines()
