"""Each rule of reading records into tables, on a small layout with exact offsets."""

import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from asn1.ber import MAX_DEPTH, SOFT
from asn1.records import Fault, Records, Span
from asn1.walker import explain, read_records

sys.path.insert(0, str(Path(__file__).parent))
from walker_layout import (
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
    read,
    tlv,
)


def rows(records: Records, table: str = "event", *names: str) -> list[tuple[Any, ...]]:
    return records.tables[table].select(names).rows()


def told(records: Records) -> list[tuple[int, str]]:
    return [(fault.offset, fault.code) for fault in records.faults]


def test_every_kind_has_its_column() -> None:
    records = read(
        call(
            tlv(SIGNED, b"\x7f"), tlv(SIZE, b"\xff\xff"), tlv(DIGITS, b"\x12\x3f"),
            tlv(TEXT, b"  B\xe9b "), tlv(RAW, b"\x00\xff"), tlv(TIME, b"20260105101500"),
            tlv(LONG, b"long"), tlv(PASSED, b"abc"), group(PASSED, b"\x7f\x7f"),
        ),
        group(MESSAGE),
    )
    assert records.tables["event"].rows() == [
        (0, 0, 58, "call", 127, 65535, "123", "B\xe9b", b"\x00\xff",
         datetime(2026, 1, 5, 10, 15), "long"),
        (1, 58, 2, "message", None, None, None, None, None, None, None),
    ]
    assert dict(records.tables["event"].schema) == {
        "record_index": pl.Int32, "byte_offset": pl.Int64, "byte_length": pl.Int64,
        "event": pl.Enum(["call", "message"]), "signed": pl.Int64, "size": pl.Int64,
        "digits": pl.String, "text": pl.String, "raw": pl.Binary, "time": pl.Datetime("us"),
        "long": pl.String,
    }
    assert list(records.tables) == ["event"]
    assert (records.faults, records.count, records.end, records.lost) == ([], 2, 60, None)
    assert records.unknown.is_empty()


def test_no_records_give_the_empty_table_of_records() -> None:
    assert read().tables["event"].columns == ["record_index", "byte_offset", "byte_length", "event"]
    assert read().tables["event"].is_empty()
    records = read("00 00", end=None)
    assert (records.count, records.end, records.lost) == (0, 2, None)


def test_rows_of_lists_know_their_parent_and_place() -> None:
    items = [
        group(ITEM, tlv(SIZE, b"\1")), tlv(CODE, b"\2"), group(ITEM), tlv(CODE, b"\3"),
    ]
    records = read(
        call(), call(group(LIST, *items[:2])), tlv(9, b""), call(tlv(SIZE, b"")),
        group(MESSAGE, group(LIST, *items[2:]), group(INNER, group(LIST, items[0]))),
    )
    item = records.tables["item"]
    assert item.rows() == [
        (1, 1, "event.item", 1, None), (1, 1, "event.code", None, 2),
        (4, 2, "event.item", None, None), (4, 2, "event.code", None, 3),
        (4, 2, "event.item", 1, None),
    ]
    assert dict(item.schema) == {
        "record_index": pl.Int32, "parent": pl.Int32, "place": pl.Enum(LAYOUT.places),
        "value": pl.Int64, "code": pl.Int64,
    }
    assert rows(records, "event", "record_index", "event") == [
        (0, "call"), (1, "call"), (4, "message"),
    ]
    assert records.count == 5


def test_positions_start_at_the_first_index() -> None:
    data = call(tlv(SIZE, b"\1")) + tlv(9, b"") + call(tlv(60, b""))
    records = read_records(data, Span(0, len(data), len(data)), LAYOUT, 7)
    assert rows(records, "event", "record_index") == [(7,), (9,)]
    assert [f.record_index for f in records.faults] == [8]
    assert rows(Records({"event": records.unknown}, [], records.unknown, 0, 0), "event",
                "record_index", "byte_offset", "byte_length", "within", "tag") == [
        (9, 9, 3, "Call", "[APPLICATION 60]"),
    ]
    assert records.count == 3


@pytest.mark.parametrize("indefinite", [False, True])
def test_tags_need_not_be_short_nor_lengths(indefinite: bool) -> None:  # noqa: FBT001
    end, rest = (None, "00 00") if indefinite else (-1, "")
    records = read(
        "7f 01 81 0b  5f 0b 01 05  5f 80 0d 82 00 01 41", rest, end=end,
    )
    assert rows(records, "event", "size", "text") == [(5, "A")]
    assert (records.faults, records.lost) == ([], None)


def test_indefinite_lengths_end_by_their_marks() -> None:
    records = read(
        "61 80  6d 80 04 01 41 24 80 04 01 42 00 00 00 00  70 80 74 80 4b 01 07 00 00 00 00",
        "4e 02 00 00  00 00  61 02 4b 00  00 00  99",
        end=None,
    )
    assert rows(records, "event", "text", "raw") == [("AB", b"\0\0")]
    assert rows(records, "item", "parent", "value") == [(0, 7)]
    assert told(records) == [(35, "VALUE")]
    assert (records.end, records.lost) == (39, None)


BAD = [
    # octets inside a definite call, offset counted from their first, code
    ("4d", 0, "HEADER_CUT"),
    ("4b 01 01 5f", 3, "HEADER_CUT"),
    ("5f 81 81 81 81 81 81 81 81 81 01 00", 0, "TAG_INVALID"),
    ("5f 81 81 81 81 81 81 81 81", 0, "HEADER_CUT"),
    ("4d 02 41", 0, "LENGTH_BEYOND"),
    ("4d 88 ff ff ff ff ff ff ff ff", 0, "LENGTH_BEYOND"),
    ("4d fe" + "ff" * 100, 0, "HEADER_CUT"),
    ("4d 80 00 00", 0, "LENGTH_INVALID"),
    ("4d ff", 0, "LENGTH_INVALID"),
    ("5f 3c 80 00 00", 0, "LENGTH_INVALID"),
    ("00 00", 0, "EOC_UNEXPECTED"),
    ("1f 00 00", 0, "EOC_UNEXPECTED"),
    ("20 00", 0, "EOC_UNEXPECTED"),
    ("00 05", 0, "LENGTH_BEYOND"),
    ("72 80 4b 01 05", 5, "EOC_MISSING"),
    ("72 80 4b 01 05 00", 5, "HEADER_CUT"),
    ("7f 3c 80 4b 01 05", 6, "EOC_MISSING"),
    ("7f 3c 80 5f", 3, "HEADER_CUT"),
    ("61 00", 0, "SHAPE"),
    ("72 02 42 00", 2, "SHAPE"),
    ("50 00", 0, "SHAPE"),
    ("6b 01 05", 0, "SHAPE"),
    ("6a 80 00 00", 0, "SHAPE"),
    ("6d 03 02 01 05", 2, "SHAPE"),
    ("6d 04 04 02 41", 0, "LENGTH_BEYOND"),
    ("6d 03 04 02 41", 2, "LENGTH_BEYOND"),
    ("6f 80 04 01 32", 5, "EOC_MISSING"),
    ("6e 02 00 00", 2, "SHAPE"),
    ("4b 00", 0, "VALUE"),
    ("4a 00", 0, "VALUE"),
    ("4b 08 80 00 00 00 00 00 00 00", 0, "VALUE"),
    ("4a 09 ff ff ff ff ff ff ff ff ff", 0, "VALUE"),
    ("4b 01 05 4b 01 05", 3, "REPEATED"),
    ("4b 01 05 72 03 4b 01 05", 5, "REPEATED"),
    ("4b 01 05 4b 00", 3, "REPEATED"),
    ("4d 00 4d 00", 2, "REPEATED"),
    ("4d 00 6d 03 02 01 05", 4, "SHAPE"),
    ("4f 0e 32303236303130353130313530 30 4f 00", 16, "REPEATED"),
    ("70 06 74 04 4b 00 4b 00", 4, "VALUE"),
]


@pytest.mark.parametrize(("text", "offset", "code"), BAD)
def test_a_bad_record_is_told_and_nothing_of_it_stays(text: str, offset: int, code: str) -> None:
    before = call(tlv(TEXT, b"A"), group(LIST, tlv(CODE, b"\1")))
    bad = bytes.fromhex("4f 01 78 70 04 5f 28 01 09 5f 3c 00" + text)
    head = b"\x61" + (bytes([len(bad)]) if len(bad) < 128 else bytes([0x81, len(bad)]))
    behind = call(tlv(60, b""), group(LIST, group(ITEM)))
    records = read(before, head, bad, behind)
    start, end = len(before), len(before) + len(head) + len(bad)
    offset += end - len(bytes.fromhex(text))
    assert records.faults == [Fault(1, start, end, offset, code)]
    assert rows(records, "event", "record_index") == [(0,), (2,)]
    assert rows(records, "item", "record_index", "parent") == [(0, 0), (2, 1)]
    assert rows(records, "event", "text") == [("A",), (None,)]
    assert records.tables["event"].columns[4:] == ["text"]
    assert records.unknown["record_index"].to_list() == [2]
    assert (records.count, records.end, records.lost) == (3, end + len(behind), None)
    data = before + head + bad + behind
    assert f"offset {offset}: {code}: " in explain(data, records.faults[0], LAYOUT)


def test_depth_counts_groups_and_then_segments() -> None:
    # The record's inside has depth 1.
    deepest = "72 80" * (MAX_DEPTH - 1)
    fits = "61 80" + deepest + "4b 01 05" + "00 00" * MAX_DEPTH
    assert rows(read(fits), "event", "size") == [(5,)]
    at = 2 * MAX_DEPTH
    marks = "00 00" * (MAX_DEPTH + 1)
    for deeper in ("72 80", "6d 80"):
        records = read("61 80", deepest, deeper, marks)
        assert (told(records), records.lost) == ([], (at, "DEPTH"))
    # Definite records are left by their length, whatever is inside.
    assert told(read(call(*nested(MAX_DEPTH - 1, tlv(SIZE, b"\1"))))) == []
    (fault,) = read(call(*nested(MAX_DEPTH, b""))).faults
    assert (fault.offset, fault.code) == (at, "DEPTH")
    (fault,) = read(call(*nested(MAX_DEPTH - 1, tlv(TEXT, b"", 0x60)))).faults
    assert (fault.offset, fault.code) == (at, "DEPTH")
    segment = tlv(4, tlv(4, b"A", 0), 0x20)
    assert told(read(call(*nested(MAX_DEPTH - 3, tlv(TEXT, segment, 0x60))))) == []
    (fault,) = read(call(*nested(MAX_DEPTH - 2, tlv(TEXT, segment, 0x60)))).faults
    assert (fault.offset, fault.code) == (at, "DEPTH")
    assert told(read(call(*nested(MAX_DEPTH - 2, tlv(TEXT, tlv(4, b"A", 0), 0x60))))) == []


def nested(levels: int, content: bytes) -> Iterable[bytes]:
    for _ in range(levels):
        content = group(INNER, content)
    return [content]


def test_unknown_elements_are_passed_over_by_structure_and_noted() -> None:
    records = read(
        call(tlv(60, b"\1"), bytes.fromhex("ff 87 6d 80 61 00 42 00 00 00"), tlv(SIZE, b"\7")),
        group(MESSAGE, group(LIST, b"\x02\x01\x05")),
        call(tlv(60, b""), b"\x4b\x00"),
        group(PASSED),
    )
    assert records.unknown.rows() == [
        (0, 2, 4, "Call", "[APPLICATION 60]"),
        (0, 6, 10, "Call", "[PRIVATE 1005]"),
        (1, 23, 3, "List", "[UNIVERSAL 2]"),
    ]
    assert rows(records, "event", "size") == [(7,), (None,)]
    assert told(records) == [(31, "VALUE"), (33, "EVENT_UNKNOWN")]


def test_a_tag_number_of_63_bits_is_named() -> None:
    records = read("61 0b ff ff ff ff ff ff ff ff ff 7f 00")
    assert records.unknown["tag"].to_list() == [f"[PRIVATE {2**63 - 1}]"]


def test_soft_faults_leave_the_record_in() -> None:
    records = read(
        call(tlv(TIME, b"20261305101500"), tlv(SIGNED, b"\xfb"), tlv(TIME, b"20260105101500")),
        call(tlv(TIME, b"2026013x"), tlv(SIZE, b"")),
        call(tlv(TIME, b""), tlv(TIME, b"   "), tlv(TIME, b" 2026")),
        call(tlv(TIME, b"0" * 99)),
    )
    assert rows(records, "event", "record_index", "signed", "time") == [
        (0, -5, datetime(2026, 1, 5, 10, 15)), (2, None, None), (3, None, None),
    ]
    data = call(tlv(TIME, b"20261305101500"), tlv(SIGNED, b"\xfb"), tlv(TIME, b"20260105101500"))
    assert records.faults[:2] == [
        Fault(0, 0, len(data), 2, "TIME"), Fault(0, 0, len(data), 18, "NEGATIVE"),
    ]
    assert [f.code for f in records.faults] == ["TIME", "NEGATIVE", "VALUE", "TIME", "TIME"]
    assert {f.code for f in records.faults} > SOFT


@pytest.mark.parametrize(
    ("text", "end", "limit", "stop", "lost"),
    [
        ("61 00 61 05 00", -1, None, 2, (2, "LENGTH_BEYOND")),
        ("61 00 5f", -1, None, 2, (2, "HEADER_CUT")),
        ("61 00 00 00", -1, None, 2, (2, "EOC_UNEXPECTED")),
        ("61 00", 9, None, 2, (2, "HEADER_CUT")),
        ("61 00 61", 9, None, 2, (2, "HEADER_CUT")),
        ("61 00", None, None, 2, (2, "EOC_MISSING")),
        ("61 00 00", None, None, 2, (2, "HEADER_CUT")),
        ("61 00 00 00", None, 3, 2, (2, "HEADER_CUT")),
        ("61 00 00 01 00", None, None, 2, (2, "EOC_UNEXPECTED")),
        ("61 00 61 80 4b 01 05", -1, None, 2, (7, "EOC_MISSING")),
        ("61 00 61 80 4b 01", -1, None, 2, (4, "LENGTH_BEYOND")),
        ("61 00 7f 63 80 61", -1, None, 2, (5, "HEADER_CUT")),
        ("61 00 41 80 00 00", -1, None, 2, (2, "LENGTH_INVALID")),
        ("61 00 5f" + "ff" * 20, -1, None, 2, (2, "TAG_INVALID")),
    ],
)
def test_where_records_cannot_be_told_apart_the_rest_is_lost(
    text: str, end: int | None, limit: int | None, stop: int, lost: tuple[int, str]
) -> None:
    records = read(text, end=end, limit=limit)
    assert (records.end, records.lost, records.count, records.faults) == (stop, lost, 1, [])
    assert records.tables["event"].height == 1
    data = bytes.fromhex(text)
    fault = Fault(1, stop, len(data) if limit is None else limit, *lost)
    assert f"offset {lost[0]}: {lost[1]}: " in explain(data, fault, LAYOUT)


def test_a_bad_record_of_indefinite_length_ends_by_structure() -> None:
    records = read("61 80 4b 00 7f 3c 80 4d 02 00 00 00 00 00 00", call())
    assert records.faults == [Fault(0, 0, 15, 2, "VALUE")]
    assert records.tables["event"]["record_index"].to_list() == [1]


def test_unknown_kinds_and_primitive_records_are_told() -> None:
    records = read("7f 3c 80 61 00 00 00", "41 01 05", "5f 3c 00", "02 01 05", call())
    assert records.faults == [
        Fault(0, 0, 7, 0, "EVENT_UNKNOWN"), Fault(1, 7, 10, 7, "SHAPE"),
        Fault(2, 10, 13, 10, "EVENT_UNKNOWN"), Fault(3, 13, 16, 13, "EVENT_UNKNOWN"),
    ]
    assert (records.count, records.tables["event"].height) == (5, 1)
