"""What can stop a conversation."""

from __future__ import annotations

from ..types import SqlOptError


class ServerFailed(SqlOptError):
    """The server gave no usable answer, after all retries. What was answered before is in the request log.

    `refused`: it did not take this request (too long, filtered, a setting that it does not know); others it may take.
    """

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class CostReached(SqlOptError):
    """The next request could pass `max_cost`, and was not sent. Nothing is wrong: a run may be resumed with more."""
