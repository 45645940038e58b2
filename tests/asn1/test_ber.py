"""Tags and lengths: what is read, and each error with its offset, under any bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asn1.ber import (
    INDEFINITE,
    MAX_DEPTH,
    BerError,
    at_end_of_contents,
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


@pytest.mark.parametrize(
    ("text", "code", "behind"),
    [
        ("5f 81 81 81 81 81 81 81 81 81 01 00", "TAG_INVALID", 10),
        ("5f 80 80 80 80 80 80 80 80 80 01 00", "TAG_INVALID", 10),
        ("04 80 00 00", "LENGTH_INVALID", 2),
        ("24 ff 00 00", "LENGTH_INVALID", 2),
    ],
)
def test_octets_behind_the_end_never_decide(text: str, code: str, behind: int) -> None:
    for end in range(behind):
        with pytest.raises(BerError, match="HEADER_CUT"):
            header(text, end=end)
    with pytest.raises(BerError, match=code):
        header(text, end=behind)


def test_a_tag_number_has_nine_octets_at_most() -> None:
    text = "5f 81 80 80 80 80 80 80 80 01 00"
    assert header(text) == (f"[APPLICATION {(1 << 56) + 1}]", 0, 11)


def test_a_length_may_have_superfluous_zeros() -> None:
    assert header("04 fe" + " 00" * 125 + " 01 ff") == ("[UNIVERSAL 4]", 1, 128)


@given(st.binary(max_size=12), st.integers(0, 12), st.binary(max_size=12))
def test_a_header_depends_on_nothing_behind_the_end(inside: bytes, end: int, behind: bytes) -> None:
    def read(data: bytes | memoryview) -> object:
        try:
            return read_header(data, 0, end)
        except BerError as error:
            return error.offset, error.code

    inside = inside[:end].ljust(end, b"\x5f")
    assert read(inside) == read(inside + behind) == read(memoryview(inside + behind))


def test_end_of_contents_octets_are_two_within_the_end() -> None:
    assert at_end_of_contents(b"\x01\0\0", 1, 3)
    assert not at_end_of_contents(b"\x01\0\0", 1, 2)
    assert not at_end_of_contents(b"\x01\0\0", 0, 3)


def test_skip_goes_by_structure() -> None:
    data = bytes.fromhex("61 80 62 80 04 02 00 00 00 00 63 02 00 00 00 00 99")
    assert skip(data, 2, INDEFINITE, len(data)) == len(data) - 1
    with pytest.raises(BerError, match="EOC_MISSING"):
        skip(data[:-3], 2, INDEFINITE, len(data) - 3)


def test_nesting_has_a_limit() -> None:
    deep = b"\x61\x80" * (MAX_DEPTH + 2)
    with pytest.raises(BerError, match=f"offset {2 * MAX_DEPTH}: DEPTH"):
        skip(deep, 2, INDEFINITE, len(deep))
    segments = b"\x24\x80" * (MAX_DEPTH + 5)
    with pytest.raises(BerError, match=f"offset {2 * MAX_DEPTH + 2}: DEPTH"):
        string_octets(segments, 4 << 3 | 1, 2, INDEFINITE, len(segments))


def test_segments_of_a_string_are_joined() -> None:
    data = bytes.fromhex("24 80 04 01 41 24 04 04 02 42 43 04 00 00 00 99")
    assert string_octets(data, 4 << 3 | 1, 2, INDEFINITE, len(data)) == (b"ABC", len(data) - 1)
    assert string_octets(memoryview(data), 4 << 3 | 1, 2, INDEFINITE, len(data))[0] == b"ABC"


@pytest.mark.parametrize(
    ("text", "offset", "code"),
    [
        ("04 01 41 02 01 05 00 00", 3, "SHAPE"),
        ("04 01 41 00 01 05 00 00", 3, "SHAPE"),
        ("04 01 41 24 04 04 01 42 0c 00", 8, "HEADER_CUT"),
        ("24 06 04 01 42 04 09 00 00", 5, "LENGTH_BEYOND"),
        ("24 80 04 01 42 00", 5, "HEADER_CUT"),
        ("24 80 04 01 42", 5, "EOC_MISSING"),
        ("24 80 04 01 42 00 00", 7, "EOC_MISSING"),
    ],
)
def test_segments_at_fault_are_named_by_their_offset(text: str, offset: int, code: str) -> None:
    data = bytes.fromhex(text)
    with pytest.raises(BerError) as error:
        string_octets(data, 4 << 3 | 1, 0, INDEFINITE, len(data))
    assert (error.value.offset, error.value.code) == (offset, code)
