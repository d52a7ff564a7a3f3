"""The worker's side of comparing rows: reads a script, or runs a query, on a private copy of a database."""

from __future__ import annotations

import hashlib
from typing import Any

import apsw

from ..sqlite.copies import Copy, failure
from ..sqlite.script import Refusal, Script, one_line, read_script
from ..sqlite.snapshot import Signature
from ..types import Settings, SqlOptError
from ..workbench import Place, Workbench
from ..workers.host import Handler, Host

_SCRIPT_SECONDS = 5.0


def make_handler(options: dict[str, Any]) -> Handler:
    """What a worker process runs: requests `{"op": "rows" | "read", "path", "signature", "script"}`."""
    settings = Settings(**options)
    workbench = Workbench(settings)

    def handle(request: dict[str, Any], host: Host) -> dict[str, Any]:
        try:
            place = workbench.place(Signature(*request["signature"]), host)
            host("script", _SCRIPT_SECONDS)
            script = _read(place, request["script"], settings)
            if request["op"] == "read":
                return {"digest": "", "number": 0}
            if script.indexes:
                raise Refusal("invalid", "it must be one query without index statements")
            host("rows", 2 * settings.timeout)
            return _rows(place.copies.clean, script, settings)
        except (Refusal, SqlOptError) as error:
            return _problem(str(error))
        except apsw.InterruptError:
            return _problem(f"it takes longer than {settings.timeout:g} s")
        except (MemoryError, apsw.NoMemError):
            return _problem("it needs more memory than a worker may use")
        except apsw.Error as error:
            return _problem(failure(error).reason)
        except (UnicodeDecodeError, OSError) as error:
            return _problem(f"it cannot be read: {error}")

    return handle


def _read(place: Place, text: str, settings: Settings) -> Script:
    """As any script is read, but what stands in double quotes is a name. Raises Refusal."""
    blank = place.copies.blank
    for statements in (apsw.SQLITE_DBCONFIG_DQS_DML, apsw.SQLITE_DBCONFIG_DQS_DDL):
        blank.connection.config(statements, 0)
    return read_script(blank.connection, blank.authorizer, text, settings)


def _rows(copy: Copy, script: Script, settings: Settings) -> dict[str, Any]:
    """How many rows there are, and a digest over all of them in their order: their types, too, count."""
    apsw.hard_heap_limit(apsw.memory_used() + settings.memory_bytes)
    digest, count = hashlib.sha256(), 0
    with copy.budget(settings.timeout):
        for row in copy.rows(script.query):
            digest.update(repr(row).encode("utf-8", "surrogatepass") + b"\n")
            count += 1
    return {"digest": digest.hexdigest(), "number": count}


def _problem(sentence: str) -> dict[str, Any]:
    return {"digest": "", "number": 0, "problem": one_line(sentence)}
