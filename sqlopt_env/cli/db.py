"""`sqlopt db`: build and list the built-in databases, and show what is in any."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..databases import DOMAINS, HELD_OUT, build, default_path, find_domain
from ..databases.build import content_hash, is_current
from ..judge import Judge
from ..survey import ColumnSurvey, TableSurvey
from ..types import SqlOptError

app = typer.Typer(help="Build, list and show databases.", no_args_is_help=True)


@app.command("build")
def build_command(
    name: Annotated[str, typer.Argument(help="Which database.")] = "shop",
    scale: Annotated[int, typer.Option(help="Multiplies the rows.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same content on every machine.")] = 0,
    out: Annotated[Path | None, typer.Option(help="The file to write, instead of the one the judge uses.")] = None,
) -> None:
    """Build a database, by default the shop as data/test.db. An existing file is replaced in one step."""
    domain = find_domain(name)
    if domain is None:
        raise SqlOptError(f"unknown database {name!r}: the built-in ones are {', '.join(DOMAINS)}")
    path = out or default_path(name)
    if out is not None and out.exists() and not is_current(out, domain):
        raise SqlOptError(f"{out} exists and is not a database that sqlopt built: choose another --out")
    build(domain, path, seed=seed, scale=scale)
    Console(soft_wrap=True).print(f"{path}\ncontent {content_hash(path)}", markup=False, highlight=False)


@app.command("list")
def list_command() -> None:
    """List the built-in databases and where they are."""
    table = Table("name", "for", "file", "built")
    for name, domain in DOMAINS.items():
        path = default_path(name)
        purpose = "evaluation" if name in HELD_OUT else "training"
        table.add_row(name, purpose, _plain(str(path)), "yes" if is_current(path, domain) else "at first use")
    Console().print(table)


@app.command("show")
def show_command(
    database: Annotated[
        str, typer.Argument(help="A built-in database, a renamed one (shop~1), or an SQLite file. It is only read.")
    ],
) -> None:
    """Show the tables of a database: rows, keys, and of every column its type, NULLs and values."""
    with Judge(workers=1) as judge:
        tables = judge.survey(database).tables
    console = Console()
    if not tables:
        console.print("The database has no tables.")
    for table in tables:
        console.print(_shown(table))


def _shown(table: TableSurvey) -> Table:
    keys = "; ".join(f"key ({', '.join(key)})" for key in table.keys)
    rows = f"{table.rows:,} {'row' if table.rows == 1 else 'rows'}"
    shown = Table(
        "column", "type", "NULL", "distinct", "values, for example",
        title=_plain(f"{table.name}: {rows}" + (f"; {keys}" if keys else "")), title_justify="left",
    )  # fmt: skip
    parents = {
        column: f"{key.parent}.{target}" if target else key.parent  # a parent that is missing
        for key in table.foreign_keys
        for column, target in zip_longest(key.columns, key.parent_columns)
    }
    for column in table.columns:
        parent = f" -> {parents[column.name]}" if column.name in parents else ""
        nulls = "never" if column.not_null else f"{column.nulls:.1%}"
        shown.add_row(
            _plain(column.name + parent),
            _plain(column.declared),
            nulls,
            f"{column.distinct:,}",
            _plain(_examples(column)),
        )
    return shown


def _examples(column: ColumnSurvey) -> str:
    """Three values out of the sorted sample."""
    values = column.values
    chosen = dict.fromkeys(values[(len(values) - 1) * part // 4] for part in (1, 2, 3)) if values else {}
    return ", ".join(str(value) if len(str(value)) <= 24 else f"{str(value)[:21]}..." for value in chosen)


def _plain(text: str) -> Text:
    """A text as it is: no markup, no emoji codes, and nothing that moves a terminal's cursor."""
    return Text("".join(c if c.isprintable() else " " for c in text))
