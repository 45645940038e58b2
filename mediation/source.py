"""What collection reads from: a place with a partner's files, and the errors it may answer with."""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Protocol, Self


class CollectError(Exception):
    """Nothing more can be collected now: where, what, hint, and whether a retry can help."""

    def __init__(self, where: str, what: str, hint: str, *, retryable: bool) -> None:
        super().__init__(where, what, hint)
        self.where, self.what, self.hint, self.retryable = where, what, hint, retryable

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.hint}"

    def __reduce__(self) -> tuple[Any, ...]:
        # A task runner carries errors between processes; plain pickling drops the keyword.
        build = partial(type(self), retryable=self.retryable)
        return build, (self.where, self.what, self.hint)


class ConnectError(CollectError):
    """The source or its folder cannot be reached or read; retryable when it was lost."""


class HostKeyChanged(ConnectError):
    """The server showed another key than the pinned one; nothing was sent to it."""


class FileError(Exception):
    """One file or folder cannot be used; the others can. The text is the reason."""


class MissingError(FileError):
    """There is no such file or folder."""


class StalledError(FileError):
    """No answer came in time; the source can be used again."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One regular file of a source; modified_at is naive UTC, from a server in whole seconds."""

    name: str
    """Its last part, whatever the sub-folder"""
    path: str
    """The listed folder, sub-folders and the name, joined by '/'"""
    size_bytes: int
    modified_at: datetime


class Source(Protocol):
    """An open place with files; a context manager, used by one thread at a time.

    Every wait in it is bounded. Only __exit__ may come from another thread and more than once.
    """

    @property
    def where(self) -> str:
        """The place as messages name it, without secrets."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def files(
        self, folder: str, *, recursive: bool = False
    ) -> tuple[list[RemoteFile], dict[str, str]]:
        """The regular files in path order, and path below the folder → reason of unusable entries.

        A sub-folder that cannot be read is such an entry, its path ends in '/'. ConnectError when
        the folder itself cannot be read.
        """

    def look(self, path: str) -> tuple[int, datetime]:
        """Size in bytes and modification time of a file as they are now; FileError."""

    def chunks(self, file: RemoteFile, start: int = 0) -> Generator[bytes, None, None]:
        """The file's bytes from start on; fewer than size_bytes says when it shrank. FileError."""

    def rename(self, path: str, to: str) -> None:
        """Nothing; the file is at `to`, within the same source. FileError when `to` exists."""

    def remove(self, path: str) -> None:
        """Nothing; the file is gone. FileError."""

    def make_folder(self, path: str) -> None:
        """Nothing; the folder and those above it are there. FileError."""
