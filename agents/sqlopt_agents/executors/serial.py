"""One item after the other, in this process: for debugging, and where a policy or a judge must not be sent away."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable

from .base import RETRIES, Closing, Failure, Item, Result, check, raised


class SerialExecutor(Closing):
    """Nothing is supervised: what kills the process kills the caller, and `timeout` is not held."""

    workers = 1

    def map_unordered(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        retries: int = RETRIES,
        timeout: float | None = None,
    ) -> Generator[tuple[Item, Result | Failure], None, None]:
        check(retries, timeout)
        return ((item, _done(function, item)) for item in items)

    def close(self) -> None:
        """There is nothing to end."""


def _done(function: Callable[[Item], Result], item: Item) -> Result | Failure:
    try:
        return function(item)
    except Exception as error:
        return raised(error)
