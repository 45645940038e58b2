"""Compressed files opened under limits; recognised by content, never by name."""

import bz2
import zlib
from collections.abc import Callable
from typing import Protocol

from mediation.limits import UNPACK_LIMITS, UnpackLimits

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b\x08"
_BZ2_BLOCKS = (b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90")


class UnpackError(Exception):
    """A compressed file that cannot be opened or grows past a limit; says which and where."""


class _Stream(Protocol):
    """One member of an archive being decompressed."""

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


def unpack(data: bytes, limits: UnpackLimits = UNPACK_LIMITS) -> bytes:
    """The content of a gzip or bz2 file, or the same bytes when they are neither.

    UnpackError for a broken or cut archive and for one that grows past the limits.
    """
    if data.startswith(_GZIP):
        return _unpacked("gzip", _Gzip, data, limits)
    if data.startswith(b"BZh") and data[4:10] in _BZ2_BLOCKS:
        return _unpacked("bz2", bz2.BZ2Decompressor, data, limits)
    return data


def _unpacked(
    kind: str, open_member: Callable[[], _Stream], data: bytes, limits: UnpackLimits
) -> bytes:
    """All members of an archive, one after the other."""
    out = bytearray()
    rest = data
    while rest:
        try:
            rest = _member(kind, open_member(), rest, out, len(data), limits)
        except (zlib.error, OSError, EOFError) as error:
            raise UnpackError(
                f"{kind} archive is broken near octet {len(data) - len(rest)} of {len(data)}: "
                f"{error}"
            ) from error
        # Tape and block tools fill the end with zeros; that is not another member.
        rest = rest.lstrip(b"\0")
    return bytes(out)


def _member(
    kind: str,
    stream: _Stream,
    packed: bytes,
    out: bytearray,
    packed_total: int,
    limits: UnpackLimits,
) -> bytes:
    """The octets after one member, whose content is appended to `out`."""
    feed = packed
    while not stream.eof:
        piece = stream.decompress(feed, _CHUNK)
        feed = b""
        if not piece and not stream.eof:
            raise UnpackError(
                f"{kind} archive ends in the middle ({packed_total} octets); "
                "ask for the complete file"
            )
        out += piece
        if len(out) > limits.max_bytes:
            raise UnpackError(f"{kind} archive unpacks to more than {limits.max_bytes} octets")
        if len(out) > max(limits.ratio_from_bytes, limits.max_ratio * packed_total):
            raise UnpackError(
                f"{kind} archive of {packed_total} octets unpacks to more than "
                f"{limits.max_ratio} times its size"
            )
    return stream.unused_data
