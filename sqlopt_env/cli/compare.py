"""`sqlopt compare`: several evaluations in one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ..types import SqlOptError
from .score_file import check_alike, read_evaluated
from .score_tables import of_several

_BEGIN, _END = "<!-- scores -->", "<!-- end of scores -->"


def compare(
    files: Annotated[list[Path], typer.Argument(help="What sqlopt evaluate has written, in the order of the rows.")],
    markdown: Annotated[
        Path | None,
        typer.Option(help=f"A page to write the tables to: between {_BEGIN} and {_END} where it exists already."),
    ] = None,
) -> None:
    """Compare policies: their scores, and what each solves of the tasks that any of them solved.

    Evaluations of other tasks, measures or versions are refused: figures of two kinds do not belong in one table.
    """
    read = [(path, read_evaluated(path)) for path in files]
    check_alike(read)
    grids = of_several([evaluated for _, evaluated in read])
    console = Console(soft_wrap=True)
    for grid in grids:
        for table in grid.rich(console.width):
            console.print(table)
    if markdown is not None:
        _insert(markdown, "\n".join(grid.markdown() for grid in grids))
        console.print(f"tables: {markdown}", highlight=False)


def _insert(page: Path, tables: str) -> None:
    """Writes the tables to a new page, or to their place in one that exists."""
    try:
        if not page.exists():
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(f"{_BEGIN}\n\n{tables}\n{_END}\n", encoding="utf-8")
            return
        before, begin, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
        _, end, after = rest.partition(_END)
        if not begin or not end:
            raise SqlOptError(f"{page} has no place for the tables: it needs the lines {_BEGIN} and {_END}")
        page.write_text(f"{before}{begin}\n\n{tables}\n{end}{after}", encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SqlOptError(f"the page {page} cannot be written: {error}") from None
