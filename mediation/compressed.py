"""Octets decompressed as a stream under limits; the kind is recognised by content."""

import bz2
import io
import zlib
from collections.abc import Callable, Generator, Iterator
from typing import BinaryIO, Final, Protocol

from mediation.limits import UnpackLimits

CHUNK: Final = 1 << 20
HEAD: Final = 10
"""Octets that tell whether something is compressed, and how."""

_BZ2_BLOCKS = (b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90")


class UnpackError(Exception):
    """A compressed file that cannot be opened or grows past a limit; says which and where."""


class Budget:
    """Counts what an archive unpacks to; UnpackError past `most` octets or past the ratio."""

    def __init__(self, kind: str, packed: int, most: int, limits: UnpackLimits) -> None:
        self._kind, self._packed, self._most, self._limits = kind, packed, most, limits
        self._spent = 0

    def spend(self, octets: int) -> None:
        """Count what was unpacked further."""
        self._spent += octets
        if self._spent > self._most:
            raise UnpackError(f"{self._kind} archive unpacks to more than {self._most} octets")
        ratio = self._limits.max_ratio
        if self._spent > max(self._limits.ratio_from_bytes, ratio * self._packed):
            raise UnpackError(
                f"{self._kind} archive of {self._packed} octets unpacks to more than {ratio} "
                "times its size"
            )


class _Stream(Protocol):
    """One member of a compressed file being decompressed."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """A gzip member behind the interface that BZ2Decompressor has."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


_STREAMS: Final[dict[str, Callable[[], _Stream]]] = {"gzip": _Gzip, "bz2": bz2.BZ2Decompressor}


def compression(head: bytes) -> str | None:
    """gzip, bz2 or zstd by the first HEAD octets; None when they are none of these."""
    if head.startswith(b"\x1f\x8b\x08"):
        return "gzip"
    if head.startswith(b"BZh") and head[4:10] in _BZ2_BLOCKS:
        return "bz2"
    return "zstd" if head.startswith(b"\x28\xb5\x2f\xfd") else None


def decompressed(
    kind: str, source: BinaryIO, size: int, most: int, limits: UnpackLimits
) -> Iterator[bytes]:
    """The content of all members, one after the other, in pieces; source stands at its start.

    UnpackError for what is broken or cut, and for more than `most` octets or the ratio to `size`.
    """
    budget = Budget(kind, size, most, limits)
    for piece in _zstd(source, size) if kind == "zstd" else _members(kind, source, size):
        budget.spend(len(piece))
        yield piece


def _members(kind: str, source: BinaryIO, size: int) -> Iterator[bytes]:
    rest = source.read(CHUNK)
    while rest:
        start = source.tell() - len(rest)
        try:
            rest = yield from _member(_STREAMS[kind](), rest, source)
        except EOFError as error:
            raise _cut(kind, size) from error
        except (zlib.error, OSError) as error:
            raise UnpackError(
                f"{kind} archive is broken near octet {start} of {size}: {error}"
            ) from error
        # Tape and block tools fill the end with zeros; that is not another member.
        rest = rest.lstrip(b"\0")
        while not rest and (more := source.read(CHUNK)):
            rest = more.lstrip(b"\0")


def _member(stream: _Stream, feed: bytes, source: BinaryIO) -> Generator[bytes, None, bytes]:
    """The content of one member; returns the octets read beyond it. EOFError where it is cut."""
    while not stream.eof:
        piece = stream.decompress(feed, CHUNK)
        feed = b""
        if piece:
            yield piece
        elif not stream.eof:
            feed = source.read(CHUNK)
            if not feed:
                raise EOFError
    return stream.unused_data


class _Lent(io.RawIOBase):
    """A file that stays open when the stream over it is closed."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """At most so many octets."""
        return self._source.read(size)


def _zstd(source: BinaryIO, size: int) -> Iterator[bytes]:
    import pyarrow as pa

    try:
        stream = pa.CompressedInputStream(pa.PythonFile(_Lent(source), "r"), "zstd")
        while piece := stream.read(CHUNK):
            yield piece
    except OSError as error:
        if "runcated" in str(error):
            raise _cut("zstd", size) from error
        raise UnpackError(f"zstd archive is broken: {error}") from error


def _cut(kind: str, size: int) -> UnpackError:
    return UnpackError(
        f"{kind} archive ends in the middle ({size} octets); ask for the complete file"
    )
