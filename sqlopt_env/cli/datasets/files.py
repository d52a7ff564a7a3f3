"""The files of a dataset's folder, read with care and each replaced in one step.

`training_data.json` holds the examples, `metrics.json` how they came about, `check.json` what judging them again found,
and `README.md`, the card, tells all that to a reader.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...types import SqlOptError

Example = dict[str, Any]

DATA, METRICS, CHECKED, CARD, RUN = "training_data.json", "metrics.json", "check.json", "README.md", "run.json"


def data_file(place: Path) -> Path:
    """The examples' file: the path itself, or training_data.json in the folder. Raises SqlOptError."""
    if place.is_dir():
        if not (place / DATA).is_file():
            raise SqlOptError(f"the folder {place} holds no {DATA}: it is neither a run nor a dataset")
        return place / DATA
    if not place.exists():
        raise SqlOptError(f"there is no folder or file {place}")
    return place


def read_examples(place: Path) -> list[Any]:
    """What a dataset's or a run's list holds, whatever it is; at least one. Raises SqlOptError for anything else."""
    path = data_file(place)
    examples = read_json(path)
    if not isinstance(examples, list):
        raise SqlOptError(f"{path} must hold a list of examples, not {type(examples).__name__}")
    if not examples:
        raise SqlOptError(f"{path} holds no examples")
    return examples


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; {} where there is no such file. Raises SqlOptError for anything else."""
    if not path.exists():
        return {}
    value = read_json(path)
    if not isinstance(value, dict):
        raise SqlOptError(f"{path} must hold an object, not {type(value).__name__}")
    return value


def read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise SqlOptError(f"the file {path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise SqlOptError(f"the file {path} is not whole JSON: {error}") from None


def write_json(path: Path, value: Any) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_text(path, text)


def write_text(path: Path, text: str) -> None:
    """Beside the file first, so that a reader and a kill meet a whole one. Raises SqlOptError."""
    temporary = path.with_name(f".{path.name}.writing")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(text.encode("utf-8", "backslashreplace"))  # a lone surrogate as JSON's own escape
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise SqlOptError(f"the file {path} cannot be written: {error.strerror}") from None


def refuse_run(out: Path, sources: Sequence[Path]) -> None:
    """Raises SqlOptError where writing a dataset to `out` would overwrite a run, or what the dataset is made of."""
    if out.exists() and not out.is_dir():
        raise SqlOptError(f"{out} is a file: choose a folder for the dataset")
    if (out / RUN).exists():
        raise SqlOptError(f"the folder {out} holds a run, which the dataset would overwrite: choose another --out")
    if any(source.exists() and out.exists() and out.samefile(source) for source in sources):
        raise SqlOptError(f"{out} is where the examples come from: choose another --out")


def digest(path: Path) -> str:
    """A short hash of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def shown(path: Path) -> str:
    """The path as a card may show it: from the folder that the command ran in, or its last part if it is elsewhere."""
    absolute, here = path.absolute(), Path.cwd()
    return absolute.relative_to(here).as_posix() if absolute.is_relative_to(here) else path.name
