"""Copies of a home and its ledger, made while the pipeline runs, and homes made from them.

A copy is of one moment: what a run would find that was cut short then, so that the next run goes
on from it. docs/ledger_care.md says why.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import func, select

from charging.ledger import Ledger
from charging.ledger_copy import load_tables, save_tables
from charging.ledger_migrations import head
from charging.ledger_schema import BATCH
from ratemill.atomic import remove, replacing_folder
from ratemill.errors import RatemillError
from ratemill.home import Home

_MANIFEST: Final = "manifest.json"
_LEDGER: Final = "ledger"
_HOME: Final = "home"
_AT_ONCE: Final = ("lake", "catalog", "catalog_versions", "partners", "ratemill.toml")
"""What of a home must be of one moment; the rest is written before it is spoken of in the lake"""
_MADE_ANEW: Final = ("cache", "warehouse.duckdb")
_PASSES: Final = 10
_OCTETS: Final = 1 << 20
_OWNER_ONLY: Final = 0o700
"""A copy holds the ledger and call records, as a home does"""


class CopiedFile(msgspec.Struct, frozen=True):
    """One file of a copy."""

    path: str
    """below the copy"""
    size: int
    sha256: str


class CopiedTable(msgspec.Struct, frozen=True):
    """One table of the ledger in a copy."""

    name: str
    rows: int


class Backup(msgspec.Struct, frozen=True):
    """The manifest of a copy; without it a folder is none."""

    made_at: datetime
    ledger_revision: str
    tables: list[CopiedTable]
    files: list[CopiedFile]
    """all files but the manifest"""


def back_up(home: Home, folder: Path, now: datetime) -> Backup:
    """A copy of home and ledger in a folder that is not there yet."""
    target = folder.absolute()
    if target.exists():
        raise RatemillError(str(target), "is there already", "name a new folder for each backup")
    if target.resolve().is_relative_to(home.root.resolve()):
        raise RatemillError(str(target), "is within the home", "name a folder outside")
    with (
        Ledger(home.ledger) as ledger, _whole(target) as part, _staged(home) as staged,
        ledger.reading() as snapshot,
    ):
        with ledger.writing():
            # nobody posts: the first question fixes what the snapshot sees
            snapshot.scalar(select(func.count()).select_from(BATCH))
            _link(home.root, staged)
        (part / _LEDGER).mkdir()
        rows = save_tables(snapshot, part / _LEDGER)
        files = [_described(part, path) for path in sorted((part / _LEDGER).iterdir())]
        files += _copied(staged, part / _HOME, part, _files(staged))
        files += _copied(home.root, part / _HOME, part, _later(home))
        backup = Backup(now, head(), [CopiedTable(*item) for item in rows.items()], files)
        encoded = msgspec.json.format(msgspec.json.encode(backup), indent=1)
        (part / _MANIFEST).write_bytes(encoded)
    return backup


def restore(home: Home, folder: Path) -> Backup:
    """What a copy holds, made a home where none is, and filled into its ledger, which is empty.

    RatemillError where an octet of the copy is not as it was written; nothing is made then. The
    home comes last: a restore that is cut short leaves none, and may be started again.
    """
    backup = _read(folder)
    if home.root.exists() and any(home.root.iterdir()):
        raise RatemillError(str(home.root), "is not empty", "name a new folder with --home")
    for file in backup.files:
        if _described(folder, folder / file.path) != file:
            raise _damaged(folder / file.path)
    with _whole(home.root) as part:
        for file in backup.files:
            path = Path(file.path)
            if path.parts[0] == _HOME:
                place = part / path.relative_to(_HOME)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / path, place)
        with Ledger(_ledger_within(home, part)) as ledger:
            load_tables(ledger, folder / _LEDGER, {t.name: t.rows for t in backup.tables})
    return backup


def _read(folder: Path) -> Backup:
    """The manifest of a copy."""
    path = folder / _MANIFEST
    if not path.exists():
        raise RatemillError(str(folder), f"has no {_MANIFEST}",
                            "it is no backup, or one that was cut short")
    try:
        backup = msgspec.json.decode(path.read_bytes(), type=Backup)
    except msgspec.MsgspecError as error:
        raise _damaged(path) from error
    if backup.ledger_revision != head():
        raise RatemillError(
            str(folder), f"has a ledger of revision {backup.ledger_revision}, not {head()}",
            "restore it with the version of Ratemill that made it, then migrate",
        )
    return backup


def _damaged(path: Path) -> RatemillError:
    return RatemillError(str(path), "is not as it was written", "use another backup")


def _ledger_within(home: Home, part: Path) -> str:
    """Where the ledger is filled: in the new home's folder where it belongs to it."""
    path = Path(home.ledger)
    return str(part / path.relative_to(home.root)) if path.is_relative_to(home.root) else (
        home.ledger
    )


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A folder to fill that takes its name at the end, and is removed where it fails."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with replacing_folder(path) as made:
            made.chmod(_OWNER_ONLY)
            yield made
    except BaseException:
        remove(part)
        raise


@contextmanager
def _staged(home: Home) -> Iterator[Path]:
    """A folder within the home, on the lake's own disk; ratemill/sweep.py knows its name."""
    part = home.root / f".backup.{os.getpid()}.part"
    try:
        yield part
    finally:
        remove(part)


def _link(root: Path, staged: Path) -> None:
    """Hold fast the files that must be of one moment, while others may be added.

    Files are replaced by renaming, so that a link keeps what it was made of. Where one that is
    linked was replaced or removed before the last, all of it is done again.
    """
    for _ in range(_PASSES):
        remove(staged)
        staged.mkdir()
        linked = dict(_linked(root, staged))
        if all(_identity(path) == known for path, known in linked.items()):
            return
    raise RatemillError(str(root), "changes faster than it can be copied", "try again later",
                        retryable=True)


def _linked(root: Path, staged: Path) -> Iterator[tuple[Path, tuple[int, int] | None]]:
    """Each file, linked, with what tells it from one that takes its place."""
    for path in _files(root, _AT_ONCE):
        known, place = _identity(path), staged / path.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            _link_or_copy(path, place)
        except FileNotFoundError:
            # it is gone, or gives way to another right now
            continue
        yield path, known


def _link_or_copy(path: Path, place: Path) -> None:
    try:
        os.link(path, place)
    except FileNotFoundError:
        raise
    except OSError:
        # a folder of the home is on another disk
        shutil.copyfile(path, place)


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from one that takes its place; None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _later(home: Home) -> Iterator[Path]:
    """Files of the home that need not be of the same moment."""
    tops = {path.name for path in home.root.iterdir() if not _part(path.name)}
    tops -= {*_AT_ONCE, *_MADE_ANEW}
    ledger = Path(home.ledger)
    return (
        path for path in _files(home.root, sorted(tops))
        if path.suffix != ".lock"
        and not (path.parent == ledger.parent and path.name.startswith(ledger.name))
    )


def _files(root: Path, tops: Iterable[str] = (".",)) -> Iterator[Path]:
    """The files below a folder, in name order, without what processes are writing."""
    for top in tops:
        place = root / top
        if place.is_file():
            yield place
        for folder, names, files in os.walk(place, followlinks=True):
            names[:] = sorted(name for name in names if not _part(name))
            yield from (Path(folder, name) for name in sorted(files) if not _part(name))


def _part(name: str) -> bool:
    return name.startswith(".") and ".part" in name


def _copied(root: Path, target: Path, part: Path, paths: Iterable[Path]) -> list[CopiedFile]:
    """The files below `root` copied below `target`."""
    copies = []
    for path in paths:
        place = target / path.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(path, place)
        except FileNotFoundError:
            # a receipt that was delivered meanwhile
            place.unlink(missing_ok=True)
            continue
        copies.append(_described(part, place))
    return copies


def _described(root: Path, path: Path) -> CopiedFile:
    """A file's size and hash."""
    if not path.is_file():
        raise _damaged(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return CopiedFile(str(path.relative_to(root)), path.stat().st_size, digest.hexdigest())
