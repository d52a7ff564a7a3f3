"""The kernel's limits on a process that runs hostile SQL: memory, CPU time, files, descriptors."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import ceil

CPU_GRACE = 2  # seconds of CPU time beyond what a phase was allowed
_TICKED_CLOCK = -8  # MAKE_PROCESS_CPUCLOCK(0, CPUCLOCK_PROF) of linux/posix-timers.h: this process, by ticks
_EXPENDABLE = 500  # of 1000, for the kernel when memory has run out
_fresh_bytes = 0  # address space of this process when it held nothing yet
_descriptors = 0  # that this process may have when they are allowed


def limit_files() -> None:
    """No core dumps, and not one byte into a file."""
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(limit, (0, 0))


def limit_process(memory_bytes: int) -> None:
    """At most `memory_bytes` more address space than a fresh worker has, which holds no database yet.

    To be called again as databases come and go. (What is in use now cannot be asked for in a jail.)
    """
    if sys.platform == "linux":
        most = remember_fresh() + memory_bytes
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def remember_fresh() -> int:
    """The address space of a fresh worker; measured once, before there is a jail."""
    global _fresh_bytes
    if not _fresh_bytes:
        with open("/proc/self/statm") as statm:
            _fresh_bytes = int(statm.read().split()[0]) * resource.getpagesize()
    return _fresh_bytes


def limit_cpu(seconds: float) -> None:
    """This process ends itself when it has used so much more CPU time, and a grace, even if nobody kills it."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = ceil(min(cpu_seconds() + seconds, 1e9)) + CPU_GRACE
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def cpu_seconds() -> float:
    """What the kernel holds against RLIMIT_CPU.

    Linux counts ticks for that. `time.process_time` is exact, and after minutes of work they are seconds apart: a limit
    taken from it would kill a worker that has done nothing.
    """
    return time.clock_gettime(_TICKED_CLOCK) if sys.platform == "linux" else time.process_time()


def forbid_descriptors() -> None:
    """From now on nothing can be opened: no file, no folder, no socket, no pipe."""
    global _descriptors
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    _descriptors = soft or _descriptors
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))


@contextmanager
def descriptors_allowed() -> Iterator[None]:
    """Takes `forbid_descriptors` back for a moment in which no SQL runs, to be handed a descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft or _descriptors, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def prefer_for_oom() -> None:
    """When memory runs out, the kernel ends this process rather than the caller. Best effort."""
    with suppress(OSError, ValueError), open("/proc/self/oom_score_adj", "r+") as score:
        if int(score.read()) < _EXPENDABLE:
            score.write(str(_EXPENDABLE))
