"""The experiment's plot: success and refuted share on the held-out tasks by arm, with intervals over runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .arms import UNTRAINED
from .exam import Key, Scores
from .figures import mean
from .tables import LABELS, arms_of, runs_of

_PANELS = (
    ("succeeds, %", {"greedy": "best answer", "sample": "a sample"}),
    ("refuted, %", {"greedy refuted": "best answer", "sample refuted": "a sample"}),
)
_MARKS = (("o", "black", "--"), ("s", "white", ":"))  # told apart without colours


def draw(scores: Mapping[Key, Scores], path: Path) -> None:
    """An SVG file; the same figures give the same file."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "curriculum"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(_PANELS), figsize=(10, 4))
    for panel, (title, metrics) in zip(axes, _PANELS, strict=True):
        for place, (metric, label) in enumerate(metrics.items()):
            _series(panel, scores, metric, label, place)
        arms = [arm for arm in arms_of(scores) if arm != UNTRAINED]
        panel.set_xticks(range(len(arms)), [LABELS[arm] for arm in arms], rotation=20)
        panel.set(xlim=(-0.5, len(arms) - 0.5), ylabel=title)
        panel.set_ylim(bottom=0)
        panel.grid(axis="y", alpha=0.3)
    axes[0].legend(loc="lower left", fontsize="small")
    figure.suptitle("Held-out tasks: mean of the runs with its 95 % interval; each run a grey dot", fontsize="medium")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


def _series(panel: Any, scores: Mapping[Key, Scores], metric: str, label: str, place: int) -> None:
    """One kind of answer: a mark for each arm, and a line for the policy that was not trained."""
    mark, fill, line = _MARKS[place]
    shift = 0.24 * place - 0.12
    told = False
    for number, arm in enumerate(arm for arm in arms_of(scores) if arm != UNTRAINED):
        runs = runs_of(arm, metric, scores)
        found = mean(runs)
        low, high = found.over_runs or (found.value, found.value)
        errors = [[100 * max(0.0, found.value - low)], [100 * max(0.0, high - found.value)]]  # of equal runs, rounded
        dots = [100 * sum(shares) / len(shares) for shares in runs.values()]
        panel.plot([number + shift + 0.07] * len(dots), dots, ".", color="grey", markersize=4, zorder=1)
        panel.errorbar(
            [number + shift], [100 * found.value], errors, fmt=mark, color="black", markerfacecolor=fill, capsize=3,
            label=None if told else label,
        )  # fmt: skip
        told = True
    if UNTRAINED in arms_of(scores):
        value = 100 * mean(runs_of(UNTRAINED, metric, scores)).value
        panel.axhline(value, color="black", linestyle=line, linewidth=1, label=f"{label}, untrained")
