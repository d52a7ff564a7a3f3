"""`sqlopt rules`: the rewrite techniques, when each is valid, and what it earned."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlopt_agents.rules import RULES
from sqlopt_agents.rules.base import KINDS, Rule
from sqlopt_agents.rules.unsound import UNSOUND

from ..types import SqlOptError
from .earnings import Earning, earnings, paid_answers
from .rules_page import page, told

_COMMAND = "sqlopt rules --markdown docs/techniques.md"  # wherever a copy of the page goes
_SHIPPED = "the best answers that a search found to the held-out tasks, by steps,"


def rules(
    name: Annotated[str | None, typer.Argument(help="One technique, to be shown in full.")] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Count answers of this training_data.json or trajectories.jsonl, not the shipped ones."),
    ] = None,
    unsound: Annotated[
        bool, typer.Option("--unsound", help="List those too that are not valid, which test what learning drops.")
    ] = False,
    markdown: Annotated[
        Path | None, typer.Option(help="Write a page with all of them, instead of listing them.")
    ] = None,
) -> None:
    """List the rewrite techniques by kind, with when they are valid and what answers that used them gained."""
    if name is not None and (markdown is not None or unsound):
        raise SqlOptError("a technique's name stands alone: leave out --markdown and --unsound")
    console = Console(soft_wrap=True)
    earned = earnings(paid_answers(data))
    if name is not None:
        _show(console, _named(name), earned)
    elif markdown is not None:
        _write(markdown, page(_COMMAND + (f" --data {data}" if data else ""), _source(data), RULES, UNSOUND, earned))
        console.print(f"{len(RULES)} techniques: {markdown}", highlight=False)
    else:
        for kind in KINDS:
            _list(console, kind, [rule for rule in RULES if kind == rule.KIND], earned)
        if unsound:
            _list(console, "unsound", UNSOUND, earned)
        console.print(
            f"{len(RULES)} techniques. Answers: those of {_source(data)} in which it took part, mostly with others;"
            " speedup: the median effective speedup of these whole answers.",
            highlight=False,
        )


def _list(console: Console, title: str, chosen: Sequence[Rule], earned: dict[str, Earning]) -> None:
    if not chosen:
        return
    table = Table(title=title, title_justify="left", show_lines=True)
    table.add_column("technique", overflow="fold", min_width=min(24, max(len(rule.NAME) for rule in chosen)))
    table.add_column("what it does, and when it is valid")
    table.add_column("answers", justify="right")
    table.add_column("speedup", justify="right")
    for rule in chosen:
        technique, earning = told(rule), earned.get(rule.NAME)
        figures = ("-", "-") if earning is None else (str(earning.answers), f"{earning.speedup:.1f}")
        table.add_row(rule.NAME, escape(f"{technique.sentence}\n{technique.valid_when}"), *figures)
    console.print(table)


def _show(console: Console, rule: Rule, earned: dict[str, Earning]) -> None:
    technique, earning = told(rule), earned.get(rule.NAME)
    console.print(f"{rule.NAME} ({rule.KIND})\n\n{technique.sentence}\n", markup=False, highlight=False)
    console.print(f"{technique.example}\n\n{technique.validity}\n", markup=False, highlight=False)
    if earning is None:
        console.print("In no answer.")
    else:
        console.print(
            f"In {earning.answers} answers, in {earning.alone} of them alone; their median effective speedup is"
            f" {earning.speedup:.1f}.",
            highlight=False,
        )


def _named(name: str) -> Rule:
    by_name = {rule.NAME: rule for rule in (*RULES, *UNSOUND)}
    if name not in by_name:
        near = get_close_matches(name, by_name, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "sqlopt rules lists them"
        raise SqlOptError(f"there is no technique {name!r}: {hint}")
    return by_name[name]


def _source(data: Path | None) -> str:
    return _SHIPPED if data is None else str(data)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise SqlOptError(f"the page {path} cannot be written: {error.strerror}") from None
