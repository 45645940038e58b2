"""Any octets are read or told, and every fault can be put into words."""

import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from asn1.ber import SOFT
from asn1.records import Fault, Span
from asn1.walker import _Walk, explain, read_records

sys.path.insert(0, str(Path(__file__).parent))
from walker_layout import (
    CALL,
    CODE,
    INNER,
    ITEM,
    LAYOUT,
    LIST,
    LONG,
    MESSAGE,
    RAW,
    SIGNED,
    SIZE,
    TEXT,
    TIME,
    call,
    group,
    read,
    tlv,
)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            call(group(INNER, tlv(LIST, b""))),
            "call.inner.list: offset 4: SHAPE: a group, but primitive",
        ),
        (
            call(group(LIST, group(ITEM, b"\x4b\x28\x01"))),
            ("call.list.item: offset 6: LENGTH_BEYOND: "
             "[APPLICATION 11] of 40 octets reaches beyond the end at 9"),
        ),
        (call(group(SIZE)), "call.size: offset 2: SHAPE: a number, but constructed"),
        (
            call(group(INNER, group(TEXT, b"\x02\x00"))),
            "call.inner.text: offset 6: SHAPE: [UNIVERSAL 2] as the segment of a string",
        ),
        (call(tlv(SIZE, b"")), "call.size: offset 2: VALUE: is a number without octets"),
        (
            call(tlv(SIZE, b"\xff" * 9)),
            "call.size: offset 2: VALUE: does not fit 64 bits",
        ),
        (
            call(tlv(TEXT, b""), group(INNER, tlv(TEXT, b""))),
            "call.inner.text: offset 6: REPEATED: text has a value already",
        ),
        (call(tlv(TIME, b"2026013x")), "call.time: offset 2: TIME: time '2026013x' is no time"),
        (
            call(tlv(TIME, b"9" * 99)),
            f"call.time: offset 2: TIME: time '{'9' * 32}' is no time",
        ),
        (call(tlv(SIGNED, b"\xfb")), "call.signed: offset 2: NEGATIVE: -5 is negative"),
        (
            call(group(INNER, call())),
            ("call.inner: offset 4: SHAPE: [APPLICATION 1], a record, inside Call: "
             "a length is wrong"),
        ),
        (call(group(INNER, b"\0\0")), "call.inner: offset 4: EOC_UNEXPECTED: tag 0 inside Call"),
        (
            call(group(INNER, b"\x72\x80\x4b\x01\x05")),
            "call.inner.inner: offset 9: EOC_MISSING: the end-of-contents octets are missing",
        ),
        (
            call(group(INNER, b"\x72\x80\x70\x80\x00\x00")),
            "call.inner.inner: offset 10: EOC_MISSING: the end-of-contents octets are missing",
        ),
        (
            call(group(INNER, b"\x72\x80\x72\x03\x4b\x01\x05")),
            "call.inner.inner: offset 11: EOC_MISSING: the end-of-contents octets are missing",
        ),
        (
            call(group(INNER, b"\x7f\x3c\x80\x4b\x01\x05")),
            "call.inner: offset 10: EOC_MISSING: the end-of-contents octets are missing",
        ),
        (
            call(group(INNER, b"\x72\x80")),
            "call.inner.inner: offset 6: EOC_MISSING: the end-of-contents octets are missing",
        ),
        (tlv(CALL, b""), "call: offset 0: SHAPE: a record, but primitive"),
        (group(9), "offset 0: EVENT_UNKNOWN: record type [APPLICATION 9] is not known"),
    ],
)
def test_faults_are_put_into_words(data: bytes, words: str) -> None:
    before = call(tlv(TIME, b"x"))
    (fault,) = read(data).faults
    assert explain(data, fault, LAYOUT) == words
    assert explain(memoryview(bytearray(data)), fault, LAYOUT) == words
    later = read(before, data, call()).faults[1]
    assert later.offset == fault.offset + len(before)
    said = explain(before + data + call(), later, LAYOUT)
    assert said.partition("offset")[0] == words.partition("offset")[0]


PARTS = st.sampled_from(
    [
        "61 05", "61 80", "62 03", "4b 01 05", "4b 00", "4a 01 ff", "4d 01 41", "6d 80", "04 01 41",
        "24 80", "00 00", "00", "72 03", "72 80", "70 80", "74 02", "5f 28 01 07", "5f 3c 00",
        "7f 3c 80", "5f 82 2c 01 41", "4f 01 78", "5f 80", "4d 84 00 00", "ff",
    ]
).map(bytes.fromhex)


@given(
    st.one_of(st.binary(max_size=60), st.lists(PARTS, max_size=14).map(b"".join)),
    st.integers(0, 3), st.sampled_from([0, 5, None]),
)
def test_any_octets_are_read_or_told(data: bytes, start: int, beyond: int | None) -> None:
    size = len(data)
    start = min(start, size)
    end = None if beyond is None else max(start, size + beyond)
    records = read_records(data, Span(start, end, size), LAYOUT, 3)
    assert 0 <= records.end <= size
    if end is not None:
        assert (records.lost is None) == (records.end == end)
    hard = [f for f in records.faults if f.code not in SOFT]
    assert records.count == records.tables["event"].height + len(hard)
    for fault in records.faults:
        assert start <= fault.start <= fault.offset <= fault.end <= records.end
        assert f"offset {fault.offset}: {fault.code}: " in explain(data, fault, LAYOUT)
    if records.lost:
        lost = Fault(3 + records.count, records.end, size, *records.lost)
        assert f": {lost.code}: " in explain(data, lost, LAYOUT)


@given(st.one_of(st.binary(max_size=60), st.lists(PARTS, max_size=14).map(b"".join)))
def test_the_quick_way_is_no_other_than_the_careful_one(data: bytes) -> None:
    def walked(octets: bytes | memoryview) -> tuple[Any, ...]:
        walk = _Walk(octets, LAYOUT, 0)
        end, lost = walk.run(Span(0, len(data), len(data)))
        rows = walk.rows
        return (
            end, lost and (lost.offset, lost.code, lost.detail), walk.faults, walk.unknown,
            rows.keys, rows.cells, rows.spans, rows.last,
        )

    assert walked(data) == walked(memoryview(data))


@given(draw=st.data())
def test_one_changed_octet_harms_one_record(draw: st.DataObject) -> None:
    """The changed record may be lost or changed; those around it stay as they are."""
    records = [
        call(tlv(TEXT, b"A"), group(LIST, tlv(CODE, b"\1"), group(ITEM, tlv(SIZE, b"\2")))),
        call(
            tlv(SIGNED, b"\1"), tlv(TIME, b"20260105101500"), tlv(LONG, b"x"), tlv(60, b"y"),
            group(INNER, tlv(RAW, b"z"), group(LIST, group(ITEM, tlv(SIZE, b"\3")))),
            bytes.fromhex("7f 3d 80 04 01 42 00 00 6c 80 24 03 04 01 12 00 00"),
        ),
        group(MESSAGE, tlv(SIZE, b"\4"), tlv(60, b""), group(LIST, tlv(CODE, b"\5"))),
    ]
    data = bytearray(b"".join(records))
    first, second = len(records[0]), len(records[0]) + len(records[1])
    before = read(bytes(data))
    assert (before.faults, before.count, before.unknown.height) == ([], 3, 3)
    place = draw.draw(st.integers(first, second - 1))
    data[place] = draw.draw(st.integers(0, 255))
    after = read(bytes(data))
    kept = [0, 2] if place > first + 1 else [0]
    for name, table in before.tables.items():
        others = pl.col("record_index").is_in(kept)
        found = after.tables[name]
        left = found.select(c for c in table.columns if c in found.columns)
        left, right = (t.filter(others).drop("parent", strict=False)
                       for t in (left, table.select(left.columns)))
        assert_frame_equal(left, right)
        missing = table.filter(others).drop(left.columns)
        assert all(s.null_count() == len(s) for s in missing.drop("parent", strict=False))
    if place > first + 1:
        assert (after.count, after.lost) == (3, None)
