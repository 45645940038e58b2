"""A file's content out of its archive, under limits; recognised by content, never by name."""

from io import BytesIO

from mediation.archive_members import archive_kind, members
from mediation.compressed import HEAD, UnpackError, compression, decompressed
from mediation.limits import UNPACK_LIMITS, UnpackLimits

__all__ = ["UnpackError", "unpack"]


def unpack(data: bytes, limits: UnpackLimits = UNPACK_LIMITS) -> bytes:
    """The content of a gzip, bz2, zstd, zip or tar file, or the same bytes when they are none.

    A zip or tar (itself compressed or not) holds one file, which may be compressed: collection
    takes apart those of several. UnpackError for a broken or cut archive, one that grows past the
    limits, and one inside another.
    """
    content = _only_file(data, limits)
    packed = compression(content[:HEAD])
    if packed is not None:
        pieces = decompressed(packed, BytesIO(content), len(content), limits.max_bytes, limits)
        content = b"".join(pieces)
    if content is data:
        return data
    again = archive_kind(BytesIO(content), limits) or compression(content[:HEAD])
    if again is not None:
        raise UnpackError(f"{again} archive inside another: ask the partner to pack once")
    return content


def _only_file(data: bytes, limits: UnpackLimits) -> bytes:
    """The one file of a zip or tar; the same bytes when they are neither."""
    source = BytesIO(data)
    kind = archive_kind(source, limits)
    if kind is None:
        return data
    # All are read, so that a damaged archive is called that and not one of several files.
    content: list[bytes] = []
    count = 0
    for member in members(source, limits):
        count += 1
        if count == 1:
            content = list(member.chunks)
    if count != 1:
        raise UnpackError(
            f"{kind} archive holds {count or 'no'} files; one is read, and only collection takes "
            "several apart"
        )
    return b"".join(content)
