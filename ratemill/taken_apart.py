"""Archives of several files: each file becomes one of its own, the archive a row that says so."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from mediation.archive_members import Member, members
from mediation.collect import Fetched
from mediation.compressed import UnpackError
from mediation.raw_store import RawStore

if TYPE_CHECKING:
    from mediation.mediate import Mediated

UNPACKED: Final = "unpacked"
"""State of an archive whose files stand for it"""
_NAMED: Final = 20
"""Left-out files that the archive's note names; the rest are counted"""


@dataclass(frozen=True, slots=True)
class TakenApart:
    """What an archive of several files came to."""

    files: tuple[Fetched, ...]
    """In name order, each stored as any received file; the name is ARCHIVE/MEMBER"""
    notes: str
    """For the archive's row"""


def take_apart(archive: Fetched, exclude: Sequence[str], store: RawStore) -> TakenApart | None:
    """The stored files of an archive of several, proven whole before the first is stored.

    None for what is one file, and for an archive that cannot be opened: mediation refuses it and
    says why. `exclude` are patterns of file names that are left out. ArchiveError.
    """
    with archive.path.open("rb") as source:
        count = _count(source)
        if count < 2:
            return None
        files: list[Fetched] = []
        left_out: list[str] = []
        for member in members(source):
            if any(fnmatchcase(member.name.rpartition("/")[2], e) for e in exclude):
                left_out.append(member.name)
            else:
                files.append(_stored(archive, member, store))
    files.sort(key=lambda file: file.name)
    return TakenApart(tuple(files), "\n".join(_notes(count, left_out)))


def _count(source: BinaryIO) -> int:
    """How many files the archive holds; none when something in it cannot be read."""
    try:
        return sum(1 for _ in members(source))
    except UnpackError:
        return 0


def _stored(archive: Fetched, member: Member, store: RawStore) -> Fetched:
    file_id, path = store.put(member.chunks)
    return replace(
        archive, name=f"{archive.name}/{member.name}",
        remote_path=f"{archive.remote_path}/{member.name}",
        size_bytes=path.stat().st_size, file_id=file_id, path=path,
    )


def _notes(count: int, left_out: Sequence[str]) -> list[str]:
    notes = [f"archive of {count} files; {count - len(left_out)} became files of their own"]
    if left_out:
        more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
        notes.append(f"left out by collect.exclude: {', '.join(left_out[:_NAMED])}{more}")
    return notes


def mediated_archive() -> "Mediated":
    """What mediation makes of an archive that was taken apart: no record is its own."""
    from mediation.decoded import FileHeader
    from mediation.mediate import Mediated
    from mediation.reject import ends
    from mediation.schema import REJECT, USAGE

    nothing: dict[str, Any] = {"records": 0, "decoded": 0, **ends(REJECT.empty())}
    return Mediated(FileHeader(), USAGE.empty(), REJECT.empty(), nothing)
