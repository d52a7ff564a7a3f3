"""The card of the held-out tasks: what they are, how they were made, and what they hold."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import Any

from ..databases import HELD_OUT

_TEXT = """\
# Held-out tasks

{count} slow queries on {domains} databases that nothing is trained on, to tell what a policy has learnt. Made by

```sh
sqlopt heldout --n {n} --seed {seed}
```

which writes the same files again. Their tree shapes belong to a fold of their own (`sqlopt_curricula/diversity.py`): no
generated training task, of any seed, shares a fingerprint with one of them, and no seed does.

`sqlopt_env.load_tasks("heldout")` gives them as tasks, `sqlopt_env.heldout_examples()` as dictionaries with all that is
known. The databases are built at first use; `tpch` needs `pip install sqlopt-env[tpch]`, whose duckdb bundles the
generator of TPC-H.

## Fields

`id`, `database`, `query`, `description`, `optimization_type` and `reference` are those of a task; `shape` and
`pessimisers` say how the query came about, `steps`, `reference_steps`, `index_steps`, `speedup`, `rows` and
`difficulty` what the generator knows (steps are those of SQLite's virtual machine, the same on every machine).

`solvable`: a bounded search with the {rules} techniques of the rule policy found an answer that the judge calls
`improved`, with an effective speedup of 1.5 by steps; what it found is in `search`. `best` is the best answer that is
known and was paid by the judge: its `source` (the search or the generator), its `script`, and what that takes (`steps`,
`index_steps`, effective `speedup`); null where nothing was paid. Steps misjudge sorting,
LIKE and wide rows: by time, a few of these speedups are lower.

## Contents

| database | tasks | solvable | best speedup of 2 or more | median best speedup | median steps |
|---|--:|--:|--:|--:|--:|
{contents}

| shape | tasks | solvable |
|---|--:|--:|
{shapes}

Difficulties: {difficulties}. Pessimisers: {pessimisers}.

Licence: the queries are part of this project. The rows of `library`, `flights` and `clinic` are invented; those of
`tpch` are made by the generator of the TPC-H benchmark and are not a published result of it.
"""


def card(tasks: list[dict[str, Any]], n: int, seed: int, rules: int) -> str:
    """The card as Markdown."""
    groups = [(name, [task for task in tasks if task["database"] == name]) for name in HELD_OUT]
    shapes = Counter(task["shape"] for task in tasks)
    solvable = Counter(task["shape"] for task in tasks if task["solvable"])
    names = Counter(name for task in tasks for name in task["pessimisers"])
    return _TEXT.format(
        count=len(tasks),
        domains=sum(bool(group) for _, group in groups),
        n=n,
        seed=seed,
        rules=rules,
        contents="\n".join(_row(name, group) for name, group in [*groups, ("all", tasks)] if group),
        shapes="\n".join(f"| {shape} | {count} | {solvable[shape]} |" for shape, count in sorted(shapes.items())),
        difficulties=", ".join(f"{k}: {v}" for k, v in sorted(Counter(task["difficulty"] for task in tasks).items())),
        pessimisers=", ".join(f"{name} {count}" for name, count in names.most_common()),
    )


def _row(name: str, tasks: list[dict[str, Any]]) -> str:
    best = [task["best"]["speedup"] for task in tasks if task["best"]]
    return (
        f"| {name} | {len(tasks)} | {sum(task['solvable'] for task in tasks)} | {sum(gain >= 2 for gain in best)}"
        f" | {median(best or [1.0]):.1f} | {median(task['steps'] for task in tasks):,.0f} |"
    )
