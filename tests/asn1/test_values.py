"""What octets mean, kind by kind, and groups as nested values with each error in its place."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asn1.ber import INDEFINITE, MAX_DEPTH, BerError
from asn1.grammar import Context, Node, Plan
from asn1.values import (
    ValueReader,
    bcd_digits,
    local_time,
    signed_number,
    trimmed_text,
    unsigned_number,
)

TEXT, NUMBER, DEEPER, ITEMS, DAY = (n << 2 | 1 for n in (1, 2, 3, 4, 5))
PLAN = Plan(
    (
        Context(
            "Group", "sequence",
            {
                TEXT: Node("text", "text"),
                NUMBER: Node("number", "unsigned"),
                DEEPER: Node("deeper", "group", 0),
                ITEMS: Node("items", "group", 1),
                DAY: Node("day", "time"),
            },
        ),
        Context("Items", "list", {TEXT: Node("item", "bcd")}),
    )
)
ROOT = Node("root", "group", 0)


def read(text: str, *, length: int | None = None, depth: int = 1) -> object:
    data = bytes.fromhex(text)
    reader = ValueReader(data, PLAN, {63 << 2 | 1: Node("call", "group", 0)})
    size = len(data) if length is None else length
    value, behind = reader.element(ROOT, 1, 0, size, len(data), depth)
    assert behind == len(data)
    return value, reader.unknown


@pytest.mark.parametrize(
    ("octets", "signed", "unsigned"),
    [
        ("00", 0, 0),
        ("7f", 127, 127),
        ("80", -128, 128),
        ("ff ff", -1, 65535),
        ("7f" + "ff" * 7, 2**63 - 1, 2**63 - 1),
        ("80" + "00" * 7, -(2**63), None),
        ("00" * 8 + "ff", 255, 255),
        ("00" * 40, 0, 0),
        ("00" * 9 + "7f" + "ff" * 7, 2**63 - 1, 2**63 - 1),
        ("00 80" + "00" * 7, None, None),
        ("ff" * 9, None, None),
        ("01" + "00" * 8, None, None),
        ("", None, None),
    ],
)
def test_numbers(octets: str, signed: int | None, unsigned: int | None) -> None:
    for read_number, expected in ((signed_number, signed), (unsigned_number, unsigned)):
        if expected is None:
            with pytest.raises(ValueError, match=r"without octets|does not fit"):
                read_number(bytes.fromhex(octets))
        else:
            assert read_number(bytes.fromhex(octets)) == expected


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_number_of_64_bits_is_read(number: int) -> None:
    size = min((number.bit_length() + 8) // 8, 8)
    assert signed_number(number.to_bytes(size, "big", signed=True)) == number


def test_digits_and_text() -> None:
    assert bcd_digits(bytes.fromhex("12345f")) == "12345"
    assert bcd_digits(bytes.fromhex("12ab")) == "12ab"
    assert bcd_digits(bytes.fromhex("1fff")) == "1"
    assert bcd_digits(bytes.fromhex("ffff")) == bcd_digits(b"") == ""
    assert trimmed_text(b"  a b\xe9\0 ") == "a b\xe9\0"
    assert trimmed_text(memoryview(b" a\t")) == "a\t"


@given(st.datetimes())
def test_any_time_is_read(time: datetime) -> None:
    octets = time.isoformat().replace("-", "").replace(":", "").replace("T", "")[:14]
    assert local_time(octets.encode()) == time.replace(microsecond=0)


@pytest.mark.parametrize(
    "octets",
    [
        b"", b" " * 14, b"2026010510150", b"202601051015000", b"20260105101500 ",
        b"00000105101500", b"20261305101500", b"20260229101500", b"20260105241500",
        b"20260105106000", b"20260105101560", b"2026W010101500", b"2026010510150\xb2",
        b"-0260105101500", b"2026 105101500",
    ],
)
def test_no_other_octets_are_a_time(octets: bytes) -> None:
    assert local_time(octets) is None


def test_groups_are_nested_values() -> None:
    value, unknown = read(
        "41 03 20 41 20  63 03 42 01 05  64 0a 41 02 12 3f c9 01 00 41 01 77"
        "  45 0f 32 30 32 36 30 31 30 35 31 30 31 35 30 30 20  c9 00"
    )
    assert value == {
        "text": "A", "deeper": {"number": 5}, "items": ["123", "77"], "day": "20260105101500",
    }
    assert unknown == {"Group.[PRIVATE 9]": 1, "Items.[PRIVATE 9]": 1}


@pytest.mark.parametrize(
    ("text", "offset", "code"),
    [
        ("41 01 41 43 01 00", 3, "SHAPE"),
        ("63 02 62 00", 2, "SHAPE"),
        ("41 00 42 00", 2, "VALUE"),
        ("41 00 41 00", 2, "REPEATED"),
        ("63 02 00 00", 2, "EOC_UNEXPECTED"),
        ("63 03 7f 3f 00", 2, "SHAPE"),
        ("63 80 41 00", 4, "EOC_MISSING"),
        ("63 04 63 03 41 00", 2, "LENGTH_BEYOND"),
        ("61 03 02 01 05", 2, "SHAPE"),
    ],
)
def test_errors_have_the_offset_of_the_tag(text: str, offset: int, code: str) -> None:
    with pytest.raises(BerError) as error:
        read(text)
    assert (error.value.offset, error.value.code) == (offset, code)


def test_nesting_has_a_limit() -> None:
    inner = "63 80" * (MAX_DEPTH - 1)
    read(inner + "00 00" * MAX_DEPTH, length=INDEFINITE)
    with pytest.raises(BerError, match=f"offset {2 * MAX_DEPTH - 2}: DEPTH"):
        read(inner + "63 80" + "00 00" * (MAX_DEPTH + 1), length=INDEFINITE)
    with pytest.raises(BerError, match=f"offset {2 * MAX_DEPTH - 2}: DEPTH"):
        read(inner + "61 80" + "00 00" * (MAX_DEPTH + 1), length=INDEFINITE)


@given(st.binary(max_size=40), st.booleans())
def test_any_octets_give_a_value_or_an_error(data: bytes, indefinite: bool) -> None:  # noqa: FBT001
    reader = ValueReader(data, PLAN)
    length = INDEFINITE if indefinite else len(data)
    try:
        _, place = reader.element(ROOT, 1, 0, length, len(data), 1)
    except BerError as error:
        place = error.offset
    assert 0 <= place <= len(data)
