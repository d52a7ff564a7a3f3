"""Learning curves of the rule policy: ReST-EM on the 20 seeds from the uniform start, over several seeds of chance.

    python benchmarks/learning.py [--seeds 5] [--iterations 10] [--candidates 8] [--variant rest-em] [--measure time]
                                  [--heldout 0 1 3] [--limit 40] [--out runs/learning] [--plots docs/figures]

Each seed is one run of its own in a folder under --out: nothing is shared between them, and a benchmark that is
stopped goes on when it is started again. `learning.json` there holds the curves; the table has, for each iteration, the
mean over the runs and its 95 % interval (Student's t, of runs as they come, not of tasks). With --heldout the greedy
answers of every run's policies at these iterations are judged on held-out tasks, at most --limit, spread evenly.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlopt_agents.config import Config
from sqlopt_agents.evaluation import examine
from sqlopt_agents.evaluation_log import EvaluationLog
from sqlopt_agents.examination import GREEDY, Examination
from sqlopt_agents.m_steps import VARIANTS
from sqlopt_agents.policy import Policy
from sqlopt_agents.restem import ReSTEM
from sqlopt_agents.rule_policy import RulePolicy
from sqlopt_agents.run_folder import RunFolder
from sqlopt_curricula import Stage1

from sqlopt_env import Judge
from sqlopt_env.cli.split import spread, tasks_of
from sqlopt_env.version import versions

SHOWN = {
    "success_rate": "success per candidate",
    "refuted_share": "refuted",
    "mean_techniques": "techniques",
    "validation_success_rate": "validation",
    "seconds": "seconds",
}
COUNTS = ("mean_techniques", "seconds")  # all others are shares
STUDENT = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}  # 97.5 %, by runs
Curves = dict[str, list[list[float]]]  # by figure: a list for each run, a number for each iteration


def trained(seed: int, config: Config, judge: Judge, out: Path, console: Console) -> tuple[list[Any], list[Policy]]:
    """(metrics, policies by iteration) of one run, taken up where it was stopped."""
    agreed = {**asdict(config), "judge": asdict(judge.settings)}
    folder = out / f"seed-{seed}"
    stage, start = Stage1(), time.perf_counter()
    with RunFolder(folder, agreed, versions(), resume=(folder / "run.json").exists()) as opened:
        run = ReSTEM(RulePolicy(), list(stage), judge, opened, config, policy_name="rules")
        result = run.run()
    if result.interrupted:
        raise KeyboardInterrupt
    console.print(f"seed {seed}: {time.perf_counter() - start:.0f} s", highlight=False)
    return result.metrics, list(result.policies)


def held_out(policy: Policy, judge: Judge, log: Path, limit: int | None) -> float:
    """The share of held-out tasks that the greedy answer solves; answers that the log holds are not judged again."""
    tasks = [task for task, _ in spread(tasks_of("heldout"), limit)]
    weights = json.dumps([float(weight) for weight in getattr(policy, "weights", [])])
    settings = {"policy": hashlib.sha256(weights.encode()).hexdigest(), "judge": asdict(judge.settings), "limit": limit}
    with EvaluationLog(log, settings, resume=log.exists()) as lines:
        found = examine(policy, tasks, judge, lines, Examination(candidates=0, greedy=True))[GREEDY]
    return fmean(answer.success for batch in found.values() for answer in batch.answers)


def interval(shares: Sequence[float]) -> tuple[float, float, float]:
    """(mean, low, high) over runs, by Student's t; without width for a single one, of which none can be known."""
    mean = fmean(shares)
    if len(shares) < 2:
        return mean, mean, mean
    half = STUDENT.get(len(shares), 2.23) * stdev(shares) / sqrt(len(shares))
    return mean, max(0.0, mean - half), min(1.0, mean + half)


def shown(shares: Sequence[float]) -> str:
    mean, low, high = interval(shares)
    return f"{mean:.1%} ({100 * low:.1f}-{100 * high:.1f})"


def table(curves: Curves, heldout: dict[int, list[float]]) -> Table:
    runs = len(curves["success_rate"])
    found = Table(title=f"ReST-EM, mean over {runs} runs with 95 % interval", title_justify="left")
    for column in ("iteration", *SHOWN.values(), *["held-out, greedy"] * bool(heldout)):
        found.add_column(column, justify="right")
    for iteration in range(len(curves["success_rate"][0])):
        cells = []
        for name in SHOWN:
            values = [run[iteration] for run in curves[name]]
            cells.append(f"{fmean(values):.1f}" if name in COUNTS else shown(values))
        if iteration in heldout:
            cells.append(shown(heldout[iteration]))
        found.add_row(str(iteration), *cells)
    return found


def plot(curves: Curves, heldout: dict[int, list[float]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "learning"  # the same figures give the same file
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4))
    iterations = list(range(len(curves["success_rate"][0])))
    for name, colour in (("success_rate", "tab:blue"), ("refuted_share", "tab:red")):
        told = [interval([run[i] for run in curves[name]]) for i in iterations]
        axes.plot(iterations, [100 * mean for mean, _, _ in told], "o-", color=colour, label=SHOWN[name])
        low, high = [100 * low for _, low, _ in told], [100 * high for _, _, high in told]
        axes.fill_between(iterations, low, high, color=colour, alpha=0.2, linewidth=0)
    if heldout:
        told = [interval(heldout[i]) for i in sorted(heldout)]
        means = [100 * mean for mean, _, _ in told]
        errors = [[100 * (mean - low) for mean, low, _ in told], [100 * (high - mean) for mean, _, high in told]]
        axes.errorbar(sorted(heldout), means, errors, fmt="s", color="tab:green", capsize=3, label="held-out, greedy")
    axes.set(xlabel="iteration", ylabel="per cent", ylim=(0, 102), xticks=iterations)
    axes.set_title(f"ReST-EM of the rule policy: mean of {len(curves['success_rate'])} runs, 95 % interval")
    axes.grid(alpha=0.3)
    axes.legend(loc="center right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--candidates", type=int, default=8)
    parser.add_argument("--variant", choices=VARIANTS, default=VARIANTS[0])
    parser.add_argument("--measure", choices=("time", "steps"), default="time")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--heldout", type=int, nargs="*", default=[], metavar="ITERATION")
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--out", type=Path, default=Path("runs/learning"))
    parser.add_argument("--plots", type=Path, default=None)
    given = parser.parse_args()
    console, start = Console(width=120), time.perf_counter()
    curves: Curves = {name: [] for name in SHOWN}
    heldout: dict[int, list[float]] = {iteration: [] for iteration in given.heldout}
    for seed in range(given.seeds):
        config = Config(given.iterations, given.candidates, seed=seed, variant=given.variant)
        with Judge(workers=given.workers, measure=given.measure) as judge:
            metrics, policies = trained(seed, config, judge, given.out, console)
            for name, runs in curves.items():
                runs.append([float(getattr(line, name)) for line in metrics])
            for iteration, rates in heldout.items():
                log = given.out / f"seed-{seed}-heldout-{iteration}.jsonl"
                rates.append(held_out(policies[iteration], judge, log, given.limit))
    told = {"command": vars(given), "versions": versions(), "curves": curves, "heldout": heldout}
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "learning.json").write_text(json.dumps(told, indent=1, default=str) + "\n")
    console.print(table(curves, heldout))
    console.print(f"{time.perf_counter() - start:.0f} s in all; the curves: {given.out / 'learning.json'}")
    if given.plots is not None:
        plot(curves, heldout, given.plots / "learning.svg")


if __name__ == "__main__":
    main()
