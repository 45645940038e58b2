"""Fetches a partner's new files into the archive of raw bytes, each whole or not at all."""

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from mediation.collect_limits import LIMITS, CollectLimits
from mediation.endpoint import Endpoint
from mediation.profile import Collect, Profile
from mediation.sftp import CollectError, FileError, RemoteFile, SftpSession

__all__ = ["ArchiveError", "CollectError", "CollectReport", "Fetched", "Seen", "collect"]

_PART = ".part-"
_LOCK = ".lock"

Seen = Callable[[str, int, datetime], bool]
"""Whether (remote path, size, modification time) was collected by an earlier run."""


class ArchiveError(CollectError):
    """The archive cannot be written."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One file in the archive; file_id is the sha256 of its bytes, modified_at is naive UTC."""

    partner: str
    name: str
    remote_path: str
    size_bytes: int
    modified_at: datetime
    file_id: str
    path: Path


@dataclass(frozen=True, slots=True)
class CollectReport:
    """What became of every file that glob and exclude let through, in name order."""

    fetched: tuple[Fetched, ...]
    seen: int
    """Files that an earlier run has collected."""
    unsettled: tuple[str, ...]
    """Names of files that changed while we looked; the next run looks again."""
    failed: dict[str, str]
    """Name to reason; the next run tries again."""
    postponed: int
    """Files beyond the limit of one run."""


class _ChangedError(Exception):
    """A remote file is not what it was when listed."""


def collect(
    profile: Profile,
    endpoint: Endpoint,
    archive: Path,
    seen: Seen,
    now: Callable[[], datetime],
    deliver: Callable[[Fetched], None],
    sleep: Callable[[float], None] = time.sleep,
    limits: CollectLimits = LIMITS,
) -> CollectReport:
    """The report of one run; each new file is in archive/<partner>/ before deliver hears of it.

    now() is naive UTC. Errors: ConnectError, HostKeyChanged, ArchiveError; what was delivered
    before them stays delivered. A run killed before deliver() fetches that file again.
    """
    with _archive(archive / profile.name) as folder, SftpSession(endpoint, limits) as session:
        listed, failed = session.files(profile.collect.path)
        matching = [f for f in listed if _wanted(profile.collect, f.name)]
        failed = {n: why for n, why in failed.items() if _wanted(profile.collect, n)}
        new = [f for f in matching if not seen(f.path, f.size_bytes, f.modified_at)]
        settle = timedelta(seconds=profile.collect.settle_s)
        if any(now() - f.modified_at < settle for f in new):
            # All wait for the youngest: partners number their files, so name order is kept.
            sleep(profile.collect.settle_s)
        fetched: list[Fetched] = []
        unsettled: list[str] = []
        postponed = 0
        for index, file in enumerate(new):
            if len(fetched) == limits.files:
                postponed = len(new) - index
                break
            try:
                one = _fetch(session, file, folder, limits)
            except _ChangedError:
                unsettled.append(file.name)
            except FileError as error:
                failed[file.name] = str(error)
            else:
                fetched.append(one)
                deliver(one)
    return CollectReport(
        tuple(fetched), len(matching) - len(new), tuple(unsettled),
        dict(sorted(failed.items())), postponed,
    )


def _wanted(rule: Collect, name: str) -> bool:
    """Whether the profile lets a file name through; upper and lower case differ."""
    return fnmatchcase(name, rule.glob) and not any(fnmatchcase(name, e) for e in rule.exclude)


def _fetch(
    session: SftpSession, file: RemoteFile, folder: Path, limits: CollectLimits
) -> Fetched:
    """The file in the archive, proven to be the same before, during and after the download."""
    listed = (file.size_bytes, file.modified_at)
    if session.look(file.path) != listed:
        raise _ChangedError
    if file.size_bytes > limits.file_bytes:
        raise FileError(f"{file.size_bytes} bytes are more than the limit {limits.file_bytes}")

    def verify(size_bytes: int) -> None:
        if size_bytes != file.size_bytes or session.look(file.path) != listed:
            raise _ChangedError

    with closing(session.chunks(file)) as chunks:
        file_id, path = _store(folder, chunks, verify)
    return Fetched(
        folder.name, file.name, file.path, file.size_bytes, file.modified_at, file_id, path
    )


@contextmanager
def _archive(folder: Path) -> Iterator[Path]:
    """The partner's archive folder, held by this run alone and rid of dead runs' leftovers."""
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
        yield folder
    finally:
        os.close(lock)


def _store(
    folder: Path, chunks: Iterable[bytes], verify: Callable[[int], None]
) -> tuple[str, Path]:
    """sha256 and path of the stored bytes; nothing is stored when chunks or verify raise."""
    part = folder / f"{_PART}{os.getpid()}"
    digest = hashlib.sha256()
    size_bytes = 0
    with _disk(folder):
        try:
            with part.open("xb") as out:
                for chunk in chunks:
                    digest.update(chunk)
                    size_bytes += out.write(chunk)
                out.flush()
                os.fsync(out.fileno())
            verify(size_bytes)
            return digest.hexdigest(), _keep(part, digest.hexdigest())
        finally:
            part.unlink(missing_ok=True)


def _keep(part: Path, file_id: str) -> Path:
    """The final place of a complete part; bytes already there stay untouched."""
    target = part.parent / file_id[:2] / file_id
    if target.exists():
        return target
    target.parent.mkdir(exist_ok=True)
    part.chmod(0o440)
    part.rename(target)
    # Without these a power cut may forget the new names, though not the bytes.
    for folder in (target.parent, part.parent):
        entry = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(entry)
        finally:
            os.close(entry)
    return target


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Turns errors of our own disk into ArchiveError; the session's errors are no OSErrors."""
    try:
        yield
    except OSError as error:
        raise ArchiveError(
            str(folder), f"cannot be written ({error.strerror or error})",
            "check free space and permissions of the archive", retryable=True,
        ) from error
