"""The compiled kernel: values in every form, room that grows as needed, and what it refuses."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from asn1 import kernel_run
from asn1.kernel_run import Padded, read_records
from asn1.layout import K_GROUP, K_INTEGER, Layout, LayoutColumn, LayoutContext, Slot, load_layout
from asn1.program import program_of
from asn1.records import UNKNOWN_SCHEMA, Records, RecordTooLargeError, Span
from asn1.warm import warm

sys.path.insert(0, str(Path(__file__).parent))
from kernel_agreement import agreed
from walker_layout import (
    CALL,
    CODE,
    DIGITS,
    ITEM,
    LAYOUT,
    LIST,
    LONG,
    RAW,
    SIGNED,
    SIZE,
    TEXT,
    TIME,
    call,
    group,
    tlv,
)


def read(*octets: bytes, layout: Layout = LAYOUT) -> Records:
    data = b"".join(octets)
    return agreed(data, Span(0, len(data), len(data)), layout)


def sized(number: int, content: bytes) -> bytes:
    """An element of any size; constructed when it is a group or a list."""
    first = 0x60 if number in {CALL, LIST, ITEM} else 0x40
    tag = tlv(number, b"", first)[:-1]
    return tag + b"\x84" + len(content).to_bytes(4, "big") + content


def values(records: Records, column: str, table: str = "event") -> list[Any]:
    return records.tables[table][column].to_list()


def one(number: int, content: bytes, column: str) -> Any:
    records = read(call(tlv(number, content)))
    assert records.faults == []
    return values(records, column)[0]


@pytest.mark.parametrize(
    "octets", ["00", "7f", "80", "ff", "0080", "7fffffffffffffff", "8000000000000000"],
)
def test_a_signed_integer_keeps_its_sign(octets):
    number = int.from_bytes(bytes.fromhex(octets), "big", signed=True)
    records = read(call(tlv(SIGNED, bytes.fromhex(octets))))
    assert values(records, "signed") == [number]
    assert [f.code for f in records.faults] == ["NEGATIVE"] * (number < 0)


@pytest.mark.parametrize("size", range(1, 8))
def test_an_unsigned_integer_has_none(size):
    assert one(SIZE, b"\xff" * size, "size") == (1 << 8 * size) - 1


@pytest.mark.parametrize("number", [SIGNED, SIZE])
@pytest.mark.parametrize("octets", ["00" * 9, "00" * 8 + "ff", "0000" + "7f" + "ff" * 7])
def test_a_long_integer_may_start_with_zeros(number, octets):
    column = "signed" if number == SIGNED else "size"
    assert one(number, bytes.fromhex(octets), column) == int(octets, 16)


@pytest.mark.parametrize("octets", ["", "ff" * 9, "00" + "80" + "00" * 7, "01" + "00" * 8])
def test_what_fits_no_integer_is_a_fault(octets):
    assert [f.code for f in read(call(tlv(SIGNED, bytes.fromhex(octets)))).faults] == ["VALUE"]


@pytest.mark.parametrize("size", range(20))
def test_digits_end_before_their_fillers(size):
    octets = bytes(range(0x30, 0x30 + size)).replace(b"\x3f", b"\xa5")
    assert one(DIGITS, octets, "digits") == octets.hex()
    assert one(DIGITS, octets + b"\x1f", "digits") == octets.hex() + "1"
    assert one(DIGITS, octets + b"\xff" * 9, "digits") == octets.hex()


@pytest.mark.parametrize("size", range(30))
def test_text_is_trimmed_and_decoded(size):
    text = "Ab é\xff0123456789abcdefghijklmnop"[:size].strip(" ")
    assert one(TEXT, text.encode("latin-1"), "text") == text
    assert one(TEXT, f"  {text} ".encode("latin-1"), "text") == text
    assert one(TEXT, ("\xfc" + text).encode("latin-1"), "text") == "\xfc" + text


@pytest.mark.parametrize("size", range(30))
def test_octets_stay_as_they_are(size):
    octets = bytes((n * 37 + 0x20) % 256 for n in range(size))
    assert one(RAW, octets, "raw") == octets


@pytest.mark.parametrize(
    "text", ["00010101000000", "19691231235959", "20240229120000", "20000229000001",
             "21000301000000", "99991231235959"],
)
def test_a_time_is_a_date_of_the_calendar(text):
    assert one(TIME, text.encode(), "time") == datetime.strptime(text, "%Y%m%d%H%M%S")


@pytest.mark.parametrize(
    "text", ["00000101000000", "20230229120000", "21000229120000", "20260431000000",
             "20261301000000", "20260100000000", "20260105240000", "20260105106000",
             "20260105101060", "2026010510150", "202601051015000", "2026 105101500",
             "20260105101a00", "\x00" * 14, "2026010510150/", "2026010510150:"],
)
def test_what_is_no_time_is_null_and_said(text):
    records = read(call(tlv(TIME, text.encode()), tlv(SIZE, b"\1")))
    assert [f.code for f in records.faults] == ["TIME"]
    assert "time" not in records.tables["event"].columns


def test_a_blank_time_is_null_and_may_be_followed_by_one():
    blank, moment = tlv(TIME, b"   "), tlv(TIME, b"20260105101500")
    assert values(read(call(blank, moment)), "time") == [datetime(2026, 1, 5, 10, 15)]


def test_rows_know_their_parents_over_all_records():
    records = read(*[
        call(group(LIST, group(ITEM, tlv(SIZE, b"\1")), tlv(CODE, bytes([n])))) for n in range(3)
    ])
    table = records.tables["item"]
    assert table.columns == ["record_index", "parent", "place", "value", "code"]
    assert table["parent"].to_list() == table["record_index"].to_list() == [0, 0, 1, 1, 2, 2]
    assert table["place"].to_list() == ["event.item", "event.code"] * 3


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing fits at first, and little more the next time."""
    monkeypatch.setattr(kernel_run, "SAMPLE_ROWS", 1)
    monkeypatch.setattr(kernel_run, "SMALL_HEAP", 1)
    monkeypatch.setattr(kernel_run, "MAX_GROWTH", 2)


MIXED = [
    call(
        *[tlv(TEXT, b"some text of %d" % n) for _ in range(n % 3 == 0)],
        *[tlv(LONG, b"\xe9" * (n % 40)) for _ in range(n % 7 == 5)],
        tlv(SIGNED, b"\xff"), tlv(77, b"unknown"), tlv(TIME, b"?"),
        group(LIST, *[group(ITEM, tlv(SIZE, bytes([m]))) for m in range(n % 5)]),
        *[tlv(DIGITS, b"\x12" * 9) for _ in range(n > 50)],
        *[tlv(SIGNED, b"\1") for _ in range(n % 11 == 10)],
    )
    for n in range(120)
]


@pytest.mark.usefixtures("no_room")
def test_room_grows_with_the_list():
    records = read(*MIXED)
    assert records.count == 120
    assert len(records.faults) == 2 * 110 + 10
    assert records.unknown.height == 110
    assert records.tables["event"].n_chunks() > 1


def test_a_list_of_one_kind_is_one_chunk():
    records = read(*[call(tlv(TEXT, b"text of record %d" % n)) for n in range(3000)])
    assert records.tables["event"].n_chunks() == 1
    assert values(records, "text")[2999] == "text of record 2999"


def test_columns_that_come_late_are_in_the_same_chunk():
    early = [call(tlv(SIZE, b"\1"))] * 2500
    records = read(*early, call(tlv(LONG, b"at the end of the list")))
    assert records.tables["event"].n_chunks() == 1
    assert values(records, "long") == [None] * 2500 + ["at the end of the list"]


def test_one_record_may_have_very_many_rows():
    items = group(ITEM, tlv(SIZE, b"\1")) * 100_000
    data = sized(CALL, sized(LIST, items)) + call(tlv(SIZE, b"\2"))
    records = read_records(Padded.of(data), Span(0, len(data), len(data)), LAYOUT)
    assert records.count == 2
    assert records.tables["item"].height == 100_000
    assert values(records, "value", "item") == [1] * 100_000


def test_one_value_may_be_very_large():
    text = "\xe4bc " * 500_000 + "."
    octets = text.encode("latin-1")
    segments = tlv(4, octets[:100], 0) + b"\x04\x83" + (len(octets) - 100).to_bytes(3, "big")
    joined = tlv(LONG, b"", 0x60)[:-1] + b"\x80" + segments + octets[100:] + b"\0\0"
    records = read(sized(CALL, joined), sized(CALL, sized(LONG, octets)))
    assert values(records, "long") == [text, text]


@pytest.mark.usefixtures("no_room")
def test_more_text_than_a_chunk_can_hold_is_refused(monkeypatch):
    monkeypatch.setattr(kernel_run, "MAX_HEAP", 1000)
    data = call() + sized(CALL, sized(LONG, b"x" * 2000))
    with pytest.raises(RecordTooLargeError, match=r"offset 2: record 1 .* in long"):
        read_records(Padded.of(data), Span(0, len(data), len(data)), LAYOUT)


def test_unknown_elements_are_told_by_tags_of_any_size():
    huge = b"\xdf" + b"\xff" * 8 + b"\x7f\x00"
    records = read(call(huge, tlv(3, b"", 0), tlv(9, b"", 0x80), tlv(600, b"x")))
    assert records.unknown["tag"].to_list() == [
        f"[PRIVATE {2**63 - 1}]", "[UNIVERSAL 3]", "[9]", "[APPLICATION 600]",
    ]
    assert records.unknown.schema == UNKNOWN_SCHEMA
    assert set(records.unknown["within"]) == {"Call"}


def test_a_list_without_records_is_an_empty_table():
    records = read()
    assert records.tables["event"].schema == {
        "record_index": pl.Int32, "byte_offset": pl.Int64, "byte_length": pl.Int64,
        "event": pl.Enum(["call", "message"]),
    }
    assert warm().count == 0


@pytest.mark.parametrize("span", [Span(-1, 0, 0), Span(2, 1, 1), Span(0, 9, 9)])
def test_a_span_outside_of_the_data_is_refused(span):
    with pytest.raises(ValueError, match="does not lie in 8 octets"):
        read_records(Padded.of(b"\0" * 8), span, LAYOUT)


def test_padded_octets_are_those_of_the_file(tmp_path):
    (tmp_path / "file").write_bytes(b"octets")
    for padded in (Padded.of(b"octets"), Padded.from_file(tmp_path / "file")):
        assert len(padded) == 6
        assert bytes(padded.octets) == b"octets"
        assert not padded.array[6:].any()
        assert padded.array.size == 6 + 64


def test_a_layout_too_large_for_the_kernel_is_refused():
    column = LayoutColumn(0, "value", "integer")
    many = Layout("tap", tuple(map(str, range(65))), (column,), LAYOUT.contexts, (), 0, (), "x")
    with pytest.raises(ValueError, match="65 tables"):
        program_of(many)
    slots = {5: Slot("value", K_GROUP, opens=0, context=0, place=1 << 16)}
    wide = Layout("tap", ("a",), (), (LayoutContext("A", "choice", 0, slots),), (), 0, (), "x")
    with pytest.raises(ValueError, match="value in A: 65536 needs over 16 bits"):
        program_of(wide)


def test_a_layout_that_writes_where_no_row_is_open_is_refused():
    columns = (LayoutColumn(1, "value", "integer"),)
    record = LayoutContext("A", "choice", 0, {5: Slot("call", K_GROUP, opens=0, context=1)})
    inside = LayoutContext("B", "choice", 0, {9: Slot("value", K_INTEGER, column=0)})
    layout = Layout("tap", ("a", "b"), columns, (record, inside), (), 0, (), "x")
    with pytest.raises(ValueError, match="value in B is not of the row around it"):
        program_of(layout)


@pytest.mark.parametrize("name", ["tap", "rap", "nrtrde"])
def test_every_layout_fits_the_kernel(name):
    layout = load_layout(name)
    program = program_of(layout)
    assert np.count_nonzero(program.nodes) == sum(len(c.slots) for c in layout.contexts)


@pytest.mark.slow
def test_no_access_is_out_of_bounds():
    names = ["room_grows", "text_is_trimmed", "digits_end", "long_integer", "very_large"]
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", __file__, "-k", " or ".join(names)],
        check=True, env=os.environ | {"RATEMILL_KERNEL_CHECKED": "1"},
    )
