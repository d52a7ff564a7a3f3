"""A worker's walls: Landlock without a rule (no file system, no TCP, no signals), and no new descriptors.

Landlock is Linux's sandbox for processes without privileges, https://docs.kernel.org/userspace-api/landlock.html; it
has no function in the C library, hence the bare system calls. Where the kernel lacks it, the other wall stands alone.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

from .limits import forbid_descriptors

# The same numbers on all architectures that Python runs on.
_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_ASK_VERSION = 1
_PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER = 38, 36
# The rights that a kernel knows, by its version of Landlock: it refuses a set that has one of a later version.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many, from bit 0
_BIND_AND_CONNECT = 0b11  # TCP, from version 4
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11  # to processes outside the jail, from version 6


class _Ruleset(ctypes.Structure):
    """struct landlock_ruleset_attr; older kernels want it to end where their knowledge ends."""

    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


_entered = False


def enter() -> None:
    """Jails this process, for good, and all that are forked from it."""
    global _entered
    version = 0 if _entered else landlock_version()  # the kernel stacks 16 at most, and a child is in its parent's
    _entered = True
    if version:
        ruleset = _Ruleset(
            (1 << _FILE_RIGHTS[min(version, max(_FILE_RIGHTS))]) - 1,
            _BIND_AND_CONNECT if version >= 4 else 0,
            _ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0,
        )
        size = 8 if version < 4 else 16 if version < 6 else 24
        descriptor = _system_call(_CREATE_RULESET, ctypes.addressof(ruleset), size, 0)
        try:
            _control(_PR_SET_NO_NEW_PRIVS, 1)
            _system_call(_RESTRICT_SELF, descriptor, 0, 0)
        finally:
            os.close(descriptor)
    forbid_descriptors()


def walls() -> tuple[str, ...]:
    """What keeps a worker in on this machine."""
    version = landlock_version()
    found = ["no new descriptors"]
    found += ["Landlock: no file system"] if version else []
    found += ["Landlock: no TCP"] if version >= 4 else []
    found += ["Landlock: no signals and abstract sockets to others"] if version >= 6 else []
    return tuple(found)


def landlock_version() -> int:
    """0 where the kernel has none, or has it switched off."""
    if sys.platform != "linux":
        return 0
    try:
        return _system_call(_CREATE_RULESET, 0, 0, _ASK_VERSION)
    except OSError:
        return 0


def adopt_orphans() -> None:
    """This process becomes the parent of its descendants' orphans: not every container's first process reaps."""
    _control(_PR_SET_CHILD_SUBREAPER, 1)


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _system_call(number: int, first: int, second: int, third: int) -> int:
    words = (ctypes.c_long(word) for word in (number, first, second, third))
    return _checked(_library().syscall(*words))


def _control(option: int, value: int) -> None:
    words = (ctypes.c_ulong(word) for word in (value, 0, 0, 0))
    _checked(_library().prctl(ctypes.c_int(option), *words))


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
