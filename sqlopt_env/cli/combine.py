"""`sqlopt combine`: the datasets of the two stages in one, with the weights of their mix."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from .datasets.combining import combined_of, read_stage, write_combined
from .datasets.files import CARD, shown


def combine(
    stage1: Annotated[Path, typer.Option(help="The dataset of stage 1.")] = Path("data/stage1"),
    stage2: Annotated[Path, typer.Option(help="The dataset of stage 2.")] = Path("data/stage2"),
    mix: Annotated[float, typer.Option(help="The share of stage 1 in the weights.")] = 0.3,
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("data/combined"),
) -> None:
    """Join two datasets: every example of both, with weights by which stage 1 has its share of the mix."""
    sources = [stage1, stage2]
    combined = combined_of(read_stage(stage1), read_stage(stage2), mix)
    command = ["sqlopt", "combine", "--stage1", shown(stage1), "--stage2", shown(stage2), "--mix", f"{mix:g}"]
    write_combined(combined, sources, out, shlex.join([*command, "--out", shown(out)]))
    console = Console(soft_wrap=True)
    for what, count in (("in both stages", combined.duplicates), ("over the quota of a type", combined.over_quota)):
        if count:
            console.print(f"left out, {what}: {count}", highlight=False)
    for stage in (1, 2):
        weights = [example["weight"] for example in combined.examples if example["stage"] == stage]
        console.print(
            f"stage {stage}: {len(weights)} examples of weight {weights[0]:.4f}, {sum(weights):.1f} in all",
            highlight=False,
        )
    console.print(f"card: {out / CARD}", markup=False, highlight=False)
