"""The nouns of the library: task, rewrite, plan, verdict, evaluation.

Frozen records without behaviour beyond turning themselves into JSON and text and back.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

Outcome = Literal[
    "improved",  # the same query, and the whole 99 % interval of the speedup lies above 1
    "equivalent",  # the same query, no certain gain
    "refuted",  # another query: the results differ
    "unverified",  # the check could not finish; never paid
    "forbidden",  # a statement, table or function that a rewrite may not use
    "invalid",  # not SQL that SQLite accepts, or not index statements and one query
    "timeout",  # ran longer than its budget
    "memory",  # needed more memory than its budget
    "crashed",  # the worker process died
]
OUTCOMES: tuple[str, ...] = get_args(Outcome)

Unfit = Literal[
    "",  # it is a good task
    "invalid",  # SQLite refuses it
    "undetermined",  # its own answer is left open
    "empty",  # no row, or one of nothing
    "cheap",  # fewer steps than the floor
    "dear",  # more steps than the limit
    "large",  # more rows than the limit
    "unequal",  # its known answer is not its answer
]
Status = Literal["proved", "tested", "refuted", "invalid", "unknown"]
Measure = Literal["time", "steps", "interleaved"]


class SqlOptError(Exception):
    """The caller's mistake, in one sentence that says what to do. A policy's mistake is an outcome instead."""


@dataclass(frozen=True, slots=True)
class Task:
    """A slow query on a database.

    `database` is the name of a built-in database ("shop") or the path of an SQLite file.
    """

    id: str
    database: str
    query: str
    description: str = ""
    optimization_type: str = ""
    reference: str = ""  # a known good script, where there is one; never shown to a policy

    def __post_init__(self) -> None:
        if isinstance(self.database, Path):
            object.__setattr__(self, "database", str(self.database))


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What a policy proposed: `script` as written, and `indexes` and `query` as SQLite split it."""

    script: str
    explanation: str = ""
    optimization_type: str = ""
    indexes: tuple[str, ...] = ()
    query: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The rows of EXPLAIN QUERY PLAN: `steps` holds (depth, detail) from the outside in."""

    steps: tuple[tuple[int, str], ...]

    def __str__(self) -> str:
        return "\n".join("  " * depth + detail for depth, detail in self.steps)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Is the rewrite the same query?

    `proved`: it is, on every database that the schema allows. `tested`: on all that were tried. `refuted`: it is not.
    `invalid`: one of the inputs is no such thing. `unknown`: not enough could be tried; never paid.
    """

    status: Status
    instances: int = 0  # databases on which both agreed
    reason: str = ""  # one sentence
    witness: str = ""  # a minimal database on which they differ, as SQL; empty where it is the caller's own
    original_rows: tuple[str, ...] = ()  # what the original returns there, a text a row
    rewrite_rows: tuple[str, ...] = ()
    coverage: tuple[int, int] | None = None  # branches of both queries that instances reached, and all of them
    seconds: float = field(default=0.0, compare=False)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Verdict:
        """The inverse of `dataclasses.asdict`, also after a trip through JSON."""
        values = dict(data)
        values |= {name: tuple(values.get(name, ())) for name in ("original_rows", "rewrite_rows")}
        if values.get("coverage") is not None:
            reached, branches = values["coverage"]
            values["coverage"] = (reached, branches)
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Settings:
    """How a judge judges. Everything that can change an evaluation is here."""

    # "time": CPU time in units of a yardstick, the original once a task. "interleaved": original and rewrite in turn,
    # dearer, for final figures. "steps": SQLite's virtual-machine steps, the same number at every run, which misjudge
    # sorting, LIKE and wide rows. Figures of different measures must not meet in one set of data.
    measure: Measure = "time"
    timeout: float = 2.0  # seconds that one execution, or building the indexes, may take
    reference_timeout: float = 30.0  # seconds for the rows of an original that is over `timeout`, with indexes
    measure_seconds: float = 3.0  # seconds after which no further round of timing begins
    instances: int = 16  # small databases on which every rewrite is compared with the original
    thorough_instances: int = 200  # the same for a rewrite that is about to be kept
    amortize_over: float = 100.0  # executions over which the cost of building the indexes is spread
    max_rows: int = 1_000_000
    max_result_bytes: int = 256 * 2**20
    memory_bytes: int = 2 * 2**30  # beyond the database itself
    cell_bytes: int = 2**20  # the longest text or blob, SQLITE_LIMIT_LENGTH
    script_bytes: int = 64 * 2**10
    cache_bytes: int = 2**30  # copies of databases with the indexes that were built on them, of one worker
    answer_repeats: bool = False  # a script that was judged before gets its evaluation again, marked `repeated`

    def __post_init__(self) -> None:
        if self.measure not in get_args(Measure):
            raise SqlOptError(f"measure must be one of {', '.join(get_args(Measure))}, not {self.measure!r}")
        for name, least, most in (
            ("timeout", 0.001, 1e6),
            ("reference_timeout", 0.001, 1e6),
            ("measure_seconds", 0.001, 1e6),
            ("amortize_over", 1e-9, 1e18),
        ):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and least <= value <= most):
                raise SqlOptError(f"{name} must be a number from {least:g} to {most:g}, not {value!r}")
        for name, smallest, largest in (
            ("instances", 0, 10**6),
            ("thorough_instances", 0, 10**6),
            ("max_rows", 1, 10**9),
            ("max_result_bytes", 1, 2**40),
            ("memory_bytes", 2**26, 2**50),
            ("cell_bytes", 100, 10**9),
            ("script_bytes", 1, 10**9),
            ("cache_bytes", 0, 2**50),
        ):
            value = getattr(self, name)
            if not (type(value) is int and smallest <= value <= largest):
                raise SqlOptError(f"{name} must be a whole number from {smallest:,} to {largest:,}, not {value!r}")
        if not isinstance(self.answer_repeats, bool):
            raise SqlOptError(f"answer_repeats must be True or False, not {self.answer_repeats!r}")


@dataclass(frozen=True, slots=True)
class Demands:
    """What a slow query must be, to be a good task; steps are those of SQLite's virtual machine."""

    least_steps: int = 40_000  # about 0.7 ms
    most_steps: int = 5_000_000  # about 0.1 s
    most_rows: int = 20_000

    def __post_init__(self) -> None:
        for name, least in (("least_steps", 0), ("most_steps", 1), ("most_rows", 1)):
            value = getattr(self, name)
            if not (type(value) is int and least <= value <= 10**9):
                raise SqlOptError(f"{name} must be a whole number from {least} to 1,000,000,000, not {value!r}")
        if self.least_steps > self.most_steps:
            raise SqlOptError(
                f"least_steps, {self.least_steps:,}, must not be more than most_steps, {self.most_steps:,}"
            )


@dataclass(frozen=True, slots=True)
class Answer:
    """A query that answers another one, with the indexes that SQLite takes for it: `index_steps` to build them, `steps`
    to run. `alone_steps` is what the other query takes with indexes, None where that is over the limit.
    """

    query: str
    indexes: tuple[str, ...]
    steps: int
    index_steps: int
    alone_steps: int | None = None
    milliseconds: float = field(default=0.0, compare=False)

    @property
    def script(self) -> str:
        return "".join(f"{statement};\n" for statement in self.indexes) + self.query


@dataclass(frozen=True, slots=True)
class Appraisal:
    """A query on its way to become a task: why it cannot, or what it takes, and what its good form does."""

    unfit: Unfit
    reason: str
    rows: int
    steps: int
    milliseconds: float = field(compare=False)
    answer: Answer | None = None

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Appraisal:
        """The inverse of `dataclasses.asdict`, also after a trip through JSON."""
        answer = data["answer"]
        made = None if answer is None else Answer(**{**answer, "indexes": tuple(answer["indexes"])})
        return cls(**{**data, "answer": made})


@dataclass(frozen=True, slots=True)
class Brief:
    """What may be known of a task before any rewrite: the material of an observation."""

    task: Task
    schema: str  # DDL with row counts as comments; indexes that exist are part of it
    plan: Plan
    columns: int
    row_counts: tuple[tuple[str, int], ...]
    sqlite_version: str


@dataclass(frozen=True, slots=True)
class Size:
    """How large a query is to a reader; `readability.counts` says what is counted."""

    nodes: int  # names, keywords, literals and operators
    depth: int  # of its parentheses, one within the other
    joins: int
    subqueries: int
    indexes: int  # that it wants built


@dataclass(frozen=True, slots=True)
class SizeChange:
    """The original's size and the rewrite's."""

    before: Size
    after: Size


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that the judge found out about one rewrite. Figures are None where nothing was measured.

    With `measure="steps"`, the three `*_seconds` hold millions of SQLite virtual-machine steps instead.
    """

    task_id: str
    outcome: Outcome
    reason: str
    rewrite: Rewrite
    verdict: Verdict | None = None
    speedup: float | None = None  # original / rewrite, the median of several rounds
    speedup_interval: tuple[float, float] | None = None  # 95 %
    effective_speedup: float | None = None  # original / (rewrite + index build / amortize_over)
    baseline_seconds: float | None = None  # the original, once
    baseline_is_lower_bound: bool = False  # the original was stopped at the budget: all speedups are lower bounds
    rewrite_seconds: float | None = None
    index_seconds: float | None = None
    index_bytes: int | None = None
    plan_before: Plan | None = None
    plan_after: Plan | None = None
    size: SizeChange | None = None  # None where the rewrite is no query that SQLite can read
    rounds: int = 0
    measure: Measure = "time"
    sqlite_version: str = ""
    repeated: bool = False  # the evaluation of an earlier, equal script (see Settings.answer_repeats)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Evaluation:
        """The inverse of `to_dict`, also after a trip through JSON."""
        values = dict(data)
        rewrite = values["rewrite"]
        values["rewrite"] = Rewrite(**{**rewrite, "indexes": tuple(rewrite["indexes"])})
        if values["verdict"] is not None:
            values["verdict"] = Verdict.from_dict(values["verdict"])
        if values["speedup_interval"] is not None:
            low, high = values["speedup_interval"]
            values["speedup_interval"] = (low, high)
        for name in ("plan_before", "plan_after"):
            if values[name] is not None:
                values[name] = plan_from_dict(values[name])
        if values.get("size") is not None:  # older records have none
            values["size"] = SizeChange(Size(**values["size"]["before"]), Size(**values["size"]["after"]))
        return cls(**values)


def plan_from_dict(data: dict[str, Any]) -> Plan:
    return Plan(tuple((int(depth), str(detail)) for depth, detail in data["steps"]))
