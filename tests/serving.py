"""A real OpenAI-compatible server on this machine for the tests: that of examples/serve_rules.py, in a thread."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "examples"))

import served_faults
from serve_rules import Chat, Offer, Served, at_a_loss, rewrites

__all__ = ["Chat", "Served", "echo", "rewrites", "served_faults", "serving"]


def echo(chat: Chat) -> str:
    """An answer that tells what it was made from."""
    return f"{chat.asked} {chat.seed} {chat.number}"


@contextmanager
def serving(answerers: Sequence[Any] = (echo,), faults: Iterable[str] = (), **settings: Any) -> Iterator[Served]:
    """A server whose requests meet `faults` one after the other, and then none."""
    with Served(Offer([*answerers, at_a_loss], iter(faults), **settings)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
