"""The caller's side of `verify`: is the rewrite the same query? Asked of a worker process, answered in a verdict."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .types import Settings, SqlOptError, Verdict
from .workers.pool import WorkerPool
from .workers.worker import WorkerDied, WorkerOverran

_TARGET = "sqlopt_env.examination:make_handler"
_WORKERS = 4  # at most so many at a time, from as many threads; started when they are needed


def verify(
    schema: str | None,
    original: str,
    rewrite: str,
    *,
    data: str | Path | None = None,
    budget: float = 1.0,
    seed: int = 0,
    names: bool = False,
    smt: bool = False,
) -> Verdict:
    """Is `rewrite` the same query as `original` on every database that `schema` allows?

    `schema` holds CREATE statements in SQLite's dialect; it may be None where `data` is given, an SQLite file that is
    only read, and on which (and on a twin of which) both are compared too. `rewrite` may begin with CREATE INDEX
    statements. `budget` is the seconds of CPU time that may be spent on small databases (the data come on top);
    the same `seed` gives the same verdict and witness. With `names`, the columns must have the same names too.

    With `smt`, a solver also looks at all databases of two rows a table, where the queries are of the kind that it
    understands; that needs `pip install 'sqlopt-env[smt]'`.

    Never raises for what is in the inputs: that is a verdict `invalid`. A witness is SQL that can be run after the
    schema. SqlOptError is raised for a `budget` or `seed` that is no number.
    """
    if not isinstance(budget, int | float) or not 0 < budget <= 3600:
        raise SqlOptError(f"budget must be a number of seconds, more than 0 and at most 3600, not {budget!r}")
    if type(seed) is not int or not 0 <= seed < 2**63:
        raise SqlOptError(f"seed must be a whole number from 0 on, not {seed!r}")
    if smt and find_spec("z3") is None:
        raise SqlOptError("smt=True needs z3: pip install 'sqlopt-env[smt]'")
    start = time.perf_counter()
    question = {"budget": budget, "seed": seed, "names": names, "smt": smt}
    verdict = _asked(schema, original, rewrite, data, question)
    return replace(verdict, seconds=time.perf_counter() - start)


def _asked(schema: Any, original: Any, rewrite: Any, data: Any, request: Mapping[str, Any]) -> Verdict:
    for name, text in (("schema", schema), ("original", original), ("rewrite", rewrite)):
        if not isinstance(text, str) and not (name == "schema" and text is None and data is not None):
            hint = " (or None where data is given)" if name == "schema" else ""
            return Verdict("invalid", reason=f"the {name} must be a text{hint}, not {type(text).__name__}")
    if not isinstance(data, str | Path | None):
        return Verdict("invalid", reason=f"data must be the path of an SQLite file, not {type(data).__name__}")
    path = None if data is None else str(Path(data).absolute())
    if path is not None and ("\0" in path or not path.isprintable()):
        return Verdict("invalid", reason="data is not the path of a file")
    # Editors on Windows put a byte order mark before a text.
    texts = {"schema": schema, "original": original, "rewrite": rewrite}
    question = {name: text and text.removeprefix("\ufeff") for name, text in texts.items()} | {"data": path, **request}
    try:
        return Verdict.from_dict(_pool().call(question))
    except WorkerDied:
        return Verdict("unknown", reason="the worker process died while it was running them")
    except WorkerOverran as error:
        return Verdict("unknown", reason=f"killed: its {error.phase} phase took longer than allowed")


@cache
def _pool() -> WorkerPool:
    return WorkerPool(_WORKERS, _TARGET, asdict(Settings()))
