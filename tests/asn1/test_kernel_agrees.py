"""Kernel and walker give the same for any octets: drawn ones, damaged ones, any span and room."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asn1 import kernel_run
from asn1.ber import read_header
from asn1.encode import encode_transfer_batch
from asn1.layout import load_layout
from asn1.records import Records, Span

sys.path.insert(0, str(Path(__file__).parent))
from kernel_agreement import agreed
from walker_layout import (
    CALL,
    CODE,
    DIGITS,
    INNER,
    ITEM,
    LAYOUT,
    LIST,
    LONG,
    MESSAGE,
    PASSED,
    RAW,
    SIGNED,
    SIZE,
    TEXT,
    TIME,
    call,
    group,
    tlv,
)

NUMBERS = st.sampled_from(
    [CALL, MESSAGE, SIGNED, SIZE, DIGITS, TEXT, RAW, TIME, LIST, PASSED, INNER, ITEM, CODE, LONG,
     0, 4, 31, 639, 640, 2**63 - 1],
)
CONTENTS = st.one_of(
    st.binary(max_size=20),
    st.sampled_from([b"20260105101500", b"\xff", b"\0" * 9, b"    ", b" \xe9t\xe9 ", b"\x80" * 8]),
    st.text("0123456789 ", min_size=14, max_size=14).map(str.encode),
)
DATA_BEHIND = 3


@st.composite
def tags(draw: st.DrawFn) -> bytes:
    """The octets of a tag, mostly of the shortest form."""
    number = draw(NUMBERS)
    first = draw(st.sampled_from([0x40] * 12 + [0x60] * 3 + [0x00, 0x20, 0x80, 0xC0, 0xE0]))
    superfluous = draw(st.sampled_from([0] * 8 + [1, 3]))
    if number < 31 and not superfluous:
        return bytes([first | number])
    octets = [number & 127]
    while number := number >> 7:
        octets.insert(0, number & 127 | 128)
    return bytes([first | 31, *[128] * superfluous, *octets])


@st.composite
def elements(draw: st.DrawFn, inner: st.SearchStrategy[bytes]) -> bytes:
    """An element with a length of any form, right in most cases."""
    tag, content = draw(tags()), draw(inner)
    form = draw(st.sampled_from(["short"] * 6 + ["long", "longer", "indefinite", "wrong"]))
    size = len(content) + (draw(st.integers(-2, 9)) if form == "wrong" else 0)
    if form == "indefinite":
        return bytes([tag[0] | 32]) + tag[1:] + b"\x80" + content + b"\0\0"
    if form in {"short", "wrong"} and 0 <= size < 128:
        return tag + bytes([size]) + content
    count = {"long": 4, "longer": draw(st.integers(2, 126))}.get(form, 2)
    return tag + bytes([128 | count]) + max(size, 0).to_bytes(count, "big") + content


MEMBERS = st.recursive(
    elements(CONTENTS),
    lambda inner: elements(st.lists(inner, max_size=4).map(b"".join)),
    max_leaves=12,
)
RECORDS = st.lists(st.one_of(
    st.lists(MEMBERS, max_size=5).map(lambda members: long_call(b"".join(members))), MEMBERS,
), max_size=6).map(b"".join)


def long_call(content: bytes) -> bytes:
    return bytes([0x60 | CALL, 0x82]) + len(content).to_bytes(2, "big") + content


@st.composite
def lists(draw: st.DrawFn, octets: st.SearchStrategy[bytes]) -> tuple[bytes, Span]:
    """Octets and a span of a list in them, which may be cut."""
    data = bytearray(draw(octets))
    for _ in range(draw(st.integers(0, 2)) if data else 0):
        at = draw(st.integers(0, len(data) - 1))
        data[at] = draw(st.sampled_from([0, 0x20, 0x7F, 0x80, 0x82, 0xFF, data[at] ^ 0x20]))
    start = draw(st.integers(0, min(2, len(data))))
    limit = max(start, len(data) - draw(st.integers(0, DATA_BEHIND)))
    end = draw(st.sampled_from([None, limit, limit, limit + 50]))
    return bytes(data), Span(start, end, limit)


@given(lists(RECORDS))
def test_drawn_records(made):
    data, span = made
    agreed(data, span, LAYOUT, first_index=7)


@given(lists(st.binary(max_size=60)))
def test_any_octets(made):
    agreed(*made, load_layout("nrtrde"))


@pytest.fixture(scope="module")
def no_room():
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SAMPLE_ROWS", "SMALL_HEAP", "MAX_GROWTH"):
            patch.setattr(kernel_run, name, 2)
        yield


@given(made=lists(RECORDS))
def test_drawn_records_where_nothing_fits(no_room, made):
    data, span = made
    agreed(data, span, LAYOUT)


def read_file(batch, columns=None) -> Records:
    data = encode_transfer_batch({"callEventDetails": batch["callEventDetails"]})
    _, _, at = read_header(data, 0, len(data))
    _, length, at = read_header(data, at, len(data))
    return agreed(data, Span(at, at + length, at + length), load_layout("tap", columns))


def test_files_of_two_releases(release_312, release_39):
    for batch in (release_312, release_39):
        records = read_file(batch)
        assert records.count == 3
        assert records.faults == []
        assert records.unknown.is_empty()
        assert records.tables["charge_detail"].height == 12


def test_selected_columns_are_the_only_ones(release_312):
    records = read_file(release_312, {"charge_detail": ["charge"]})
    assert list(records.tables) == [
        "event", "basic_service_used", "charge_information", "charge_detail",
    ]
    assert records.tables["charge_detail"].columns[3:] == ["charge"]
    assert records.tables["event"].columns[4:] == []


@pytest.mark.parametrize("depth", [30, 31, 32, 40])
def test_the_depth_of_groups_and_segments(depth):
    groups = segments = b""
    for _ in range(depth):
        groups = bytes([0x60 | INNER, 0x80]) + groups + b"\0\0"
        segments = b"\x24\x80" + segments + b"\0\0"
    strings = bytes([0x60 | TEXT, 0x80]) + segments + b"\0\0"
    data = long_call(groups) + long_call(strings) + long_call(b"\x78\x80" + groups + b"\0\0")
    records = agreed(data, Span(0, len(data), len(data)), LAYOUT)
    assert [f.code for f in records.faults] == ["DEPTH"] * sum(depth > n for n in (31, 30, 31))


def test_a_list_that_is_cut_is_lost_from_there_on():
    data = call(tlv(SIZE, b"\1")) * 2 + group(MESSAGE, tlv(TEXT, b"text"))
    whole = Span(0, len(data), len(data))
    for limit in range(len(data)):
        records = agreed(data, whole._replace(limit=limit), LAYOUT)
        assert records.lost is not None
        assert records.count == min(limit // 5, 2)
        assert agreed(data, Span(0, None, limit), LAYOUT).lost is not None
