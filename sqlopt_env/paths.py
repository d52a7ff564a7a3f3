"""Where the shipped data are read and where built databases go."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def data_dir() -> Path:
    """The folder of shipped data: inside an installed package, else the checkout's `data/`."""
    installed = _PACKAGE / "data"
    return installed if installed.is_dir() else _PACKAGE.parent / "data"


def build_dir() -> Path:
    """Where databases are built: SQLOPT_DATA, else the checkout's `data/`, else the user's cache folder."""
    chosen = os.environ.get("SQLOPT_DATA")
    if chosen:
        return Path(chosen).expanduser()
    if not (_PACKAGE / "data").is_dir():
        return _PACKAGE.parent / "data"
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "sqlopt_env"
