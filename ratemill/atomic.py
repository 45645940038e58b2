"""Files and folders that are there whole or not at all."""

import ctypes
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from mediation.threads import each

_SYNCING: Final = 4
"""Threads that have the disk keep files: it waits for several at once as long as for one"""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path to write to, which takes the place of `path` at the end of the block.

    The temporary name carries the process's number, so that ratemill/sweep.py can tell what a
    killed process left. Content and name outlive a power cut.
    """
    with replacing_all([path]) as (part,):
        yield part


@contextmanager
def replacing_all(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Temporary paths to write to, which take the places of all `paths` at the end of the block.

    Each as `replacing` does it, in their order; together they cost less.
    """
    folders = dict.fromkeys(path.parent for path in paths)
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    parts = [path.with_name(f".{path.name}.{os.getpid()}.part") for path in paths]
    for part in parts:
        part.unlink(missing_ok=True)
    yield parts
    each(_sync, parts, min(_SYNCING, len(parts)))
    for part, path in zip(parts, paths, strict=True):
        part.replace(path)
    for folder in folders:
        _sync(folder)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A temporary folder to fill, which takes the place of `path` at the end of the block.

    Holds for folders as `replacing` does for files; what was at `path` is removed afterwards.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    remove(part)
    part.mkdir()
    yield part
    for inside in part.rglob("*"):
        if not inside.is_symlink():
            _sync(inside)
    _sync(part)
    try:
        part.rename(path)
    except OSError:
        if not path.exists():
            raise
        _exchange(part, path)
        remove(part)
    _sync(path.parent)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all it holds; nothing where there is none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


_HERE = -100  # AT_FDCWD: relative paths count from the current folder
_EXCHANGE = 2  # RENAME_EXCHANGE


def _exchange(one: Path, other: Path) -> None:
    """Let two paths change places; in one step where the file system can do that."""
    rename = ctypes.CDLL(None, use_errno=True).renameat2
    if rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0:
        return
    aside = one.with_name(f"{one.name}.old")
    other.rename(aside)
    one.rename(other)
    aside.rename(one)


def _sync(path: Path) -> None:
    """Have the disk keep a file's content or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
