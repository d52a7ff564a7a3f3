"""Shows an episode to a person: query, plan, rewrite, verdict and speedup."""

from __future__ import annotations

import io
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.syntax import Syntax
from rich.text import Text

from .types import Brief, Evaluation, Plan

_COLOURS = {"improved": "green", "equivalent": "yellow", "unverified": "yellow"}


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to show at this moment of an episode."""

    brief: Brief | None
    evaluation: Evaluation | None
    turn: int
    max_turns: int
    best_reward: float | None


def scene_text(scene: Scene, width: int = 100) -> str:
    """The scene as plain text."""
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False)
    console.print(_renderable(scene))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def print_scene(scene: Scene) -> None:
    """The scene in colour on standard output."""
    Console().print(_renderable(scene))


def _renderable(scene: Scene) -> RenderableType:
    if scene.brief is None:
        return Text("No episode yet: call reset().")
    task = scene.brief.task
    heading = f"{task.id} on {task.database}" + (f": {task.description}" if task.description else "")
    parts: list[RenderableType] = [
        Text(heading, style="bold"),
        _panel("slow query", _sql(task.query)),
        _panel("plan", _plan(scene.brief.plan)),
    ]
    if scene.evaluation is not None:
        parts += _judged(scene.evaluation)
        parts.append(Text(f"turn {scene.turn} of {scene.max_turns}, best reward {scene.best_reward or 0.0:.3f}"))
    return Group(*parts)


def _judged(evaluation: Evaluation) -> list[RenderableType]:
    parts: list[RenderableType] = [_panel("rewrite", _sql(evaluation.rewrite.script or "(no SQL)"))]
    if evaluation.plan_after is not None:
        parts.append(_panel("plan of the rewrite", _plan(evaluation.plan_after)))
    style = _COLOURS.get(evaluation.outcome, "red")
    parts.append(Text(f"{evaluation.outcome}: {evaluation.reason}", style=f"bold {style}"))
    if evaluation.verdict is not None:
        verdict = evaluation.verdict
        parts.append(Text(f"verdict: {verdict.status} ({verdict.reason})"))
        if verdict.witness:
            parts.append(_panel("they differ on", _sql(verdict.witness)))
    if evaluation.speedup is not None and evaluation.speedup_interval is not None:
        low, high = evaluation.speedup_interval
        bound = "at least " if evaluation.baseline_is_lower_bound else ""
        parts.append(
            Text(
                f"speedup: {bound}{evaluation.speedup:.2f}x (95 %: {low:.2f} to {high:.2f}), "
                f"with the indexes charged {evaluation.effective_speedup or 0.0:.2f}x"
            )
        )
    return parts


def _panel(title: str, content: RenderableType) -> Panel:
    return Panel(content, title=title, title_align="left", expand=True)


def _sql(text: str) -> Syntax:
    return Syntax(text.strip(), "sql", word_wrap=True, background_color="default")


def _plan(plan: Plan) -> Text:
    return Text(str(plan))
