"""Compressed files: what comes through, what is refused."""

import bz2
import gzip
import io
import tarfile
import zipfile

import pyarrow as pa
import pytest

from mediation.limits import UnpackLimits
from mediation.unpack import UnpackError, unpack

TEXT = b"".join(b"%d;4369955%07d;voice\n" % (i, i * 7919) for i in range(2000))


def zipped(data: bytes, name: str = "CD1.csv") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def tarred(data: bytes, name: str = "CD1.csv") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def zstd(data: bytes) -> bytes:
    return pa.Codec("zstd").compress(data, asbytes=True)


STREAMS = {"gzip": lambda b: gzip.compress(b, mtime=0), "bz2": bz2.compress}
PACK = {
    **STREAMS,
    "zstd": zstd,
    "zip": zipped,
    "gzip tar": lambda b: gzip.compress(tarred(b), mtime=0),
    "bz2 tar": lambda b: bz2.compress(tarred(b)),
    "zstd tar": lambda b: zstd(tarred(b)),
}


@pytest.mark.parametrize("plain", [b"", b"a;b\n1;2\n", b"BZh9;looks;like\n", b"\x1f\x8b"])
def test_plain_data_passes_through(plain: bytes) -> None:
    assert unpack(plain) is plain


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("text", [b"", b"x", TEXT, TEXT * 5,
                                  pytest.param(TEXT * 40, marks=pytest.mark.slow)])
def test_archives_open(kind: str, text: bytes) -> None:
    assert unpack(PACK[kind](text), UnpackLimits(max_ratio=1000)) == text


@pytest.mark.parametrize("kind", STREAMS)
def test_members_are_joined_and_zero_filling_is_ignored(kind: str) -> None:
    assert unpack(PACK[kind](b"one\n") + PACK[kind](TEXT) + b"\0" * 512) == b"one\n" + TEXT


@pytest.mark.parametrize("kind", [*PACK, "tar"])
def test_a_cut_at_every_place_is_refused(kind: str) -> None:
    text = b"MO;436991234567;120\n" * 3
    packed = tarred(text)[:2048] if kind == "tar" else PACK[kind](text)
    for cut in range(512 if kind == "tar" else 10, 1536 if kind == "tar" else len(packed)):
        with pytest.raises(UnpackError, match=r"ends in the middle|broken"):
            unpack(packed[:cut])


@pytest.mark.parametrize("kind", [*STREAMS, "zip"])
def test_damage_is_refused(kind: str) -> None:
    packed = bytearray(PACK[kind](TEXT))
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(UnpackError, match=f"{kind} archive is broken"):
        unpack(bytes(packed))


def test_rubbish_after_a_member_is_refused() -> None:
    with pytest.raises(UnpackError, match="broken near octet"):
        unpack(PACK["gzip"](TEXT) + b"rubbish")


@pytest.mark.parametrize("kind", PACK)
def test_a_bomb_stops_at_the_ratio(kind: str) -> None:
    with pytest.raises(UnpackError, match="more than 200 times its size"):
        unpack(PACK[kind](bytes(20_000_000)))


@pytest.mark.parametrize("kind", PACK)
def test_a_large_file_stops_at_the_size(kind: str) -> None:
    limits = UnpackLimits(max_bytes=len(TEXT) - 1)
    with pytest.raises(UnpackError, match=f"more than {len(TEXT) - 1} octets"):
        unpack(PACK[kind](TEXT), limits)
    assert unpack(PACK[kind](TEXT), UnpackLimits(max_bytes=len(TEXT))) == TEXT


@pytest.mark.parametrize("outer", [zipped, tarred, PACK["gzip tar"]])
@pytest.mark.parametrize("kind", [*STREAMS, "zstd"])
def test_the_file_of_an_archive_may_be_compressed(outer, kind: str) -> None:
    assert unpack(outer(PACK[kind](TEXT))) == TEXT


@pytest.mark.parametrize(
    ("packed", "said"),
    [
        (gzip.compress(zipped(TEXT)), "zip archive inside another"),
        (zipped(zipped(TEXT)), "zip archive inside another"),
        (tarred(gzip.compress(tarred(TEXT))), "tar archive inside another"),
        (gzip.compress(gzip.compress(TEXT)), "gzip archive inside another"),
        (zipped(gzip.compress(gzip.compress(TEXT))), "gzip archive inside another"),
    ],
)
def test_archives_inside_archives_are_refused(packed: bytes, said: str) -> None:
    with pytest.raises(UnpackError, match=said):
        unpack(packed)


def test_a_tar_opens_as_it_is() -> None:
    assert unpack(tarred(TEXT)) == TEXT


def test_archives_of_no_or_several_files_are_not_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", "1")
        archive.writestr("b", "2")
    with pytest.raises(UnpackError, match="zip archive holds 2 files"):
        unpack(out.getvalue())
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    with pytest.raises(UnpackError, match="zip archive holds no files"):
        unpack(empty.getvalue())
