"""`sqlopt verify`: is the rewrite the same query? Exit code 0: yes, 1: no, 2: invalid input, 3: not known."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from ..types import SqlOptError, Status, Verdict
from ..verification import verify as ask

EXIT_CODES: dict[Status, int] = {"proved": 0, "tested": 0, "refuted": 1, "invalid": 2, "unknown": 3}
_STYLES: dict[Status, str] = {"proved": "bold green", "tested": "green", "refuted": "bold red", "unknown": "yellow"}


def verify(
    original: Annotated[Path, typer.Argument(help="A file with the original query.")],
    rewrite: Annotated[Path, typer.Argument(help="A file with the rewrite: CREATE INDEX statements and one query.")],
    schema: Annotated[
        Path | None, typer.Option(help="A file with CREATE statements, as .schema of sqlite3 prints them.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="An SQLite database to compare them on too. It is only read.")
    ] = None,
    budget: Annotated[float, typer.Option(help="Seconds that may be spent on small databases.")] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same verdict and witness.")] = 0,
    names: Annotated[bool, typer.Option("--names", help="The columns must have the same names too.")] = False,
    smt: Annotated[bool, typer.Option("--smt", help="Ask a solver too: all databases of two rows a table.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
) -> None:
    """Say whether a rewrite is the same query as the original, on every database that the schema allows.

    Exit code 0: it is (proved or tested), 1: it is not, 2: an input is no such thing, 3: not known. --schema or --data
    says what the tables are.
    """
    if schema is None and data is None:
        raise SqlOptError("say what the tables are: --schema FILE, or --data DATABASE")
    verdict = ask(
        None if schema is None else _text(schema),
        _text(original),
        _text(rewrite),
        data=data,
        budget=budget,
        seed=seed,
        names=names,
        smt=smt,
    )
    if as_json:
        typer.echo(json.dumps(asdict(verdict), indent=2))
    elif verdict.status == "invalid":
        raise SqlOptError(verdict.reason)
    else:
        _print(verdict)
    raise typer.Exit(EXIT_CODES[verdict.status])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise SqlOptError(f"{path} is not a text file in UTF-8") from None
    except OSError as error:
        raise SqlOptError(f"{path} cannot be read: {error.strerror}") from None


def _print(verdict: Verdict) -> None:
    console = Console(soft_wrap=True, highlight=False)
    console.print(Text(verdict.status, _STYLES[verdict.status]) + Text(f": {verdict.reason}"))
    if verdict.witness:
        console.print("\nOn this database, to be run after the schema:")
        console.print(
            Syntax(verdict.witness, "sql", background_color="default") if console.is_terminal else verdict.witness
        )
        for role, rows in (("original", verdict.original_rows), ("rewrite", verdict.rewrite_rows)):
            console.print(f"\nthe {role} returns{'' if rows else ' no row'}")
            for row in rows:
                console.print(Text(f"  {row}"))
    if verdict.coverage:
        reached, branches = verdict.coverage
        console.print(f"{reached} of {branches} branches of the queries were reached", style="dim")
    console.print(f"{verdict.seconds * 1000:.0f} ms", style="dim")
