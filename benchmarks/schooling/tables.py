"""The experiment's tables, for the terminal and for a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from sqlopt_env import SqlOptError
from sqlopt_env.cli.score_tables import Grid

from .arms import ARMS, SEEDS, UNTRAINED
from .exam import Key, Scores
from .figures import Figure, Runs, difference, mean, student
from .training import Trained

BEGIN, END = "<!-- experiment -->", "<!-- end of experiment -->"
LABELS = {UNTRAINED: "untrained", **ARMS}
_ANSWERS = {
    "greedy": "best answer, %",
    "sample": "a sample, %",
    "best": "best of {samples} samples, %",
    "greedy refuted": "refuted, best answer, %",
    "sample refuted": "refuted, a sample, %",
}
_COMPARED = {"greedy": "best answer", "sample": "a sample", "sample refuted": "refuted, a sample"}


def runs_of(arm: str, metric: str, scores: Mapping[Key, Scores]) -> Runs:
    return {seed: found[metric] for (name, seed), found in scores.items() if name == arm}


def arms_of(scores: Mapping[Key, Scores]) -> list[str]:
    """In the order of the rows."""
    return [arm for arm in LABELS if any(name == arm for name, _ in scores)]


def of_answers(scores: Mapping[Key, Scores], samples: int) -> Grid:
    """How the arms' policies do on the held-out tasks."""
    tasks = len(next(iter(scores.values()))["greedy"])
    rows = [
        (LABELS[arm], *(_per_cent(mean(runs_of(arm, metric, scores))) for metric in _ANSWERS))
        for arm in arms_of(scores)
    ]
    title = f"{tasks} held-out tasks; mean of {_runs(scores)} [95 % over runs, Student's t]"
    return Grid(title, ("curriculum", *(name.format(samples=samples) for name in _ANSWERS.values())), tuple(rows))


def of_differences(scores: Mapping[Key, Scores]) -> Grid | None:
    """What an arm gains over the seeds alone, with the interval over runs and that over tasks; None without the two."""
    others = [arm for arm in arms_of(scores) if arm != SEEDS]
    if not others or SEEDS not in arms_of(scores):
        return None
    rows = []
    for arm in others:
        found = [difference(runs_of(arm, m, scores), runs_of(SEEDS, m, scores)) for m in _COMPARED]
        rows.append((LABELS[arm], *(cell for figure in found for cell in _points(figure))))
    columns = (c for name in _COMPARED.values() for c in (f"{name}, over runs", "over tasks"))
    title = f"Difference to {LABELS[SEEDS]}, percentage points, paired by seed and by task [95 %]"
    return Grid(title, ("curriculum", *columns), tuple(rows))


def of_training(runs: Sequence[Trained]) -> Grid:
    """What the runs tried and kept. Success is on tasks of an arm's own, and says nothing beside another arm's."""
    rows = []
    for arm in ARMS:
        group = [run for run in runs if run.arm == arm]
        if group:
            shares = (_shares([run.success for run in group]), _shares([run.refuted for run in group]))
            numbers: tuple[Callable[[Trained], float], ...] = (
                lambda run: run.tasks, lambda run: run.seeds, lambda run: run.examples, lambda run: run.seconds,
            )  # fmt: skip
            rows.append((LABELS[arm], *shares, *(f"{fmean(map(number, group)):.0f}" for number in numbers)))
    columns = (
        "curriculum", "success in the last E-step, %", "refuted there, %", "different tasks", "seeds among them",
        "examples kept", "seconds",
    )  # fmt: skip
    return Grid("The runs' own candidates; means of the runs", columns, tuple(rows))


def check_page(page: Path) -> None:
    """Raises SqlOptError for a page that cannot be read, or has no place for the tables."""
    _parts(page)


def insert(page: Path, text: str) -> None:
    """Writes the text between the page's two marks. Raises SqlOptError where that cannot be done."""
    before, after = _parts(page)
    try:
        page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")
    except OSError as error:
        raise SqlOptError(f"the page {page} cannot be written: {error}") from None


def _parts(page: Path) -> tuple[str, str]:
    """What stands before and after the tables."""
    try:
        before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    except (OSError, UnicodeDecodeError) as error:
        raise SqlOptError(f"the page {page} cannot be read: {error}") from None
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SqlOptError(f"{page} has no place for the tables: it needs the lines {BEGIN} and {END}")
    return before, after


def _runs(scores: Mapping[Key, Scores]) -> str:
    counts = {sum(name == arm for name, _ in scores) for arm in arms_of(scores) if arm != UNTRAINED}
    return f"{max(counts, default=1)} run{'s' * (max(counts, default=1) > 1)}"


def _per_cent(figure: Figure) -> str:
    return f"{100 * figure.value:.1f}" + _interval(figure.over_runs, ".1f")


def _shares(values: Sequence[float]) -> str:
    found = student(values)
    within = None if found is None else (max(0.0, found[0]), min(1.0, found[1]))
    return f"{100 * fmean(values):.1f}" + _interval(within, ".1f")


def _points(figure: Figure) -> Iterator[str]:
    yield f"{100 * figure.value:+.1f}" + _interval(figure.over_runs, "+.1f")
    yield _interval(figure.over_tasks, "+.1f").strip()


def _interval(interval: tuple[float, float] | None, form: str) -> str:
    return "" if interval is None else f" [{100 * interval[0]:{form}}, {100 * interval[1]:{form}}]"
