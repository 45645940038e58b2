"""The files inside a zip or tar archive, one after the other and each read once, under limits."""

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final

from mediation.compressed import CHUNK, HEAD, Budget, UnpackError, compression, decompressed
from mediation.limits import UNPACK_LIMITS, UnpackLimits
from mediation.tar_entries import BLOCK, Entry, Pieces, tar_entries

_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED: Final = 0x1
_BROKEN_ZIP = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError
)
"""What zipfile raises on damage, from the list at the end to a file's last octet"""
_USTAR = slice(257, 262)
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: its path there, and its octets, to be read before the next file."""

    name: str
    chunks: Iterator[bytes]


def archive_kind(source: BinaryIO, limits: UnpackLimits = UNPACK_LIMITS) -> str | None:
    """zip, tar, gzip tar, bz2 tar or zstd tar by content; None when it is no archive of files."""
    head = _start(source, BLOCK)
    if head.startswith(_ZIP):
        return "zip"
    packed = compression(head[:HEAD])
    if packed is None:
        return "tar" if head[_USTAR] == b"ustar" else None
    try:
        # Its first piece is enough, and no limit of the whole is asked for it.
        head = Pieces(decompressed(packed, source, _size(source), CHUNK, limits)).exactly(BLOCK)
    except UnpackError:
        return None
    return f"{packed} tar" if head[_USTAR] == b"ustar" else None


def members(source: BinaryIO, limits: UnpackLimits = UNPACK_LIMITS) -> Iterator[Member]:
    """The files of an archive in its order; folders are no files; nothing for what is no archive.

    Read to the end, the whole archive is proven. UnpackError for what is broken, cut, encrypted,
    past a limit, neither file nor folder, named twice, or named as a place outside the archive.
    """
    kind = archive_kind(source, limits)
    if kind is None:
        return
    names: set[str] = set()
    for written, chunks in _zip(source, limits) if kind == "zip" else _tar(kind, source, limits):
        name = _name(kind, written, limits)
        if name in names:
            raise UnpackError(f"{kind} archive holds two files {name!r}; which one counts?")
        names.add(name)
        if len(names) > limits.members:
            raise UnpackError(f"{kind} archive holds more than {limits.members} files")
        yield Member(name, chunks)
        # What the caller left is read all the same: check sums stand at the end.
        for _ in chunks:
            pass


def _start(source: BinaryIO, octets: int) -> bytes:
    source.seek(0)
    head = source.read(octets)
    source.seek(0)
    return head


def _size(source: BinaryIO) -> int:
    size = source.seek(0, 2)
    source.seek(0)
    return size


def _name(kind: str, written: str, limits: UnpackLimits) -> str:
    """The path in the archive, parts joined with '/'."""
    plain = written.replace("\\", "/")
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    if plain.startswith("/") or ".." in parts or _DRIVE.match(plain):
        raise UnpackError(f"{kind} archive: the name {written!r} leads out of the archive")
    name = "/".join(parts)
    if not name or not name.isprintable() or len(name) > limits.name_chars:
        raise UnpackError(
            f"{kind} archive: the name {written[:limits.name_chars]!r} is empty, longer than "
            f"{limits.name_chars} characters, or holds control characters"
        )
    return name


class _Guarded:
    """A file of which no more is read at once than a limit allows."""

    def __init__(self, source: BinaryIO, most: int) -> None:
        self._most = most
        self._source = source
        self.seek, self.tell, self.seekable = source.seek, source.tell, source.seekable

    def read(self, octets: int = -1) -> bytes:
        """At most so many octets."""
        if octets > self._most:
            raise UnpackError(f"zip archive: its list of files is longer than {self._most} octets")
        return self._source.read(octets)


@contextmanager
def _zip_errors() -> Iterator[None]:
    try:
        yield
    except _BROKEN_ZIP as error:
        raise UnpackError(
            f"zip archive is broken or cut: {error or type(error).__name__}; "
            "ask for the complete file"
        ) from error


def _zip(source: BinaryIO, limits: UnpackLimits) -> Iterator[Entry]:
    budget = Budget("zip", _size(source), limits.archive_bytes, limits)
    with _zip_errors():
        archive = zipfile.ZipFile(_Guarded(source, limits.directory_bytes))
    entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
    if entries and entries[0].header_offset:
        raise UnpackError("zip archive: there are octets before its first file, maybe another zip")
    for entry in entries:
        _check(entry, limits)
        budget.spend(entry.file_size)
        if not entry.is_dir():
            yield entry.orig_filename, _unzipped(archive, entry)


def _check(entry: zipfile.ZipInfo, limits: UnpackLimits) -> None:
    """UnpackError for an entry that is not a plain file or folder which we can read."""
    name, mode = entry.orig_filename, entry.external_attr >> 16
    if entry.flag_bits & _ENCRYPTED:
        raise UnpackError(f"zip archive: {name!r} is encrypted; ask for it without a password")
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UnpackError(f"zip archive: {name!r} is a link or a device, not a file")
    if entry.compress_type not in _METHODS:
        raise UnpackError(
            f"zip archive: {name!r} is packed by method {entry.compress_type}; "
            "ask for deflate, which every zip program can"
        )
    if entry.file_size > limits.max_bytes:
        raise UnpackError(f"zip archive: {name!r} has more than {limits.max_bytes} octets")


def _unzipped(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    left = entry.file_size
    with _zip_errors(), archive.open(entry) as opened:
        while chunk := opened.read(CHUNK):
            left -= len(chunk)
            yield chunk
        if left:
            raise EOFError(f"{entry.orig_filename!r} is shorter than stated")


def _tar(kind: str, source: BinaryIO, limits: UnpackLimits) -> Iterator[Entry]:
    packed = compression(_start(source, HEAD))
    chunks = (
        decompressed(packed, source, _size(source), limits.archive_bytes, limits) if packed
        else iter(lambda: source.read(CHUNK), b"")
    )
    return tar_entries(kind, Pieces(chunks), limits)
