"""Bounded search: the best rewrite that our techniques lead to, as far as a fixed effort shows.

A beam over drafts, guided by what their plans seem to cost, and then the most promising ones before the judge. It
learns nothing; it tells which tasks a policy of these techniques can solve at all: something to compare policies with.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlopt_env.judge import Judge
from sqlopt_env.trees.draft import Draft
from sqlopt_env.types import Evaluation, Plan, Task

from .drafting import Board, Option, board_for

DEPTH, WIDTH, JUDGED = 4, 4, 16


@dataclass(frozen=True, slots=True)
class Found:
    """The best paid rewrite of a search, None where none was `improved`; and how many were judged."""

    best: Evaluation | None
    techniques: tuple[str, ...]
    judged: int


@dataclass(frozen=True, slots=True)
class _Node:
    draft: Draft
    plan: Plan
    cost: float  # log10 of the rows that the plan seems to visit
    techniques: tuple[str, ...] = ()


def search(
    judge: Judge, task: Task, *, depth: int = DEPTH, width: int = WIDTH, judged: int = JUDGED, thorough: bool = False
) -> Found:
    """Looks `depth` techniques deep, `width` drafts wide, and has the `judged` most promising ones judged.

    With a judge that measures steps the same task gives the same answer. Raises SqlOptError for a task that is none.
    """
    brief = judge.prepare(task)
    board = board_for(brief.schema)
    start = board.start(task.query)
    if start is None:
        return Found(None, (), 0)
    best: Evaluation | None = None
    techniques: tuple[str, ...] = ()
    nodes = _promising(board, _Node(*start, board.log_cost(*start)), depth, width)[:judged]
    for node in nodes:
        evaluation = judge.evaluate(task, node.draft.script, thorough=thorough)
        if evaluation.outcome == "improved" and (best is None or _gain(evaluation) > _gain(best)):
            best, techniques = evaluation, node.techniques
    return Found(best, techniques, len(nodes))


def _promising(board: Board, origin: _Node, depth: int, width: int) -> list[_Node]:
    """All drafts that the beam came by, without the origin, the cheapest plans first."""
    beam, met = [origin], {origin.draft.script: origin}
    for _ in range(depth):
        grown: dict[str, _Node] = {}
        for node in beam:
            for option in board.options(node.draft):
                if option.draft.script not in met:
                    grown.setdefault(option.draft.script, _after(board, node, option))
        met |= grown
        beam = sorted(grown.values(), key=_rank)[:width]
    return sorted((node for node in met.values() if node is not origin), key=_rank)


def _after(board: Board, node: _Node, option: Option) -> _Node:
    cost = board.log_cost(option.draft, option.plan)
    return _Node(option.draft, option.plan, cost, (*node.techniques, option.name))


def _rank(node: _Node) -> tuple[float, int, str]:
    return round(node.cost, 3), len(node.techniques), node.draft.script


def _gain(evaluation: Evaluation) -> float:
    return evaluation.effective_speedup or 0.0
