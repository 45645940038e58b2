"""The open sources of one run: borrowed by worker threads, replaced when a connection is lost."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Self, TypeVar

from mediation.collect_limits import CollectLimits
from mediation.source import ConnectError, FileError, Source, StalledError

_Result = TypeVar("_Result")


class Sessions:
    """At least one open source; a context manager that closes them all, even those in use."""

    def __init__(
        self, open_source: Callable[[], Source], limits: CollectLimits,
        sleep: Callable[[float], None],
    ) -> None:
        self.limits = limits
        self._open_source, self._sleep = open_source, sleep
        self._free: SimpleQueue[Borrowed] = SimpleQueue()
        self._all: list[Borrowed] = []
        self._lock = threading.Lock()
        self._losses = self._stalls = 0
        self._closed = False

    def __enter__(self) -> Self:
        self._add()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closed = True
            open_now = list(self._all)
        for borrowed in open_now:
            borrowed.source.__exit__()

    def widen(self, number: int) -> str:
        """Nothing once there are that many sessions, or why there are fewer."""
        while len(self._all) < number:
            try:
                self._add()
            except ConnectError as error:
                return f"{len(self._all)} of {number} sessions: {error}"
        return ""

    @contextmanager
    def borrow(self) -> Iterator["Borrowed"]:
        """A source for the calling thread alone; waits until one is free."""
        borrowed = self._free.get()
        try:
            if self._closed:
                raise self._ended(borrowed.source.where)
            yield borrowed
        except StalledError as error:
            self._count_stall(borrowed.source.where, error)
            raise
        finally:
            self._free.put(borrowed)

    def reopened(self, lost: ConnectError) -> Source:
        """A new source in place of a lost one; ConnectError when the server stays away."""
        with self._lock:
            self._losses += 1
            spent = self._losses > self.limits.losses
        if spent or not lost.retryable:
            raise lost
        error = lost
        for pause_s in self.limits.pauses_s:
            if self._closed:
                break
            self._sleep(pause_s)
            try:
                return self._opened()
            except ConnectError as again:
                if not again.retryable:
                    raise
                error = again
        raise error

    def _opened(self) -> Source:
        """An entered source; none once the run has ended."""
        source = self._open_source().__enter__()
        with self._lock:
            if not self._closed:
                return source
        source.__exit__()
        raise self._ended(source.where)

    def _add(self) -> None:
        borrowed = Borrowed(self, self._opened())
        self._all.append(borrowed)
        self._free.put(borrowed)

    @staticmethod
    def _ended(where: str) -> ConnectError:
        return ConnectError(where, "the run has ended", "start another", retryable=False)

    def _count_stall(self, where: str, error: StalledError) -> None:
        """ConnectError when the server has kept us waiting too often."""
        with self._lock:
            self._stalls += 1
            stalls = self._stalls
        if stalls >= self.limits.stalls:
            raise ConnectError(
                where, f"{stalls} answers did not come",
                "try again; if it stays so, ask the partner", retryable=True,
            ) from error


class Borrowed:
    """One session as the thread that borrowed it sees it."""

    def __init__(self, sessions: Sessions, source: Source) -> None:
        self._sessions = sessions
        self.source = source

    def attempt(self, action: Callable[[Source], _Result]) -> _Result:
        """What the action returns, repeated after a loss; it must do no harm twice. FileError."""
        for left in range(self._sessions.limits.attempts - 1, -1, -1):
            try:
                return action(self.source)
            except ConnectError as error:
                self.replace(error)
                if not left:
                    raise lost_for_good(error) from error
        raise AssertionError

    def replace(self, lost: ConnectError) -> None:
        """Nothing; source is a new one. ConnectError when there is none to be had."""
        self.source.__exit__()
        self.source = self._sessions.reopened(lost)


def lost_for_good(error: ConnectError) -> FileError:
    """One file's reason after its last attempt."""
    return FileError(f"lost too often: {error.what}")
