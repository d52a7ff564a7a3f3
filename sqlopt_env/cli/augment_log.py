"""The files of an augmentation: the examples that were kept, and beside them a log, from which it is resumed.

The log begins with what must agree for a run to go on, and has a line for each variant that was judged.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..augmentation.variants import Example, LeftOut
from ..jsonlines import JsonLines, read_lines
from ..types import SqlOptError
from .datasets.files import DATA, read_examples, write_json, write_text

_FORMAT = "sqlopt augmentation 1"
Place = tuple[int, int]  # of the example, from 0 on, and the seed of its variant


class AugmentLog:
    """Open for writing while it is entered; `found` holds what was read back.

    Raises SqlOptError for files of another augmentation, and for examples without their log.
    """

    def __init__(self, out: Path, settings: dict[str, Any]) -> None:
        log = out.with_name(f"{out.stem}.log.jsonl")
        self.found: dict[Place, Example | LeftOut] = {}
        if out.exists() and not log.exists():
            raise SqlOptError(f"{out} exists, without the log of an augmentation: choose another --out")
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            self._lines = JsonLines(log)
        except OSError as error:
            raise SqlOptError(f"the file {log} cannot be written: {error.strerror}") from None
        try:
            self._read_back(out, log, settings)
        except BaseException:
            self._lines.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()

    def append(self, place: Place, result: Example | LeftOut) -> None:
        """What became of a variant. May be called from several threads."""
        what: dict[str, Any] = {"example": result}
        if isinstance(result, LeftOut):
            what = {"left_out": result.kind, "reason": result.reason}
        self._lines.append({"place": place[0], "seed": place[1], **what})
        self.found[place] = result

    def _read_back(self, out: Path, log: Path, settings: dict[str, Any]) -> None:
        agreed = json.loads(json.dumps({"format": _FORMAT, **settings}))
        records = list(read_lines(log, dict, "of an augmentation's log"))
        if not records:
            self._lines.append(agreed)
            return
        if records[0] != agreed:
            differ = [name for name in agreed if records[0].get(name) != agreed[name]]
            raise SqlOptError(
                f"{out} holds another augmentation (it differs in {', '.join(differ) or 'its settings'}): choose"
                " another --out"
            )
        for number, record in enumerate(records[1:], 2):
            try:
                place = int(record["place"]), int(record["seed"])
                made = record.get("example")
                self.found[place] = LeftOut(record["left_out"], record["reason"]) if made is None else dict(made)
            except (KeyError, TypeError, ValueError) as error:
                raise SqlOptError(f"{log}, line {number}: not of an augmentation's log ({error})") from None


def out_file(out: Path) -> Path:
    """The file of the examples: the path itself where it is called .json or .jsonl, else training_data.json in it."""
    return out if out.suffix in (".json", ".jsonl") else out / DATA


def examples_of(source: Path) -> list[Any]:
    """What a dataset's folder, or a file of JSON or JSON Lines, holds, whatever it is. Raises SqlOptError."""
    if source.suffix != ".jsonl" or source.is_dir():
        return read_examples(source)
    try:
        lines = source.read_bytes().split(b"\n")
    except OSError as error:
        raise SqlOptError(f"the file {source} cannot be read: {error.strerror}") from None
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found += [json.loads(line.decode("utf-8"))] if line.strip() else []
        except (ValueError, RecursionError) as error:
            raise SqlOptError(f"the file {source} is not JSON in line {number}: {error}") from None
    if not found:
        raise SqlOptError(f"{source} holds no examples")
    return found


def write_examples(out: Path, examples: list[Example]) -> None:
    """In one step: a list, or an object a line where the file is called .jsonl."""
    if out.suffix == ".jsonl":
        write_text(out, "".join(json.dumps(example, ensure_ascii=False) + "\n" for example in examples))
    else:
        write_json(out, examples)
