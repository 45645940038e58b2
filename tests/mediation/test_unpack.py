"""Compressed files: what comes through, what is refused."""

import bz2
import gzip

import pytest

from mediation.limits import UnpackLimits
from mediation.unpack import UnpackError, unpack

TEXT = b"".join(b"%d;4369955%07d;voice\n" % (i, i * 7919) for i in range(2000))
PACK = {"gzip": lambda b: gzip.compress(b, mtime=0), "bz2": bz2.compress}


@pytest.mark.parametrize("plain", [b"", b"a;b\n1;2\n", b"BZh9;looks;like\n", b"\x1f\x8b"])
def test_plain_data_passes_through(plain: bytes) -> None:
    assert unpack(plain) is plain


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("text", [b"", b"x", TEXT, TEXT * 5,
                                  pytest.param(TEXT * 40, marks=pytest.mark.slow)])
def test_archives_open(kind: str, text: bytes) -> None:
    assert unpack(PACK[kind](text)) == text


@pytest.mark.parametrize("kind", PACK)
def test_members_are_joined_and_zero_filling_is_ignored(kind: str) -> None:
    assert unpack(PACK[kind](b"one\n") + PACK[kind](TEXT) + b"\0" * 512) == b"one\n" + TEXT


@pytest.mark.parametrize("kind", PACK)
def test_a_cut_at_every_place_is_refused(kind: str) -> None:
    packed = PACK[kind](b"MO;436991234567;120\n" * 3)
    for cut in range(10, len(packed)):
        with pytest.raises(UnpackError, match=r"ends in the middle|broken"):
            unpack(packed[:cut])


@pytest.mark.parametrize("kind", PACK)
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
