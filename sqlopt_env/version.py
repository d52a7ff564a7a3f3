"""The versions that a record must name to be understood later."""

from __future__ import annotations

import platform
from importlib.metadata import version

import apsw

__version__ = version("sqlopt-env")


def versions() -> dict[str, str]:
    """Versions of the package, of SQLite and of what else decides a result."""
    return {
        "sqlopt_env": __version__,
        "sqlite": apsw.sqlite_lib_version(),
        "apsw": apsw.apsw_version(),
        "sqlglot": version("sqlglot"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
    }
