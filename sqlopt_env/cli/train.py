"""`sqlopt train`: ReST-EM from the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from sqlopt_agents.config import Config
from sqlopt_agents.executors import EXECUTORS
from sqlopt_agents.m_steps import VARIANTS, learns, m_step_of
from sqlopt_agents.policy import Policy, make_policy
from sqlopt_agents.restem import ReSTEM
from sqlopt_agents.rules.unsound import UNSOUND
from sqlopt_agents.run_folder import RunFolder

from ..curriculum import Curriculum
from ..judge import Judge
from ..reward import reward_function
from ..types import SqlOptError, Task
from .domains import ALL, DATABASE_HELP, DOMAIN_HELP, databases_of
from .policy_options import parsed
from .train_report import INTERRUPTED, TrainProgress, report
from .train_setup import agreed, decisive_versions, move_aside
from .train_stages import EACH, MIX, STAGES, Stage, fixed_tasks, streamed


def train(
    stage: Annotated[
        str,
        typer.Option(
            help="1: techniques on the 20 seeds. 2: new slow queries in each iteration. combined: both, see --mix."
            f" Others: {', '.join(STAGES[3:])}."
        ),
    ] = STAGES[0],
    mix: Annotated[float, typer.Option(help="The share of stage 1 in a mix.")] = MIX,
    tasks_each: Annotated[
        int, typer.Option(metavar="N", help="Tasks of an iteration, but for stage 1, which has its 20 each time.")
    ] = EACH,
    domain: Annotated[str, typer.Option(help=f"Where new queries are written. {DOMAIN_HELP}")] = ALL,
    database: Annotated[Path | None, typer.Option(help=DATABASE_HELP)] = None,
    policy: Annotated[
        str,
        typer.Option(
            help="rules, a saved policy's .json file, openai:MODEL, a baseline, or package.module:Class of your own."
        ),
    ] = "rules",
    policy_option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="An option of the policy; may be given again.")
    ] = None,
    variant: Annotated[
        str | None,
        typer.Option(help=f"The M-step: {', '.join(VARIANTS)}; by default rest-em, accumulate where tasks are new."),
    ] = None,
    iterations: Annotated[int, typer.Option(help="M-steps; iteration 0 is the untrained policy.")] = 10,
    candidates: Annotated[int, typer.Option(help="Rewrites sampled for each task in an iteration.")] = 8,
    seed: Annotated[int, typer.Option(help="The same seed gives the same proposals.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="The run's folder.", show_default="runs/stage1, or another stage's name")
    ] = None,
    threshold: Annotated[float, typer.Option(help="Effective speedup from which a rewrite is a success.")] = 1.5,
    keep: Annotated[int, typer.Option(help="Distinct successes kept for each task in an iteration.")] = 10,
    validation: Annotated[
        float, typer.Option(help="Share of candidates kept back to choose the best iteration.")
    ] = 0.25,
    validation_tasks: Annotated[
        str | None,
        typer.Option(metavar="SHARE|FILE", help="Tasks kept back for that instead: a share of them, or other ones."),
    ] = None,
    patience: Annotated[
        int | None, typer.Option(help="End after so many iterations without a better validation rate.")
    ] = None,
    tasks: Annotated[
        Path | None, typer.Option(help="A file of tasks (JSON, JSON Lines), instead of the seeds.")
    ] = None,
    turns: Annotated[
        int, typer.Option(help="Answers of a candidate that does not succeed, with the judge's feedback in between.")
    ] = 1,
    unsound: Annotated[
        bool, typer.Option("--unsound", help="Let the rules take invalid techniques too, to see them dropped.")
    ] = False,
    reward: Annotated[str, typer.Option(help="log, quill or r-ves; log+size charges for larger queries.")] = "log",
    measure: Annotated[str, typer.Option(help="time, or steps of SQLite's virtual machine (repeatable).")] = "time",
    timeout: Annotated[float, typer.Option(help="Seconds that one execution may take.")] = 2.0,
    workers: Annotated[int | None, typer.Option(help="Judging processes; one fewer than cores.")] = None,
    executor: Annotated[str, typer.Option(help=f"Where is judged: {', '.join(EXECUTORS)}.")] = "local",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder, or begin it.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew; a run in the folder is moved aside.")] = False,
) -> None:
    """Train a policy with ReST-EM and leave verified training examples behind."""
    if resume and fresh:
        raise SqlOptError("choose one of --resume and --fresh")
    chosen = Stage(stage, mix, tasks_each, seed, databases_of(domain, database), validation_tasks, tasks)
    out = out or Path("runs", f"stage{stage}" if stage.isdigit() else stage)
    config = Config(
        iterations=iterations,
        candidates=candidates,
        threshold=threshold,
        keep=keep,
        validation=validation,
        seed=seed,
        variant=variant or chosen.variant,
        patience=patience,
        turns=turns,
        executor=executor,
        tasks=tasks_each,
    )
    fixed, held_back = fixed_tasks(chosen)
    sys.path.append(os.getcwd())  # where a policy of one's own lies; last, so that it shadows nothing
    options = parsed([*(policy_option or []), *["unsound=true"] * unsound])
    made, paid = make_policy(policy, options), reward_function(reward)
    m_step_of(config.variant, made, out)  # which says, before anything is written, what is wrong with the two
    console = Console(soft_wrap=True)
    if iterations and not learns(made, config.variant):
        console.print(f"{policy} does not learn: it is judged once, in iteration 0.", markup=False, highlight=False)
        config = replace(config, iterations=0)
    with Judge(workers=workers, measure=measure, timeout=timeout) as judge:
        must_agree = agreed(config, chosen, fixed, held_back, judge, policy, options, reward)
        if fresh:
            move_aside(out, console)
        with (
            RunFolder(out, must_agree, decisive_versions(), resume=resume) as folder,
            TrainProgress(console) as bar,
            ExitStack() as stack,
            _interruptible(console),
        ):
            _log_requests(made, folder)
            stack.callback(_hang_up, made)
            source: Sequence[Task] | Curriculum = fixed
            if chosen.is_stream:
                bar.choosing(0)
                source, written = streamed(chosen, out, judge.workers, stack)
                held_back += written
            result = ReSTEM(
                made,
                source,
                judge,
                folder,
                config,
                policy_name=policy,
                validation_tasks=held_back,
                is_unsound={rule.NAME for rule in UNSOUND}.__contains__ if _is_unsound(made) else None,
                reward=paid,
                watcher=bar,
            ).run()
    report(console, out, result, patience)
    if result.ending == "cost":
        raise SqlOptError(result.reason)
    if result.interrupted:
        raise typer.Exit(130)


@contextmanager
def _interruptible(console: Console) -> Iterator[None]:
    """For Ctrl-C before the run begins, while tasks are written; from then on the run itself sees to it."""
    try:
        yield
    except KeyboardInterrupt:
        console.print(INTERRUPTED, highlight=False)
        raise typer.Exit(130) from None


def _log_requests(policy: Policy, folder: RunFolder) -> None:
    """A policy that asks a server keeps what was answered in the run's folder, so that nothing is paid for twice."""
    log_to = getattr(policy, "log_to", None)
    if log_to is not None:
        log_to(folder.path / "requests.jsonl")


def _hang_up(policy: Policy) -> None:
    """Calls that still wait for a server would hold up the end of the process."""
    close = getattr(policy, "close", None)
    if close is not None:
        close()


def _is_unsound(policy: Policy) -> bool:
    """Whether it may take techniques that are not valid."""
    return bool(getattr(policy, "unsound", False))
