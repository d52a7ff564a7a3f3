"""The author of slow queries from its name and options, as the command line gives them."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from sqlopt_agents.options import called
from sqlopt_curricula.diversity import Fold
from sqlopt_curricula.generator.author import Author, BatchAuthor, GrammarAuthor
from sqlopt_curricula.generator.slow_query_writer import QUERIES, SlowQueryWriter

from ..chat import ChatClient
from ..survey import Survey
from ..types import Settings, SqlOptError

GRAMMAR = "grammar"
PATIENT = 30.0  # seconds of the judge's timeout: what it finds of claimed answers must not hang on how busy we are
_LANGUAGE_MODEL = "openai:"
# Options that decide what is written: a run that goes on must agree in them.
_DECISIVE = ("queries", "answer_format", "temperature", "max_tokens", "send_seed")
MakeAuthor: TypeAlias = Callable[[Survey, Fold], Author | BatchAuthor]


@dataclass(frozen=True)
class Chosen:
    """`make` makes the author for a database; `agreed` is what a resumed run must agree in, nothing for the grammar;
    `timeout` is the judge's.
    """

    make: MakeAuthor = GrammarAuthor
    agreed: dict[str, Any] = field(default_factory=dict)
    client: ChatClient | None = None
    timeout: float = PATIENT


@contextmanager
def chosen(name: str, options: Mapping[str, str], out: Path) -> Iterator[Chosen]:
    """The author of this name; a language model's requests are logged beside the tasks that are to be in `out`."""
    if name == GRAMMAR:
        if options:
            raise SqlOptError(f"the author {GRAMMAR} has no options")
        yield Chosen(timeout=Settings().timeout)
    elif name.startswith(_LANGUAGE_MODEL):
        model = name.removeprefix(_LANGUAGE_MODEL)
        queries = _whole(options.get("queries", str(QUERIES)))
        rest = {key: value for key, value in options.items() if key != "queries"}
        log = Path(rest.pop("log", "") or requests_of(out))
        agreed = {"author": name, **{f"author_{key}": options[key] for key in _DECISIVE if key in options}}
        with _of_author(ChatClient, name, {**rest, "log": str(log)}, model) as client:
            yield Chosen(partial(SlowQueryWriter, client=client, queries=queries), agreed, client)
    else:
        yield Chosen(_own(name, options), {"author": name, **{f"author_{key}": options[key] for key in options}})


def requests_of(tasks: Path) -> Path:
    """The log of the requests that were made for a file of tasks."""
    return tasks.with_name(f"{tasks.stem}.requests.jsonl")


def _own(name: str, options: Mapping[str, str]) -> MakeAuthor:
    module, colon, attribute = name.partition(":")
    if not colon:
        raise SqlOptError(
            f"unknown author {name!r}: give {GRAMMAR}, {_LANGUAGE_MODEL}MODEL, or package.module:Class of your own"
        )
    sys.path.append(os.getcwd())  # where an author of one's own lies; last, so that it shadows nothing
    try:
        make = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise SqlOptError(f"the author {name} cannot be made: {type(error).__name__}: {error}") from error
    return lambda survey, fold: _checked(name, _of_author(make, name, options, survey, fold))


def _checked(name: str, author: Any) -> Author | BatchAuthor:
    if not hasattr(author, "shapes") or not (hasattr(author, "write") or isinstance(author, BatchAuthor)):
        raise SqlOptError(f"the author {name} has no method write(shape, rng), or no shapes")
    made: Author | BatchAuthor = author
    return made


def _of_author(make: Callable[..., Any], name: str, options: Mapping[str, str], *arguments: Any) -> Any:
    try:
        return called(name, make, options, *arguments, role="author")
    except SqlOptError as error:
        told = str(error)
        if make is ChatClient:
            told = told.replace("its options are", "its options are queries,", 1)
        raise SqlOptError(told) from None
    except Exception as error:
        raise SqlOptError(f"the author {name} cannot be made: {type(error).__name__}: {error}") from error


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise SqlOptError(f"the option queries must be a whole number, not {text!r}")
    return int(text)
