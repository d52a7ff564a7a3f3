"""`sqlopt db`: build and list the built-in databases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ..databases import DOMAINS, build, default_path
from ..databases.build import content_hash, is_current
from ..types import SqlOptError

app = typer.Typer(help="Build and list the built-in databases.", no_args_is_help=True)


@app.command("build")
def build_command(
    name: Annotated[str, typer.Argument(help="Which database.")] = "shop",
    scale: Annotated[int, typer.Option(help="Multiplies the rows.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same content on every machine.")] = 0,
    out: Annotated[Path | None, typer.Option(help="The file to write, instead of the one the judge uses.")] = None,
) -> None:
    """Build a database, by default the shop as data/test.db. An existing file is replaced in one step."""
    domain = DOMAINS.get(name)
    if domain is None:
        raise SqlOptError(f"unknown database {name!r}: the built-in ones are {', '.join(DOMAINS)}")
    path = out or default_path(name)
    if out is not None and out.exists() and not is_current(out, domain):
        raise SqlOptError(f"{out} exists and is not a database that sqlopt built: choose another --out")
    build(domain, path, seed=seed, scale=scale)
    Console(soft_wrap=True).print(f"{path}\ncontent {content_hash(path)}", highlight=False)


@app.command("list")
def list_command() -> None:
    """List the built-in databases and where they are."""
    table = Table("name", "file", "built")
    for name, domain in DOMAINS.items():
        path = default_path(name)
        table.add_row(name, str(path), "yes" if is_current(path, domain) else "at first use")
    Console().print(table)
