"""What all executors share: their interface, what an item ends as, and how work is written to be sent away.

A local executor's process imports this and nothing of the environment, so that it starts in a tenth of the time.
"""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

RETRIES = 2


@dataclass(frozen=True, slots=True)
class Failure:
    """How an item ended that has no result, after `tries` of them.

    `raised`: the function raised `error`, which is not tried again. `died`: the process that worked on it did, every
    time. `timeout`: it took longer than it was allowed, every time.
    """

    kind: Literal["raised", "died", "timeout"]
    reason: str  # one sentence
    tries: int
    error: Exception | None = None


class Executor(Protocol):
    """Does the same to many items. A context manager; one `map_unordered` at a time."""

    @property
    def workers(self) -> int:
        """How many items are worked on at a time."""
        ...

    def map_unordered(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        retries: int = RETRIES,
        timeout: float | None = None,
    ) -> Generator[tuple[Item, Result | Failure], None, None]:
        """Each item with its result or failure, once, as they come. Reads a few items ahead, in the caller's thread.

        An item whose process dies, or that takes longer than `timeout` seconds, is tried again at most `retries`
        times. Raises SqlOptError for what cannot be sent to another process: function and items must be picklable,
        and the function importable there. Ends all that is being worked on when its iterator is closed.
        """
        ...

    def close(self) -> None:
        """Ends the processes. May be called again."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Closing:
    """The context manager's half of an executor."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        raise NotImplementedError


def misuse(sentence: str) -> Exception:
    """A SqlOptError; see above for why it is imported here."""
    from sqlopt_env.types import SqlOptError

    return SqlOptError(sentence)


def check(retries: int, timeout: float | None) -> None:
    if type(retries) is not int or retries < 0:
        raise misuse(f"retries must be a whole number of at least 0, not {retries!r}")
    if timeout is not None and not (isinstance(timeout, int | float) and 0 < timeout < 1e8):
        raise misuse(f"timeout must be a number of seconds above 0, or None, not {timeout!r}")


def packed(value: Any, what: str) -> bytes:
    """Raises SqlOptError where it cannot be pickled."""
    try:
        return pickle.dumps(value)
    except Exception as error:  # whatever a __reduce__ raises
        raise misuse(f"{what} cannot be sent to another process: {_one_line(error)}") from None


def performed(function: Callable[[Any], Any], item: bytes) -> bytes:
    """In the process that does the work: the pickled result, or the exception that came instead."""
    try:
        return pickle.dumps((function(pickle.loads(item)), None))
    except BaseException as error:  # also sys.exit, which must not end the process
        return pickle.dumps((None, _portable(error)))


def outcome(answer: bytes, tries: int) -> Any:
    """What `performed` has written, in the caller's process: the result, or a Failure."""
    try:
        result, error = pickle.loads(answer)
    except Exception as problem:
        error = RuntimeError(f"the result cannot be read: {_one_line(problem)}")
    return result if error is None else raised(error, tries)


def raised(error: Exception, tries: int = 1) -> Failure:
    return Failure("raised", _one_line(error), tries, error)


def times(count: int) -> str:
    return "once" if count == 1 else f"{count} times one after the other"


def unusable(problem: str) -> Exception:
    return misuse(
        f"the worker processes cannot load the function: {problem}; it must be in a module that they can import,"
        " not in the script that runs"
    )


def _portable(error: BaseException) -> Exception:
    """The same exception with its traceback as a note, where it survives the way; else one that tells of it."""
    trace = "".join(traceback.format_exception(error))
    try:
        if isinstance(error, Exception) and type(pickle.loads(pickle.dumps(error))) is type(error):
            error.add_note(f"In the worker process:\n{trace}")
            return error
    except Exception:  # its class asks for other arguments, or holds what cannot be pickled
        pass
    told = RuntimeError(_one_line(error))
    told.add_note(f"In the worker process:\n{trace}")
    return told


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if type(error).__name__ == "SqlOptError" else f"{type(error).__name__}: {text}"
