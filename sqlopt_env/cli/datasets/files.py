"""The files of a dataset's folder, read with care and each replaced in one step.

`training_data.json` holds the examples, `metrics.json` how they came about, `check.json` what judging them again found,
and `README.md`, the card, tells all that to a reader.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...types import SqlOptError

Example = dict[str, Any]

DATA, METRICS, CHECKED, CARD, RUN = "training_data.json", "metrics.json", "check.json", "README.md", "run.json"
_LINES = ".jsonl"
_TOLD = (
    "command", "date", "data", "examples", "judged", "holds", "only_at_the_second_measurement", "dropped",
    "speedup_now_to_then", "of_all",
)  # fmt: skip


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
    """What a dataset's or a run's list holds, whatever it is; at least one. Raises SqlOptError for anything else.

    A file holds a JSON list, or an example a line where its name ends in .jsonl.
    """
    path = data_file(place)
    examples = _lines(path) if path.suffix == _LINES else read_json(path)
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
        return json.loads(_bytes(path).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise SqlOptError(f"the file {path} is not whole JSON: {error}") from None


def _lines(path: Path) -> list[Any]:
    """What stands in each line; a last line that was cut off is left out, as where tasks are read."""
    lines, found = _bytes(path).split(b"\n"), list[Any]()
    for number, line in enumerate(lines, 1):
        try:
            found += [json.loads(line.decode("utf-8"))] if line.strip() else []
        except (ValueError, RecursionError) as error:
            if number < len(lines):
                raise SqlOptError(f"the file {path} is not JSON in line {number}: {error}") from None
    return found


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SqlOptError(f"the file {path} cannot be read: {error.strerror}") from None


def write_examples(path: Path, examples: Sequence[Any]) -> None:
    """In the form that the file's name says, as they are read."""
    if path.suffix == _LINES:
        write_text(path, "".join(json.dumps(each, ensure_ascii=False, allow_nan=False) + "\n" for each in examples))
    else:
        write_json(path, examples)


def runs_of(folder: Path) -> list[dict[str, Any]]:
    """The runs that a dataset's metrics.json tells of, none of a run's own. Raises SqlOptError."""
    runs = read_object(folder / METRICS).get("runs", [])
    if not isinstance(runs, list) or not all(isinstance(run, dict) for run in runs):
        raise SqlOptError(f"{folder / METRICS} tells no list of runs: make the dataset again")
    return runs


def read_report(path: Path) -> dict[str, Any]:
    """What `sqlopt data check` wrote to a file; {} where there is none. Raises SqlOptError for anything else."""
    report = read_object(path)
    try:
        if report:
            _ = [report[name] for name in _TOLD]
            _ = [(failure["place"] - 1, failure["finding"], failure["reason"]) for failure in report["failed"]]
            _ = (report["settings"]["sample"], report["findings"].items())
    except (KeyError, TypeError, AttributeError):
        raise SqlOptError(
            f"{path} is not what sqlopt data check wrote: remove it, or check the dataset again"
        ) from None
    return report


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
        with suppress(OSError):  # what is no folder holds nothing
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
