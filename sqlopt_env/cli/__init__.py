"""`sqlopt`: one command a file. The only room that knows the environment, the agents and the curricula."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from ..types import SqlOptError
from . import augment, combine, compare, data, db, evaluate, gallery, generate, heldout, rules, train, verify

app = typer.Typer(
    name="sqlopt",
    help="Reinforcement learning for SQL optimisation, with a reward that can be trusted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")
app.add_typer(db.app, name="db")
app.command("combine")(combine.combine)
app.command("augment")(augment.augment)
app.command("compare")(compare.compare)
app.command("evaluate")(evaluate.evaluate)
app.command("gallery")(gallery.gallery)
app.command("generate")(generate.generate)
app.command("heldout")(heldout.heldout)
app.command("rules")(rules.rules)
app.command("train")(train.train)
app.command("verify")(verify.verify)


def main() -> None:
    """The console script: a user's mistake is one sentence on standard error and exit code 2."""
    try:
        app()
    except BrokenPipeError:
        sys.exit(1)
    except (SqlOptError, OSError) as error:
        sentence = " ".join(str(error).split())
        Console(stderr=True, soft_wrap=True).print(f"sqlopt: {sentence}", markup=False, highlight=False, style="red")
        sys.exit(2)
