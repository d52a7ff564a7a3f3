"""Where a dataset comes from, in its card's words: the commands, the versions, and what became of the candidates."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from textwrap import fill
from typing import Any

from sqlopt_agents.config import Config

from .figures import share

_WIDTH = 118


def made_of_runs(dataset: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> str:
    commands = "\n".join([*(_train_command(run) for run in runs), dataset["command"]])
    quotas = dataset["quotas"]
    left = ", ".join(f"{name} {count}" for name, count in dataset["left_out"].items())
    told = (
        f"The runs kept {dataset['gathered']} examples, of which were left out: {left or 'none'}.",
        f"No type may hold more than {share(quotas['optimization_type'])} of the set, no leading technique more than"
        f" {share(quotas['technique'])}; the set is the largest that keeps these quotas, evenly spread within them.",
        "The leading technique of an answer is its first that rewrites the query, or its first index.",
    )
    return f"```sh\n{commands}\n```\n\n" + wrapped(" ".join(told))


def mixed(dataset: Mapping[str, Any]) -> str:
    rows = [
        f"| {number} | `{stage['source']}` | {stage['examples']} | {stage['weight']:.4f} |"
        f" {stage['sum_of_weights']:.1f} | `{stage['sha256']}` |"
        for number, stage in dataset["stages"].items()
    ]
    left = ", ".join(f"{name} {count}" for name, count in dataset["left_out"].items())
    head = "| stage | from | examples | weight of each | sum of weights | sha256 of its data begins with |"
    table = "\n".join([head, "|---|---|--:|--:|--:|---|", *rows])
    return f"```sh\n{dataset['command']}\n```\n\nLeft out: {left}.\n\n{table}"


def _train_command(run: Mapping[str, Any]) -> str:
    """As far as the run's configuration tells it: defaults are left out, and so are a file of tasks and where it was
    judged."""
    config = {**run.get("run", {}), **run["config"]}
    words = ["sqlopt", "train"]
    words += ["--stage", str(config["stage"])] if config.get("stage") is not None else []
    for name in ("policy", "iterations", "candidates", "seed"):
        words += [f"--{name}", str(config[name])]
    usual = {field.name: field.default for field in fields(Config)}
    usual |= {"variant": "rest-em" if config.get("stage", "1") == "1" else "accumulate", "mix": 0.3, "tasks_each": 20}
    for name in ("variant", "mix", "tasks_each", "keep", "threshold", "validation", "patience", "turns"):
        if config.get(name) is not None and config[name] != usual[name]:
            words += [f"--{name.replace('_', '-')}", str(config[name])]
    for option, name, default in (("reward", "reward", "log"), ("measure", "judge_measure", "time")):
        if config.get(name, default) != default:
            words += [f"--{option}", str(config[name])]
    return shlex.join(words)


def versions_told(told: Sequence[Mapping[str, str]]) -> str:
    found: dict[str, list[str]] = {}
    for versions in told:
        for name, version in versions.items():
            found.setdefault(name, [])
            found[name] += [version] * (version not in found[name])
    return wrapped("Versions: " + ", ".join(f"{name} {' and '.join(each)}" for name, each in found.items()) + ".")


def measure_of(runs: Sequence[Mapping[str, Any]]) -> str:
    measures = {run.get("run", {}).get("judge_measure", "time") for run in runs}
    return "Measured by steps of SQLite's virtual machine." if measures == {"steps"} else "Measured by time."


def candidates(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What became of all candidates, from the runs' curves."""
    lines = [line for run in runs for line in run["iterations"]]
    count = sum(line["candidates"] for line in lines)
    if not count:
        return
    success = sum(line["success_rate"] * line["candidates"] for line in lines) / count
    refuted = sum(line["refuted_share"] * line["candidates"] for line in lines) / count
    yield wrapped(
        f"Of all {count:,} candidates of the runs, {share(success)} were successes (the same query, at least 1.5 times"
        f" as fast) and {share(refuted)} were refuted: another query, shown so by a database on which the rows differ."
    )


def wrapped(text: str) -> str:
    return fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
