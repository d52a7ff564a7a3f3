"""Looks for a small database on which a rewrite differs from the original, and makes it smaller."""

from __future__ import annotations

import random
import time
from contextlib import closing
from dataclasses import dataclass

import apsw
import numpy as np

from ..sqlite.connection import identifier
from ..sqlite.copies import Copy, failure
from ..sqlite.script import Refusal, Script
from .compare import Value, difference
from .instances import Instances, Rows
from .literals import Literals
from .reference import reference_for
from .shape import read_shape


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found: on how many instances both agreed, and how they differ on `witness`, if they do."""

    agreed: int
    difference: str = ""
    witness: str = ""  # INSERT statements; empty for the empty database too


class Refuter:
    """Compares pairs on instances. `copy` has the schema and no rows, and is left so."""

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._copy.connection.pragma("foreign_keys", True)
        self._tables = read_shape(copy.connection)

    def search(self, original: Script, rewrite: Script, count: int, seed: int, seconds: float) -> Search:
        """Up to `count` instances, the same for the same seed, with the rewrite's indexes built on them.

        Raises Refusal where the rewrite fails, and where `seconds` (and one execution more) do not suffice.
        """
        instances = Instances(self._copy.connection, self._tables, Literals((original.query, rewrite.query)))
        deadline = time.perf_counter() + seconds
        agreed = 0
        for number in range(count):
            state = np.random.SeedSequence([seed, number]).generate_state(2)
            rng = random.Random(int(state[0]) << 32 | int(state[1]))
            with self._copy.transaction():
                rows = instances.fill(number, rng)
                found = self._difference(original, rewrite, seconds)
            if found:
                return self._smaller(instances, rows, original, rewrite, Search(agreed, found), deadline)
            agreed += found is not None
            if time.perf_counter() > deadline:
                raise Refusal("timeout", f"on small databases the rewrite runs longer than {seconds:g} s")
        return Search(agreed)

    def _difference(self, original: Script, rewrite: Script, seconds: float) -> str | None:
        """How the two differ on what the copy holds; None where the original itself fails on it.

        The indexes are built after the rows are there: an index that some rows break must not keep them out.
        """
        try:
            with self._copy.budget(seconds), closing(self._copy.rows(original.query)) as rows:
                reference = reference_for(self._copy, original, list(rows))
        except (apsw.Error, Refusal, UnicodeDecodeError):
            return None
        self._copy.build(rewrite.indexes, seconds)
        try:
            with self._copy.budget(seconds), closing(self._copy.rows(rewrite.query)) as rows:
                return difference(reference, rows)
        except apsw.InterruptError:
            raise Refusal("timeout", f"on a small database the rewrite runs longer than {seconds:g} s") from None
        except UnicodeDecodeError:
            raise Refusal("invalid", "the rewrite returns text that is not UTF-8") from None
        except apsw.Error as error:
            raise failure(error) from None

    def _smaller(
        self, instances: Instances, rows: Rows, original: Script, rewrite: Script, found: Search, deadline: float
    ) -> Search:
        """Leaves out rows one by one for as long as the two still differ and there is time."""
        shrinking = True
        while shrinking:
            shrinking = False
            for table in reversed(list(rows)):
                for i in reversed(range(len(rows[table]))):
                    fewer = {**rows, table: rows[table][:i] + rows[table][i + 1 :]}
                    if time.perf_counter() > deadline:
                        break
                    with self._copy.transaction():
                        differs = instances.load(fewer) and self._difference(original, rewrite, 0.1)
                    if differs:
                        rows, found, shrinking = fewer, Search(found.agreed, differs), True
        return Search(found.agreed, found.difference, self._inserts(rows))

    def _inserts(self, rows: Rows) -> str:
        statements = []
        for table in self._tables:
            names = ", ".join(identifier(column.name) for column in table.columns)
            for row in rows.get(table.name, []):
                values = ", ".join(_literal(value) for value in row)
                statements.append(f"INSERT INTO {identifier(table.name)} ({names}) VALUES ({values});")
        return "\n".join(statements)


def _literal(value: Value) -> str:
    return str(apsw.format_sql_value(value))
