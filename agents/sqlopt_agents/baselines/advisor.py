"""SQLite's own index advisor, sqlite3_expert, as the apsw wheel ships it.

It plans the query with every index that could serve one of its conditions, joins or orders, and recommends those that
the planner takes. The program runs in a process of its own on an empty clone of the schema, for that is what a policy
may know; it is SQLite's source `ext/expert`, documented at https://sqlite.org/cli.html#index_recommendations_sqlite_expert_.
"""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw
import apsw.sqlite_extra

from sqlopt_env.observation import Observation
from sqlopt_env.trajectory import Proposal
from sqlopt_env.types import SqlOptError

from .base import Deterministic

_PROGRAM = "sqlite3_expert"


class Advisor(Deterministic):
    """The query as it is, with the indexes that the advisor recommends; without any where it fails or takes too long.

    `timeout`: seconds that it may take for a query; it takes about 0.01. `program`: another build of sqlite3_expert.
    Raises SqlOptError where there is none.
    """

    def __init__(self, *, timeout: float = 10.0, program: Path | None = None) -> None:
        if not 0 < timeout <= 3600:
            raise SqlOptError(f"timeout must be a number of seconds above 0 and at most 3600, not {timeout!r}")
        self.timeout = timeout
        self.program = _shipped() if program is None else program
        if not self.program.is_file():
            raise SqlOptError(f"there is no program {self.program}")

    def greedy(self, observation: Observation) -> Proposal:
        query = observation["query"]
        indexes = self.indexes(observation["schema"], query)
        told = f"{_PROGRAM} recommends {len(indexes)} indexes" if indexes else f"{_PROGRAM} recommends no index"
        return Proposal("".join(f"{index}\n" for index in indexes) + query, explanation=told)

    def indexes(self, schema: str, query: str) -> tuple[str, ...]:
        """The recommended CREATE INDEX statements, each with its semicolon."""
        with TemporaryDirectory(prefix="sqlopt-advisor-") as folder:
            clone, text = Path(folder, "clone.db"), Path(folder, "query.sql")
            try:
                with closing(apsw.Connection(str(clone))) as connection:
                    connection.execute("PRAGMA journal_mode = off; PRAGMA synchronous = off").fetchall()
                    connection.execute(schema).fetchall()
            except apsw.Error:
                return ()  # a schema that SQLite cannot repeat elsewhere, such as one of virtual tables
            text.write_text(query, encoding="utf-8", errors="replace")
            return _recommended(self._answer(clone, text))

    def _answer(self, clone: Path, query: Path) -> str:
        command = [str(self.program), "-verbose", "0", "-file", str(query), str(clone)]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self.timeout,
                encoding="utf-8",
                errors="replace",
            )
        except subprocess.TimeoutExpired:
            return ""
        except OSError as error:
            raise SqlOptError(f"{self.program} cannot be run: {error.strerror}") from None
        return done.stdout if done.returncode == 0 else ""


def _recommended(output: str) -> tuple[str, ...]:
    """Those of the answer's first paragraph, a statement a line; the second one is the query's plan with them."""
    lines = output.partition("\n\n")[0].splitlines()
    return tuple(line for line in lines if line.startswith("CREATE INDEX ") and line.endswith(";"))


def _shipped() -> Path:
    try:
        return Path(apsw.sqlite_extra.path(_PROGRAM))
    except (apsw.sqlite_extra.NotAvailable, LookupError, OSError):
        raise SqlOptError(
            f"the advisor needs the program {_PROGRAM}, which this build of apsw does not carry: install apsw's wheel"
            " from PyPI, or give a path as the policy's option program"
        ) from None
