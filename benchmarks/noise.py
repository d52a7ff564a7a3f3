"""Is the interval honest, and is noise ever paid?

    python benchmarks/noise.py [--judges 6] [--evaluations 50] [--itself 500] [--plots docs/figures]

The 20 seeds with their answers are evaluated `judges` x `evaluations` times each; a new judge measures the originals
anew. `covered` is the share of the 95 % intervals that hold the long-run median: of all evaluations of the pair, and of
those of the same judge. Then each query is evaluated against itself, `itself` times in all.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from math import log
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from pairs import Pair, seed_pairs
from rich.console import Console
from rich.progress import track
from rich.table import Table

from sqlopt_env import Evaluation, Judge


@dataclass(frozen=True)
class Point:
    """The log speedup that one evaluation found, with its interval."""

    pair: str
    judge: int
    middle: float
    low: float
    high: float
    improved: bool

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


def point(pair: Pair, judge: int, evaluation: Evaluation) -> Point:
    assert evaluation.speedup is not None, evaluation.reason
    assert evaluation.speedup_interval is not None
    low, high = map(log, evaluation.speedup_interval)
    return Point(pair.task.id, judge, log(evaluation.speedup), low, high, evaluation.outcome == "improved")


def answers(judges: int, evaluations: int) -> list[Point]:
    points = []
    for number in range(judges):
        with Judge(workers=1) as judge:
            for turn in track(range(evaluations), f"judge {number + 1} of {judges}", transient=True):
                for pair in seed_pairs():
                    points.append(point(pair, number, judge.evaluate(pair.task, pair.script(turn))))
    return points


def itself(count: int) -> list[Point]:
    pairs = seed_pairs()
    with Judge(workers=1) as judge:
        return [
            point(pair, 0, judge.evaluate(pair.task, pair.task.query))
            for pair in track([pairs[i % len(pairs)] for i in range(count)], "itself", transient=True)
        ]


def covered(points: list[Point], by_judge: bool) -> float:
    groups: dict[Any, list[Point]] = {}
    for p in points:
        groups.setdefault((p.pair, p.judge if by_judge else 0), []).append(p)
    held = sum(p.holds(median(q.middle for q in group)) for group in groups.values() for p in group)
    return held / len(points)


def table(points: list[Point], same: list[Point]) -> Table:
    table = Table(title="Intervals and noise", title_justify="left")
    table.add_column("")
    table.add_column("", justify="right")
    centre = {name: median(p.middle for p in points if p.pair == name) for name in {p.pair for p in points}}
    deviations = [abs(p.middle - centre[p.pair]) for p in points]
    table.add_row("evaluations of the 20 answers", f"{len(points):,}")
    table.add_row("intervals that hold the pair's long-run median", f"{covered(points, False):.1%}")
    table.add_row("... the same judge's", f"{covered(points, True):.1%}")
    table.add_row("p90 deviation of log speedup", f"{quantiles(deviations, n=10)[-1]:.3f}")
    table.add_row("half width of the interval, median", f"{median((p.high - p.low) / 2 for p in points):.3f}")
    table.add_row("a query against itself called improved", f"{sum(p.improved for p in same)} of {len(same)}")
    table.add_row("... its intervals that hold 1", f"{sum(p.holds(0.0) for p in same) / len(same):.1%}")
    return table


def plot(points: list[Point], same: list[Point], folder: Path) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "sqlopt"
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    names = sorted({p.pair for p in points})
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.2), width_ratios=(3, 2))
    for number, name in enumerate(names):
        group = [p for p in points if p.pair == name]
        centre = median(p.middle for p in group)
        for p in group[:: max(1, len(group) // 60)]:
            x = number + (group.index(p) / len(group) - 0.5) * 0.8
            colour = "tab:blue" if p.holds(centre) else "tab:red"
            left.vlines(x, p.low - centre, p.high - centre, color=colour, linewidth=0.6, alpha=0.7)
    left.axhline(0.0, color="black", linewidth=0.6)
    left.set_xticks(range(len(names)), [name.removeprefix("shop-") for name in names], fontsize=8)
    left.set_xlabel("seed")
    left.set_ylabel("log speedup - its long-run median")
    left.set_title(f"95 % intervals; {covered(points, False):.1%} hold the median (red: do not)", fontsize=10)
    right.hist([p.middle for p in same], bins=40, color="tab:blue")
    right.axvline(0.0, color="black", linewidth=0.6)
    right.set_xlabel("log speedup")
    paid = sum(p.improved for p in same)
    right.set_title(f"a query against itself: {paid} of {len(same)} called improved", fontsize=10)
    figure.tight_layout()
    figure.savefig(folder / "noise.svg", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judges", type=int, default=6)
    parser.add_argument("--evaluations", type=int, default=50)
    parser.add_argument("--itself", type=int, default=500)
    parser.add_argument("--plots", type=Path, help="folder for noise.svg; needs matplotlib")
    parser.add_argument("--json", type=Path, help="file for the raw points")
    arguments = parser.parse_args()
    points, same = answers(arguments.judges, arguments.evaluations), itself(arguments.itself)
    Console().print(table(points, same))
    if arguments.plots is not None:
        plot(points, same, arguments.plots)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([[vars(p) for p in points], [vars(p) for p in same]]))


if __name__ == "__main__":
    main()
