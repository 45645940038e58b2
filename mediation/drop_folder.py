"""A folder of ours that a partner writes to: collected from as from a server, never left."""

import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self

from mediation.collect_limits import CollectLimits
from mediation.source import ConnectError, FileError, MissingError, RemoteFile

_CHUNK: Final = 1 << 20
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 times here are naive UTC
# Never through a link: the partner could point it at any file that we may read.
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe would be waited for without end.
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class DropFolder:
    """A drop folder as a source; paths are below it, and nothing outside is ever touched."""

    def __init__(self, root: Path, limits: CollectLimits) -> None:
        self.where = str(root)
        self._limits = limits
        try:
            # Its own place is the operator's word, links included.
            self._root = os.open(root, _FOLDER & ~os.O_NOFOLLOW)
        except OSError as error:
            raise ConnectError(
                self.where, f"the drop folder cannot be opened: {error.strerror}",
                "make it as docs/collecting.md says, or correct collect.folder in the profile",
                retryable=False,
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._root >= 0:
            os.close(self._root)
            self._root = -1

    def files(
        self, folder: str, *, recursive: bool = False
    ) -> tuple[list[RemoteFile], dict[str, str]]:
        """The regular files in path order, and path below the folder → reason of unusable entries.

        A link is such an entry. ConnectError when the folder itself cannot be read or holds more
        entries than are read.
        """
        found: list[RemoteFile] = []
        unusable: dict[str, str] = {}
        below = [""]
        entries = 0
        while below:
            inside = below.pop()
            try:
                for name, status in self._entries(folder, inside):
                    entries += 1
                    if entries > self._limits.listed:
                        raise self._overfull(folder)
                    deeper = self._sort_in(folder, inside + name, status, found, unusable)
                    below += deeper if recursive else []
            except FileError as error:
                if not inside:
                    raise ConnectError(
                        self.where, f"folder {folder!r}: {error}",
                        "make it, or correct collect.path in the profile", retryable=False,
                    ) from error
                unusable[inside] = str(error)
        return sorted(found, key=lambda f: f.path), unusable

    def look(self, path: str) -> tuple[int, datetime]:
        """Size in bytes and modification time of a file as they are now; FileError."""
        with self._parent(path) as (folder, name):
            return _size_and_time(os.stat(name, dir_fd=folder, follow_symlinks=False))

    def chunks(self, file: RemoteFile, start: int = 0) -> Generator[bytes, None, None]:
        """The file's bytes from start on, one more than size_bytes when it grew. FileError."""
        with self._parent(file.path) as (folder, name):
            opened = os.fdopen(os.open(name, _FILE, dir_fd=folder), "rb", buffering=0)
        with opened, _errors():
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise FileError("is no regular file")
            left = file.size_bytes + 1 - start
            opened.seek(start)
            while data := opened.read(min(_CHUNK, left)):
                yield data
                left -= len(data)

    def rename(self, path: str, to: str) -> None:
        """Nothing; the file is at `to`. FileError, also when `to` exists."""
        with self._parent(path) as (folder, name), self._parent(to) as (target, new):
            try:
                os.stat(new, dir_fd=target, follow_symlinks=False)
            except FileNotFoundError:
                os.rename(name, new, src_dir_fd=folder, dst_dir_fd=target)
            else:
                raise FileError(f"{to} exists already")

    def remove(self, path: str) -> None:
        """Nothing; the file is gone. FileError."""
        with self._parent(path) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def make_folder(self, path: str) -> None:
        """Nothing; the folder and those above it are there. FileError."""
        parts = _parts(path)
        for depth in range(1, len(parts) + 1):
            with (
                self._parent("/".join(parts[:depth])) as (folder, name), suppress(FileExistsError)
            ):
                os.mkdir(name, 0o770, dir_fd=folder)

    def _entries(self, folder: str, below: str) -> Iterator[tuple[str, os.stat_result | None]]:
        """Names in a folder with their status, which is None where it is gone meanwhile."""
        with self._folder(_parts(f"{folder}/{below}")) as opened, os.scandir(opened) as entries:
            for entry in entries:
                try:
                    yield entry.name, entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    yield entry.name, None

    def _sort_in(
        self, folder: str, name: str, status: os.stat_result | None, found: list[RemoteFile],
        unusable: dict[str, str],
    ) -> list[str]:
        """Put an entry where it belongs; the sub-folder to look into when it is one."""
        if status is None:
            return []
        if not name.isprintable():
            plain = name.encode(errors="surrogateescape").decode(errors="replace")
            unusable[plain] = "its name holds control characters or is not UTF-8"
        elif stat.S_ISLNK(status.st_mode):
            unusable[name] = "a link; links are not followed in a drop folder"
        elif stat.S_ISREG(status.st_mode):
            path = name if folder in ("", ".") else f"{folder.rstrip('/')}/{name}"
            found.append(RemoteFile(name.rpartition("/")[2], path, *_size_and_time(status)))
        elif stat.S_ISDIR(status.st_mode):
            if name.count("/") < self._limits.depth:
                return [f"{name}/"]
            unusable[f"{name}/"] = f"a folder more than {self._limits.depth} levels down"
        return []

    def _overfull(self, folder: str) -> ConnectError:
        return ConnectError(
            self.where, f"folder {folder!r} holds more than {self._limits.listed} entries",
            "clear it, or set after = 'delete' or 'move' in the profile", retryable=False,
        )

    @contextmanager
    def _folder(self, parts: list[str]) -> Iterator[int]:
        """A folder, opened one part after the other from ours on. FileError."""
        with _errors():
            opened = os.dup(self._root)
            try:
                for part in parts:
                    deeper = os.open(part, _FOLDER, dir_fd=opened)
                    os.close(opened)
                    opened = deeper
                yield opened
            finally:
                os.close(opened)

    @contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str]]:
        """The folder that a path's last part is in, and that part. FileError."""
        parts = _parts(path)
        if not parts:
            raise FileError("is the drop folder itself")
        with self._folder(parts[:-1]) as folder:
            yield folder, parts[-1]


def _parts(path: str) -> list[str]:
    """The parts of a path below the drop folder; FileError for one that leads out of it."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or ".." in parts:
        raise FileError(f"{path} leads out of the drop folder")
    return parts


def _size_and_time(status: os.stat_result) -> tuple[int, datetime]:
    """Size and naive UTC modification time, to the microsecond."""
    return status.st_size, _EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000)


@contextmanager
def _errors() -> Iterator[None]:
    """Turns what the system says into FileError."""
    try:
        yield
    except FileNotFoundError as error:
        raise MissingError("does not exist") from error
    except OSError as error:
        raise FileError((error.strerror or str(error)).lower()) from error
