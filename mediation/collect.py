"""Fetches a partner's new files into the archive of raw bytes, each whole or not at all."""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

from mediation.after_fetch import below, finish, is_finished, is_marker, marker_of
from mediation.collect_limits import LIMITS, CollectLimits
from mediation.profile import Collect, Profile
from mediation.raw_store import RawStore, opened
from mediation.sessions import Borrowed, Sessions, lost_for_good
from mediation.source import CollectError, ConnectError, FileError, RemoteFile, Source

Seen = Callable[[str, int, datetime], bool]
"""Whether (remote path, size, modification time) was collected by an earlier run."""


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
    """What became of every file that the profile lets through; names are below its folder."""

    fetched: tuple[Fetched, ...]
    seen: int
    """Files that an earlier run has collected."""
    unmarked: tuple[str, ...]
    """Names of files whose marker is not there yet."""
    unsettled: tuple[str, ...]
    """Names of files that changed while we looked; the next run looks again."""
    failed: dict[str, str]
    """Name to reason; the next run tries again."""
    postponed: int
    """Files beyond the limit of one run."""
    notes: dict[str, str]
    """Name to why a registered file was not deleted, renamed or moved at its source; or
    `sessions` to why there were fewer than the profile asks for"""


class _ChangedError(Exception):
    """A remote file is not what it was when listed."""


def collect(
    profile: Profile,
    open_source: Callable[[], Source],
    archive: Path,
    seen: Seen,
    now: Callable[[], datetime],
    deliver: Callable[[Sequence[Fetched]], None],
    sleep: Callable[[float], None] = time.sleep,
    limits: CollectLimits = LIMITS,
) -> CollectReport:
    """The report of one run; each new file is in archive/<partner>/ before deliver hears of it.

    deliver is called by this thread, in path order, with those that have come meanwhile. now() is
    naive UTC. Errors: ConnectError, HostKeyChanged, ArchiveError; what was delivered before them
    stays delivered. A run killed before deliver() fetches those files again.
    """
    rule = profile.collect
    with (
        opened(archive / profile.name) as store,
        ThreadPoolExecutor(rule.sessions, "collect") as pool,
        # Innermost: closing the connections ends what the pool's threads still wait for.
        Sessions(open_source, limits, sleep) as sessions,
    ):
        listed = _listed(sessions, rule, seen)
        settle = timedelta(seconds=0 if rule.marker else rule.settle_s)
        if any(now() - f.modified_at < settle for f in listed.new):
            # All wait for the youngest: partners number their files, so name order is kept.
            sleep(rule.settle_s)
        run = _Run(rule, store, sessions, pool, dict(listed.failed))
        narrow = sessions.widen(min(rule.sessions, len(listed.new)))
        if narrow:
            run.notes["sessions"] = narrow
        run.fetch(listed.new, deliver)
        run.finish(listed.seen[: limits.files])
        run.wait()
    return CollectReport(
        tuple(run.fetched), len(listed.seen), listed.unmarked, tuple(run.unsettled),
        dict(sorted(run.failed.items())), run.postponed, dict(sorted(run.notes.items())),
    )


def wanted(rule: Collect, path: str) -> bool:
    """Whether the profile lets a file through that is neither a marker nor finished."""
    name = path.rpartition("/")[2]
    return (
        _lets(rule, below(rule, path)) and not is_marker(rule, name)
        and not is_finished(rule, path)
    )


@dataclass(frozen=True, slots=True)
class _Listed:
    """The partner's folder, without what the profile does not let through."""

    new: list[RemoteFile]
    seen: list[RemoteFile]
    unmarked: tuple[str, ...]
    failed: dict[str, str]


def _listed(sessions: Sessions, rule: Collect, seen: Seen) -> _Listed:
    """What is there, new files and others apart."""
    with sessions.borrow() as borrowed:
        try:
            found, failed = borrowed.attempt(
                lambda source: source.files(rule.where, recursive=rule.recursive)
            )
        except FileError as error:
            raise ConnectError(
                borrowed.source.where, f"folder {rule.where!r}: {error}",
                "try again; if it stays so, ask the partner", retryable=True,
            ) from error
    there = {f.path for f in found}
    known: list[RemoteFile] = []
    new: list[RemoteFile] = []
    unmarked: list[str] = []
    for file in found:
        if not wanted(rule, file.path):
            continue
        if seen(file.path, file.size_bytes, file.modified_at):
            known.append(file)
        elif rule.marker and marker_of(rule, file.path) not in there:
            unmarked.append(below(rule, file.path))
        else:
            new.append(file)
    failed = {n: why for n, why in failed.items() if n.endswith("/") or _lets(rule, n)}
    return _Listed(new, known, tuple(unmarked), failed)


def _lets(rule: Collect, name: str) -> bool:
    """Whether glob and exclude let a name below the folder through; upper and lower differ."""
    parts = name.split("/")
    excluded = any(fnmatchcase(part, e) for part in parts for e in rule.exclude)
    return fnmatchcase(parts[-1], rule.glob) and not excluded


@dataclass(slots=True)
class _Run:
    """One run under way: its tools, and what has become of its files so far."""

    rule: Collect
    store: RawStore
    sessions: Sessions
    pool: ThreadPoolExecutor
    failed: dict[str, str]
    fetched: list[Fetched] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    postponed: int = 0
    notes: dict[str, str] = field(default_factory=dict)
    finishing: deque[tuple[str, Future[None]]] = field(default_factory=deque)

    def fetch(
        self, files: list[RemoteFile], deliver: Callable[[Sequence[Fetched]], None]
    ) -> None:
        """Nothing; every file is delivered, has a reason why not, or is postponed."""
        limits = self.sessions.limits
        waiting = deque(files)
        flying: deque[tuple[RemoteFile, Future[Fetched]]] = deque()
        ahead = limits.ahead * self.rule.sessions
        while True:
            room = min(ahead, limits.files - len(self.fetched))
            while waiting and len(flying) < room:
                file = waiting.popleft()
                flying.append((file, self.pool.submit(self._fetch, file)))
            if not flying:
                break
            ready = [flying.popleft()]
            while flying and flying[0][1].done() and len(ready) < limits.together:
                ready.append(flying.popleft())
            self._deliver(ready, deliver)
        self.postponed = len(waiting)

    def _deliver(
        self,
        ready: Iterable[tuple[RemoteFile, Future[Fetched]]],
        deliver: Callable[[Sequence[Fetched]], None],
    ) -> None:
        """Nothing; those that could be fetched are delivered. What ends the run comes last."""
        files: list[RemoteFile] = []
        fetched: list[Fetched] = []
        ended: CollectError | None = None
        for file, future in ready:
            name = below(self.rule, file.path)
            try:
                fetched.append(future.result())
                files.append(file)
            except _ChangedError:
                self.unsettled.append(name)
            except FileError as error:
                self.failed[name] = str(error)
            except CollectError as error:
                ended = error
                break
        if fetched:
            self.fetched += fetched
            deliver(fetched)
            self.finish(files)
        if ended:
            raise ended

    def finish(self, files: Iterable[RemoteFile]) -> None:
        """Nothing; registered files are on their way to where the profile wants them."""
        if self.rule.after == "leave":
            return
        for file in files:
            future = self.pool.submit(self._finish, file)
            self.finishing.append((below(self.rule, file.path), future))

    def wait(self) -> None:
        """Nothing; every file that could be finished is, the others have a note."""
        for name, future in self.finishing:
            try:
                future.result()
            except FileError as error:
                self.notes[name] = str(error)

    def _finish(self, file: RemoteFile) -> None:
        with self.sessions.borrow() as borrowed:
            borrowed.attempt(lambda source: finish(source, self.rule, file))

    def _fetch(self, file: RemoteFile) -> Fetched:
        """The file in the archive, proven to be the same before, during and after the download."""
        with self.sessions.borrow() as borrowed:
            _unchanged(borrowed, file)
            most = self.sessions.limits.file_bytes
            if file.size_bytes > most:
                raise FileError(f"{file.size_bytes} bytes are more than the limit {most}")

            def verify(size_bytes: int) -> None:
                if size_bytes != file.size_bytes:
                    raise _ChangedError
                _unchanged(borrowed, file)

            with closing(_bytes(borrowed, file, self.sessions.limits.attempts)) as chunks:
                file_id, path = self.store.put(chunks, verify)
        return Fetched(
            self.store.folder.name, file.name, file.path, file.size_bytes, file.modified_at,
            file_id, path,
        )


def _unchanged(borrowed: Borrowed, file: RemoteFile) -> None:
    """Nothing; _ChangedError when the file is not the listed one any more."""
    if borrowed.attempt(lambda source: source.look(file.path)) != (
        file.size_bytes, file.modified_at
    ):
        raise _ChangedError


def _bytes(
    borrowed: Borrowed, file: RemoteFile, attempts: int
) -> Generator[bytes, None, None]:
    """The file's bytes; after a lost connection they go on where they stopped."""
    size_bytes = 0
    for left in range(attempts - 1, -1, -1):
        try:
            with closing(borrowed.source.chunks(file, size_bytes)) as chunks:
                for chunk in chunks:
                    size_bytes += len(chunk)
                    yield chunk
        except ConnectError as error:
            borrowed.replace(error)
            if not left:
                raise lost_for_good(error) from error
            _unchanged(borrowed, file)
        else:
            return
