"""What the code in a worker sees of its caller: somebody who grants time and hands over databases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..sqlite.snapshot import Image, Signature
from ..types import SqlOptError
from .limits import descriptors_allowed, limit_cpu
from .wire import Channel, close_all


class Host:
    """The caller of one request. To be called before each phase: `host("check", 2.0)`."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.wants_template = False

    def __call__(self, phase: str, seconds: float) -> None:
        """From now on this process may work for so many seconds, and is then killed; `phase` names what it does."""
        limit_cpu(seconds)
        self._channel.send({"phase": phase, "allow": seconds})

    def signature(self, path: Path | str) -> Signature:
        """Of the database in this file, as it is now; `path` must be one of the request's values.

        Raises SqlOptError where there is none.
        """
        return self._ask({"look": str(path)})[0]

    def database(self, path: Path | str) -> Image:
        """The database in this file, as it is now; a context manager. `path` must be one of the request's values.

        Raises SqlOptError where it cannot be read.
        """
        with descriptors_allowed():
            signature, descriptors = self._ask({"want": str(path)})
            try:
                return Image.of(signature, descriptors[0])
            finally:
                close_all(descriptors)

    def checkpoint(self) -> None:
        """When this request has been answered, what the process holds is kept: a kill takes it no further back."""
        self.wants_template = True

    def _ask(self, question: dict[str, str]) -> tuple[Signature, list[int]]:
        self._channel.send(question)
        reply, descriptors = self._channel.receive_with_descriptors()
        if "error" in reply:
            raise SqlOptError(reply["error"])
        return Signature(*reply["signature"]), descriptors


Allow = Callable[[str, float], None]  # a host of which nothing but time is wanted
Handler = Callable[[dict[str, Any], Host], dict[str, Any]]
