"""One consistent image of a database file, to be handed to processes that cannot open files.

The caller reads the file once for each of its states, into an anonymous file that nobody can change any more; a
worker is given the descriptor, and maps it.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import quote

import apsw

from ..types import SqlOptError

KEPT = 2  # images, the last ones that were asked for
PATIENCE = 5.0  # seconds that a database may be locked by others
_PAUSE = 0.02
_VERSIONS = slice(18, 20)  # in the header: how it is written and read
_WITH_LOG, _PLAIN = b"\x02\x02", b"\x01\x01"


class Signature(NamedTuple):
    """Tells whether a database is still the one that was copied; a commit may change its write-ahead log alone."""

    path: str
    size: int
    modified_ns: int
    log_size: int
    log_modified_ns: int

    @classmethod
    def of(cls, path: Path) -> Signature:
        try:
            status = os.stat(path)
        except OSError as error:
            raise SqlOptError(f"the database file {path} cannot be read: {error.strerror}") from error
        try:
            log = os.stat(f"{path}-wal")
        except OSError:
            return cls(str(path), status.st_size, status.st_mtime_ns, 0, 0)
        return cls(str(path), status.st_size, status.st_mtime_ns, log.st_size, log.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Image:
    """The bytes of a database, mapped while this is open."""

    signature: Signature
    contents: mmap.mmap | bytes

    @classmethod
    def of(cls, signature: Signature, descriptor: int) -> Image:
        if os.fstat(descriptor).st_size == 0:
            return cls(signature, b"")  # an empty file is a database without tables, but cannot be mapped
        return cls(signature, mmap.mmap(descriptor, 0, prot=mmap.PROT_READ))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(self.contents, mmap.mmap):
            self.contents.close()


class Snapshots:
    """The last images, as descriptors. Shared by threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[Signature, int] = OrderedDict()

    def descriptor(self, path: Path) -> tuple[Signature, int]:
        """The database in this file as it is now; the descriptor is to be closed by whoever asked.

        Raises SqlOptError where there is none that can be read.
        """
        with self._lock:
            signature = Signature.of(path)
            if signature not in self._kept:
                self._kept[signature] = _anonymous_file(_serialized(path))
                if len(self._kept) > KEPT:
                    os.close(self._kept.popitem(last=False)[1])
            self._kept.move_to_end(signature)
            return signature, os.dup(self._kept[signature])

    def close(self) -> None:
        """May be called again, and without the lock: nobody else may be here."""
        while self._kept:
            os.close(self._kept.popitem()[1])


def read_image(path: Path) -> Image:
    """The image of a file that this process may read itself."""
    snapshots = Snapshots()
    try:
        signature, descriptor = snapshots.descriptor(path)
        try:
            return Image.of(signature, descriptor)
        finally:
            os.close(descriptor)
    finally:
        snapshots.close()


_source: Callable[[Path], Image] = read_image


def image_of(path: Path) -> Image:
    """The image of a database, from wherever this process has them."""
    return _source(path)


def take_images_from(source: Callable[[Path], Image]) -> None:
    """For a worker, which can open no file: `image_of` asks `source` from now on."""
    global _source
    _source = source


def _serialized(path: Path) -> bytes:
    """The database, with what is only in its write-ahead log yet; waits a while for those that write to it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return _serialized_now(path, max(0.0, deadline - time.monotonic()))
        except apsw.NotADBError as error:
            raise SqlOptError(f"{path} is not an SQLite database") from error
        except (apsw.BusyError, apsw.LockedError, apsw.ReadOnlyError) as error:
            # Read-only: between two looks at the file, the journal of a running transaction passes for a dead one's.
            if time.monotonic() >= deadline:
                raise SqlOptError(
                    f"the database {path} cannot be read: another process is writing to it, or has died while it was"
                    f" ({error}); let it finish, or judge on a copy of the file"
                ) from error
            time.sleep(_PAUSE)
        except apsw.Error as error:
            raise SqlOptError(f"the database {path} cannot be read: {error}") from error


def _serialized_now(path: Path, patience: float) -> bytes:
    with closing(_open_read_only(path)) as source:
        source.set_busy_timeout(round(patience * 1000))
        # `serialize` gives no reason for a failure, and nothing for an empty file: both show themselves here.
        source.execute("BEGIN")
        pages = source.execute("PRAGMA main.page_count").get
        source.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
        image: bytes | None = source.serialize("main") if pages else b""
    if image is None:
        raise SqlOptError(f"the database {path} cannot be read")
    return image


def _open_read_only(path: Path) -> apsw.Connection:
    if not path.is_file():
        raise SqlOptError(f"there is no database file {path}")
    try:
        with path.open("rb") as file:
            header = file.read(20)
    except OSError as error:
        raise SqlOptError(f"the database file {path} cannot be read: {error.strerror}") from None
    # A write-ahead-log database without a log: a plain read-only connection would leave two files beside it.
    log = path.with_name(path.name + "-wal")
    idle_wal = header[_VERSIONS] == _WITH_LOG and not (log.exists() and log.stat().st_size)
    uri = f"file:{quote(str(path.absolute()))}?mode=ro" + ("&immutable=1" if idle_wal else "")
    return apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def _anonymous_file(image: bytes) -> int:
    """A descriptor of a file without a name, which a worker cannot change for the others."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("sqlopt-database", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        _write(descriptor, image)
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
        return descriptor
    with tempfile.NamedTemporaryFile() as file:
        _write(file.fileno(), image)
        return os.open(file.name, os.O_RDONLY)


def _write(descriptor: int, image: bytes) -> None:
    with open(descriptor, "wb", closefd=False) as file:
        file.write(image)
    if image[_VERSIONS] == _WITH_LOG:  # a database in memory can have no log
        os.pwrite(descriptor, _PLAIN, _VERSIONS.start)
