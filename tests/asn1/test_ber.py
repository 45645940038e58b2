import pytest

from asn1.ber import (
    INDEFINITE,
    MAX_DEPTH,
    BerError,
    read_header,
    skip,
    string_octets,
    tag_text,
)


def header(text: str, end: int | None = None) -> tuple[str, int, int]:
    data = bytes.fromhex(text)
    ident, length, at = read_header(data, 0, len(data) if end is None else end)
    return tag_text(ident >> 1), length, at


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("04 01 ff", ("[UNIVERSAL 4]", 1, 2)),
        ("61 00", ("[APPLICATION 1]", 0, 2)),
        ("5f 81 44 00", ("[APPLICATION 196]", 0, 4)),
        ("5f 29 00", ("[APPLICATION 41]", 0, 3)),
        ("5f 81 80 80 01 00", ("[APPLICATION 2097153]", 0, 6)),
        ("9f 20 00", ("[32]", 0, 3)),
        ("c3 00", ("[PRIVATE 3]", 0, 2)),
        ("04 81 01 ff", ("[UNIVERSAL 4]", 1, 3)),
        ("04 84 00 00 00 01 ff", ("[UNIVERSAL 4]", 1, 6)),
        ("61 80 00 00", ("[APPLICATION 1]", INDEFINITE, 2)),
    ],
)
def test_headers(text: str, expected: tuple[str, int, int]) -> None:
    assert header(text) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "HEADER_CUT"),
        ("5f", "HEADER_CUT"),
        ("5f 81", "HEADER_CUT"),
        ("04", "HEADER_CUT"),
        ("04 82 01", "HEADER_CUT"),
        ("04 02 00", "LENGTH_BEYOND"),
        ("04 88 ff ff ff ff ff ff ff ff", "LENGTH_BEYOND"),
        ("04 80 00 00", "LENGTH_INVALID"),
        ("04 ff", "LENGTH_INVALID"),
        ("5f " + "81 " * 20 + "01 00", "TAG_INVALID"),
    ],
)
def test_bad_headers(text: str, code: str) -> None:
    with pytest.raises(BerError) as error:
        header(text)
    assert (error.value.code, error.value.offset) == (code, 0)


def test_a_header_may_not_reach_into_what_follows() -> None:
    with pytest.raises(BerError, match="HEADER_CUT"):
        header("5f 81 44 00", end=3)
    with pytest.raises(BerError, match="LENGTH_BEYOND"):
        header("04 02 00 00", end=3)


def test_skip_goes_by_structure() -> None:
    data = bytes.fromhex("61 80 62 80 04 02 00 00 00 00 63 02 00 00 00 00 99")
    assert skip(data, 2, INDEFINITE, len(data)) == len(data) - 1
    with pytest.raises(BerError, match="EOC_MISSING"):
        skip(data[:-3], 2, INDEFINITE, len(data) - 3)


def test_nesting_has_a_limit() -> None:
    deep = b"\x61\x80" * (MAX_DEPTH + 2)
    with pytest.raises(BerError, match="DEPTH"):
        skip(deep, 2, INDEFINITE, len(deep))
    segments = b"\x24\x80" * (MAX_DEPTH + 5)
    with pytest.raises(BerError, match="DEPTH"):
        string_octets(segments, 4 << 3 | 1, 2, INDEFINITE, len(segments))


def test_segments_of_a_string_are_joined() -> None:
    data = bytes.fromhex("24 80 04 01 41 24 04 04 02 42 43 04 00 00 00 99")
    assert string_octets(data, 4 << 3 | 1, 2, INDEFINITE, len(data)) == (b"ABC", len(data) - 1)
    with pytest.raises(BerError, match="SHAPE"):
        string_octets(bytes.fromhex("02 01 05"), 4 << 3 | 1, 0, 3, 3)
