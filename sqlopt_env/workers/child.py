"""The processes' own side: a worker that serves requests, and a template that workers are forked from.

The first template is the zygote: a fresh interpreter that imports a target, builds its handler and then only forks.
A worker can fork a template of its own, so that what it has prepared outlives it. A process changes its role by
returning from one of the two loops below, in the child of a fork, so that the stack does not grow with the
generations.

Nothing here uses threads (a fork would not take them along) or `poll` (refused where no descriptors are allowed).
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import math
import os
import signal
import socket
import threading
import traceback
from contextlib import suppress

from ..sqlite.snapshot import take_images_from
from . import jail, limits
from .host import Handler, Host
from .preload import preload
from .wire import Channel, ProtocolError, close_all

REPLY_SECONDS = 10.0  # until the first word about a request


def zygote() -> None:
    """Main of the first template; its control socket is where the standard input would be."""
    control = _standard_input()
    jail.adopt_orphans()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    try:
        handler = _make_handler(control)
    except EOFError:
        os._exit(0)
    gc.collect()
    gc.freeze()  # what all share stays shared: the collector would write to it
    try:
        while True:
            channel, life = _be_template(control)
            control = _be_worker(channel, life, handler)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def lone_worker() -> None:
    """Main of a worker for systems without what templates need."""
    channel = _standard_input()
    handler = _make_handler(channel)
    _, (life,) = channel.receive_with_descriptors()
    jail.enter()

    def watch() -> None:  # SQLite runs without the interpreter's lock, so that a thread can end this
        socket.socket(fileno=life).recv(1)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    channel.send({"hello": os.getpid()})
    _be_worker(channel, life, handler)


def _be_template(control: Channel) -> tuple[Channel, int]:
    """Forks a worker at every command; returns in a worker, with its channel and its life line."""
    limits.limit_cpu(math.inf)
    with limits.descriptors_allowed():
        while True:
            try:
                _, descriptors = control.receive_with_descriptors()
            except (EOFError, OSError, ProtocolError):
                os._exit(0)  # the caller is gone, or has a newer template
            with suppress(OSError):  # no memory, or too many processes: the caller sees that its sockets are closed
                if os.fork() == 0:
                    break
            close_all(descriptors)
    control.close()
    end, life = descriptors
    channel = Channel(socket.socket(fileno=end))
    _die_with(life)
    jail.enter()
    with suppress(OSError):
        channel.send({"hello": os.getpid()})
    return channel, life


def _be_worker(channel: Channel, life: int, handler: Handler) -> Channel:
    """Answers requests; returns in a template that the worker leaves behind, with its control socket."""
    control: Channel | None = None
    while True:
        try:
            with limits.descriptors_allowed():
                message, descriptors = channel.receive_with_descriptors()
                if descriptors:
                    control = Channel(socket.socket(fileno=descriptors[0]))
            limits.limit_cpu(REPLY_SECONDS)
            host = Host(channel)
            take_images_from(host.database)
            answer = handler(message["request"], host)
            leaving = host.wants_template and control is not None
            channel.send({"answer": answer, "number": message["number"], "template": leaving})
        except (EOFError, BrokenPipeError, ConnectionResetError):
            os._exit(0)  # the caller is gone
        if leaving and control is not None:
            with suppress(OSError):
                if os.fork() == 0:
                    channel.close()
                    os.close(life)
                    gc.freeze()
                    return control
            control.close()
            control = None


def _standard_input() -> Channel:
    """The socket in its place, under a number of its own; a stray print cannot break the protocol."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's to handle
    channel = Channel(socket.socket(fileno=os.dup(0)))
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    with suppress(OSError):
        os.dup2(2, 1)
    return channel


def _make_handler(channel: Channel) -> Handler:
    hello = channel.receive()
    limits.prefer_for_oom()
    module, _, name = hello["target"].partition(":")
    make = getattr(importlib.import_module(module), name)
    preload(module)
    limits.limit_files()
    limits.remember_fresh()
    handler: Handler = make(hello["options"])
    return handler


def _die_with(life: int) -> None:
    """The kernel ends this process when the other end is closed, even in the middle of an endless query.

    (Linux's parent-death signal would fire as soon as the template ends, or the parent's *thread*.)
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
