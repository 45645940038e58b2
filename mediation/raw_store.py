"""A partner's archive of raw bytes: content-addressed, each file whole or not at all."""

import fcntl
import hashlib
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mediation.source import CollectError

_PART = ".part-"
_LOCK = ".lock"
# For all stores of the process: two of one folder must not share a part.
_NUMBERS = itertools.count()


class ArchiveError(CollectError):
    """The archive cannot be written."""


class RawStore:
    """The raw bytes of one partner below a folder; put() may be called from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._keeping = threading.Lock()
        self._lasting: set[str] = set()

    def put(
        self, chunks: Iterable[bytes], verify: Callable[[int], None] = lambda _: None
    ) -> tuple[str, Path]:
        """sha256 and path of the stored bytes; nothing is stored when chunks or verify raise.

        verify hears the number of bytes before they get their final name. ArchiveError.
        """
        part = self.folder / f"{_PART}{os.getpid()}-{next(_NUMBERS)}"
        digest = hashlib.sha256()
        size_bytes = 0
        with _disk(self.folder):
            try:
                with part.open("xb") as out:
                    for chunk in chunks:
                        digest.update(chunk)
                        size_bytes += out.write(chunk)
                    out.flush()
                    os.fsync(out.fileno())
                verify(size_bytes)
                return digest.hexdigest(), self._keep(part, digest.hexdigest())
            finally:
                part.unlink(missing_ok=True)

    def _keep(self, part: Path, file_id: str) -> Path:
        """The final place of a complete part; bytes already there stay untouched."""
        target = self.folder / file_id[:2] / file_id
        with self._keeping:
            if target.exists():
                return target
            target.parent.mkdir(exist_ok=True)
            part.chmod(0o440)
            part.rename(target)
        # Without these a power cut may forget the new names, though not the bytes.
        _sync(target.parent)
        if target.parent.name not in self._lasting:
            _sync(self.folder)
            self._lasting.add(target.parent.name)
        return target


def _sync(folder: Path) -> None:
    """Nothing; the names in the folder survive a power cut."""
    entry = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)


@contextmanager
def opened(folder: Path) -> Iterator[RawStore]:
    """The partner's store, held by this run alone and rid of dead runs' leftovers."""
    with _disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            # The kernel frees it when the process dies, whatever kills it.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ArchiveError(
                str(folder), "another run is collecting from this partner",
                "wait until it ends", retryable=True,
            ) from error
        with _disk(folder):
            for leftover in folder.glob(f"{_PART}*"):
                leftover.unlink()
        yield RawStore(folder)
    finally:
        os.close(lock)


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Turns errors of our own disk into ArchiveError; a source's errors are no OSErrors."""
    try:
        yield
    except OSError as error:
        raise ArchiveError(
            str(folder), f"cannot be written ({error.strerror or error})",
            "check free space and permissions of the archive", retryable=True,
        ) from error
