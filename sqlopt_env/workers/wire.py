"""Messages between the caller and its workers: JSON with its length before it, and descriptors beside it.

JSON, so that a broken worker cannot run code in the caller; at most MAX_BYTES, so that it cannot fill the caller's
memory; and within a time limit that holds for the whole message, so that half of one cannot stop the caller.
Descriptors travel towards workers only: what a worker sends beside its words, the kernel drops.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any

MAX_BYTES = 64 * 2**20
_LENGTH = struct.Struct("!Q")
_LONGEST_WAIT = 1e6  # seconds: what the kernel's timers hold
_CREDENTIALS = struct.Struct("3i")  # process, user, group
_DESCRIPTORS = 4  # that one message may bring

Message = dict[str, Any]


class ProtocolError(Exception):
    """What came is no message."""


class Channel:
    """One end of a connection. `deadline` is a time of `time.monotonic()`; without one, a call blocks."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, message: Message, descriptors: Sequence[int] = (), deadline: float | None = None) -> None:
        """Raises OSError (TimeoutError, BrokenPipeError ...) where it cannot be sent, ProtocolError if too large."""
        text = json.dumps(message).encode()
        if len(text) > MAX_BYTES:
            raise ProtocolError(f"a message of {len(text):,} bytes")
        data = memoryview(_LENGTH.pack(len(text)) + text)
        self._wait_until(deadline)
        sent = socket.send_fds(self._socket, [data], descriptors) if descriptors else self._socket.send(data)
        while sent < len(data):
            self._wait_until(deadline)
            sent += self._socket.send(data[sent:])

    def receive(self, deadline: float | None = None) -> Message:
        """The next message, whatever descriptors came with it. Raises EOFError at the end, OSError, ProtocolError."""
        self._wait_until(deadline)
        return self._rest(self._socket.recv(_LENGTH.size), deadline)

    def receive_with_descriptors(self) -> tuple[Message, list[int]]:
        """The next message and its descriptors. Blocks."""
        head, descriptors, _, _ = socket.recv_fds(self._socket, _LENGTH.size, _DESCRIPTORS)
        return self._rest(head, None), descriptors

    def receive_from(self, deadline: float) -> tuple[Message, int]:
        """The next message and the process that sent it, on the kernel's word; needs `ask_for_senders` before."""
        self._wait_until(deadline)
        size = socket.CMSG_SPACE(_CREDENTIALS.size)
        head, attached, _, _ = self._socket.recvmsg(_LENGTH.size, size)
        message = self._rest(head, deadline)
        for level, kind, data in attached:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                return message, _CREDENTIALS.unpack(data)[0]
        raise ProtocolError("a message of nobody")

    def ask_for_senders(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)

    def is_open(self) -> bool:
        """Somebody holds the other end, and has said nothing."""
        self._socket.settimeout(0)
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def _rest(self, head: bytes, deadline: float | None) -> Message:
        if not head:
            raise EOFError
        head += self._exactly(_LENGTH.size - len(head), deadline)
        (size,) = _LENGTH.unpack(head)
        if size > MAX_BYTES:
            raise ProtocolError(f"a message of {size:,} bytes")
        try:
            message = json.loads(self._exactly(size, deadline).decode())
        except (ValueError, RecursionError) as error:
            raise ProtocolError("a message that is no JSON") from error
        if not isinstance(message, dict):
            raise ProtocolError("a message that is no object")
        return message

    def _exactly(self, size: int, deadline: float | None) -> bytearray:
        """So many bytes; memory is taken as they come, not as they are promised."""
        data = bytearray()
        while len(data) < size:
            self._wait_until(deadline)
            chunk = self._socket.recv(min(size - len(data), 2**20))
            if not chunk:
                raise EOFError
            data += chunk
        return data

    def _wait_until(self, deadline: float | None) -> None:
        """Gives the next call on the socket the time that is left."""
        if deadline is not None:
            left = min(deadline - time.monotonic(), _LONGEST_WAIT)
            self._socket.settimeout(max(left, 0.001))  # 0 would mean another kind of error

    def close(self) -> None:
        self._socket.close()


def pair() -> tuple[Channel, socket.socket]:
    """A fresh connection: the caller's end, and the one to hand away."""
    mine, theirs = socket.socketpair()
    return Channel(mine), theirs


def close_all(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
