"""Score tables: the same rows for the terminal and for a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table
from sqlopt_agents.examination import GREEDY, SAMPLED
from sqlopt_agents.scoring import METRICS, Score, Unit

from .score_file import Evaluated

_UNITS: dict[str, Unit] = {metric.name: metric.unit for metric in METRICS}
_MARKS: dict[Unit, str] = {"share": ", %", "factor": "", "seconds": ", s", "dollars": ", $"}
_ASKED = {GREEDY: "best answer", SAMPLED: "a sample"}
_GOOD = ("valid", "equivalent", "improved", "success", "refuted", "speedup", "effective_speedup")
_DEAR = ("thinking", "judging", "cost")
_GAP = 3  # characters between two columns


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of texts. The first column is of names."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def rich(self, width: int) -> Iterator[Table]:
        """The table for a terminal; where it is too wide, several below one another. Intervals have their own line."""
        lines = [tuple(cell.replace(" [", "\n[") for cell in row) for row in self.rows]
        sizes = [
            max(len(part) for text in (*title.split(), *(row[i] for row in lines)) for part in text.split("\n"))
            for i, title in enumerate(self.columns)
        ]
        title, start = self.title, 1
        while start < len(self.columns):
            end, used = start + 1, sizes[0] + sizes[start] + 2 * _GAP + 1
            while end < len(self.columns) and used + sizes[end] + _GAP <= width:
                used += sizes[end] + _GAP
                end += 1
            table = Table(title=escape(title), title_justify="left")
            for i in (0, *range(start, end)):
                table.add_column(self.columns[i], justify="right" if i else "left", overflow="fold")
            for row in lines:
                table.add_row(*(escape(row[i]) for i in (0, *range(start, end))))
            yield table
            title, start = "", end

    def markdown(self) -> str:
        lines = ["| " + " | ".join(self.columns) + " |", "|---" + "|--:" * (len(self.columns) - 1) + "|"]
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in self.rows]
        return f"{self.title}:\n\n" + "\n".join(lines) + "\n"


def of_one(evaluated: Evaluated) -> Grid:
    """Every score of an evaluation: a row a metric, a column a kind of answer."""
    by_mode = {mode: evaluated.scores(mode) for mode in evaluated.modes}
    rows = [(_title(name), *(shown(found[name], _UNITS[name]) for found in by_mode.values())) for name in _UNITS]
    for k, score in list(evaluated.best_of().items())[1:]:  # of 1 it is the success of a sample
        cells = ("" if mode == GREEDY else shown(score, "share") for mode in by_mode)
        rows.append((f"best of {k} succeeds, %", *cells))
    columns = ("mean over the tasks [95 %]", *(_ASKED[mode] for mode in by_mode))
    return Grid(f"{evaluated.name}: {len(evaluated.results)} tasks", columns, tuple(rows))


def of_groups(evaluated: Evaluated, by: str) -> Grid:
    """Success, refuted share and effective speedup by what tasks have in common: `database` or `shape`."""
    groups: dict[str, list[str]] = {}
    for result in evaluated.results:
        groups.setdefault(getattr(result, by), []).append(result.id)
    mode = evaluated.modes[0]
    names = ("success", "refuted", "effective_speedup")
    rows = []
    for group, ids in sorted(groups.items()):
        found = evaluated.scores(mode, ids)
        rows.append((group, str(len(ids)), *(shown(found[name], _UNITS[name]) for name in names)))
    return Grid(f"{evaluated.name}, {_ASKED[mode]}, by {by}", (by, "tasks", *map(_title, names)), tuple(rows))


def of_several(evaluations: Sequence[Evaluated]) -> list[Grid]:
    """Two tables, a row a policy: how good the answers are; and what is solved of what any of them solved, and effort.

    The evaluations must be of the same tasks.
    """
    solvable = list(dict.fromkeys(result.id for e in evaluations for result in e.results if result.solved))
    count = len(evaluations[0].results)
    answers, efforts = [], []
    for evaluated in evaluations:
        mode = evaluated.modes[0]
        found = evaluated.scores(mode)
        answers.append((f"{evaluated.name}, {_ASKED[mode]}", *(shown(found[name], _UNITS[name]) for name in _GOOD)))
        costs = (shown(found[name], _UNITS[name]) for name in _DEAR)
        efforts.append((evaluated.name, *_on_solvable(evaluated, solvable), *costs))
    solved = ("best answer, %", "a sample, %", "best of n samples, %")
    title = (
        f"Success on the {len(solvable)} of {count} tasks that any of these policies solved, and effort for an answer"
    )
    return [
        Grid(f"Answers to {count} tasks", ("policy", *map(_title, _GOOD)), tuple(answers)),
        Grid(title, ("policy", *solved, *map(_title, _DEAR)), tuple(efforts)),
    ]


def _on_solvable(evaluated: Evaluated, solvable: list[str]) -> tuple[str, str, str]:
    """Success of the best answer, of a sample, and of the best of all samples, where there are any."""
    if not solvable:
        return "-", "-", "-"
    greedy, sampled = (
        shown(evaluated.scores(mode, solvable)["success"], "share") if mode in evaluated.modes else "-"
        for mode in (GREEDY, SAMPLED)
    )
    best = evaluated.best_of(solvable)
    most = max(best, default=0)
    return greedy, sampled, f"n = {most}: {shown(best[most], 'share')}" if best else "-"


def _title(name: str) -> str:
    return name.replace("_", " ") + _MARKS[_UNITS[name]]


def shown(score: Score, unit: Unit) -> str:
    """A value with its interval, in its unit: shares in per cent."""
    if unit == "dollars" and score.value == score.high == 0:
        return "0"
    scale = 100 if unit == "share" else 1
    digits = {"share": 1, "factor": 2, "seconds": 3, "dollars": 4}[unit]
    value, low, high = (f"{scale * figure:.{digits}f}" for figure in (score.value, score.low, score.high))
    return f"{value} [{low}, {high}]"
