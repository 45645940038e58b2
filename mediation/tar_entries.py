"""The files of a tar archive read as a stream; what is cut or damaged never passes for the end.

tarfile takes a damaged header for the end of the archive, and the files behind it would be lost.
"""

import tarfile
from collections.abc import Iterator
from typing import Final

from mediation.compressed import UnpackError
from mediation.limits import UnpackLimits

BLOCK: Final = tarfile.BLOCKSIZE
Entry = tuple[str, Iterator[bytes]]
"""A file's path as the archive writes it, and its octets."""

_SIZE_DIGITS: Final = 20
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_OF_NEXT = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_OF_ALL = tarfile.XGLTYPE
_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


class Pieces:
    """Octets of a stream of chunks by count."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._have = b""
        self._at = 0

    def upto(self, octets: int) -> Iterator[bytes]:
        """So many octets, fewer where the stream ends."""
        while octets > 0:
            if self._at == len(self._have):
                self._have, self._at = next(self._chunks, b""), 0
                if not self._have:
                    return
            piece = self._have[self._at : self._at + octets]
            self._at += len(piece)
            octets -= len(piece)
            yield piece

    def exactly(self, octets: int) -> bytes:
        """So many octets at once, fewer where the stream ends."""
        return b"".join(self.upto(octets))

    def only_zeros_left(self) -> bool:
        """Whether nothing but zeros follows; reads the stream to its end."""
        zeros = not any(self._have[self._at :])
        for chunk in self._chunks:
            zeros = not any(chunk) and zeros
        return zeros


def tar_entries(kind: str, pieces: Pieces, limits: UnpackLimits) -> Iterator[Entry]:
    """The files in their order, each to be read whole before the next; `kind` is for messages."""
    extra: dict[bytes, bytes] = {}
    while (header := _header(kind, pieces)) is not None:
        if header.type in (*_OF_NEXT, _OF_ALL, *_LONG):
            found = _extra(kind, header, pieces, limits)
            extra |= {} if header.type == _OF_ALL else found
            continue
        written, size = _place(kind, header, extra)
        extra = {}
        if header.isdir():
            continue
        if size > limits.max_bytes:
            raise UnpackError(
                f"{kind} archive: {written!r} has more than {limits.max_bytes} octets"
            )
        yield written, _content(kind, written, size, pieces)
    if not pieces.only_zeros_left():
        raise UnpackError(f"{kind} archive: there are octets behind its end, maybe another archive")


def _header(kind: str, pieces: Pieces) -> tarfile.TarInfo | None:
    """The next header; None at the end of the archive."""
    block = pieces.exactly(BLOCK)
    if len(block) < BLOCK:
        raise _cut(kind, "where a file's header should be")
    if not any(block):
        return None
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "replace")
    except tarfile.HeaderError as error:
        raise UnpackError(f"{kind} archive is broken: {error}") from error


def _extra(
    kind: str, header: tarfile.TarInfo, pieces: Pieces, limits: UnpackLimits
) -> dict[bytes, bytes]:
    """What an extended header says of the next file."""
    if not 0 <= header.size <= limits.header_bytes:
        raise UnpackError(
            f"{kind} archive: an extended header is longer than {limits.header_bytes} octets"
        )
    data = b"".join(_content(kind, "an extended header", header.size, pieces))
    if header.type == tarfile.GNUTYPE_LONGLINK:
        return {}
    if header.type == tarfile.GNUTYPE_LONGNAME:
        return {b"path": data.partition(b"\0")[0]}
    try:
        return dict(_pairs(data))
    except ValueError as error:
        raise UnpackError(f"{kind} archive is broken: bad extended header") from error


def _pairs(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keyword and value of each `LENGTH KEYWORD=VALUE` line; ValueError for what is none."""
    while data:
        digits, _, _ = data.partition(b" ")
        length = int(digits)
        if not len(digits) + 1 < length <= len(data) or data[length - 1 : length] != b"\n":
            raise ValueError(digits)
        keyword, _, value = data[len(digits) + 1 : length - 1].partition(b"=")
        yield keyword, value
        data = data[length:]


def _place(
    kind: str, header: tarfile.TarInfo, extra: dict[bytes, bytes]
) -> tuple[str, int]:
    """Path and size of a file or folder; UnpackError for what is neither."""
    written = extra[b"path"].decode(errors="replace") if b"path" in extra else header.name
    stated = extra.get(b"size", b"%d" % header.size)
    size = int(stated) if stated.isdigit() and len(stated) <= _SIZE_DIGITS else -1
    if any(keyword.startswith(b"GNU.sparse") for keyword in extra) or not (
        header.isdir() or header.type in _FILES
    ):
        raise UnpackError(f"{kind} archive: {written!r} is a link, a device or sparse, not a file")
    if size < 0:
        raise UnpackError(f"{kind} archive is broken: {written!r} states no size")
    return written, size


def _content(kind: str, written: str, size: int, pieces: Pieces) -> Iterator[bytes]:
    """The octets of one file, and behind them the filling up to a whole block."""
    left = size
    for piece in pieces.upto(size):
        left -= len(piece)
        yield piece
    filling = -size % BLOCK
    if left or len(pieces.exactly(filling)) < filling:
        raise _cut(kind, f"in {written!r}")


def _cut(kind: str, place: str) -> UnpackError:
    return UnpackError(f"{kind} archive ends in the middle, {place}; ask for the complete file")
