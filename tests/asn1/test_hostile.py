"""Files made to hurt: each ends in bounded time and memory, with an error that has a name."""

import os
import subprocess
import sys
import textwrap
import time

import pytest

from asn1.ber import MAX_BAD_RECORDS, MAX_SOFT_FAULTS
from asn1.encode import encode_transfer_batch
from asn1.tap import read

ENGINES = ["kernel", "walker"]
ENGINES_LARGE = ["kernel", pytest.param("walker", marks=pytest.mark.slow)]
SECONDS_PER_MB = {"kernel": 1.0, "walker": 20.0}
"""Generous: a slow machine with other work on it needs less than half."""
HEADER = {
    "sender": "AAA01", "recipient": "BBB01", "fileSequenceNumber": "00001",
    "specificationVersionNumber": 3, "releaseVersionNumber": 12,
}


def tlv(tag: bytes, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return tag + bytes([size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return tag + bytes([128 | len(octets)]) + octets + content


def batch(*records: bytes) -> bytes:
    """A transfer batch of those records, with everything else in order."""
    whole = encode_transfer_batch({"batchControlInfo": HEADER, "callEventDetails": []})
    control = whole[whole.index(b"\x64"):-2]
    return tlv(b"\x61", control + tlv(b"\x63", b"".join(records)))


def timed(data: bytes, engine: str):
    began = time.process_time()
    file = read(data, engine=engine)
    seconds = time.process_time() - began
    assert seconds < 1 + SECONDS_PER_MB[engine] * len(data) / 1e6, f"{seconds} s"
    return file


GOOD = tlv(b"\x69", tlv(b"\x7f\x81\x13", tlv(b"\x5f\x81\x5f", b"\x05")))
"""A call of five seconds."""


@pytest.fixture(scope="module", autouse=True)
def _warm():
    read(batch(GOOD), engine="kernel")


def test_the_good_record_is_good():
    file = read(batch(GOOD), engine="walker")
    assert not file.errors
    assert file.tables["event"]["total_call_event_duration"].to_list() == [5]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("opening", "closing"),
    [(b"\x7f\x81\x13\x80", b"\0\0"), (b"\x30\x80", b"\0\0"), (b"\x24\x80", b"")],
    ids=["known", "unknown", "string"],
)
def test_a_depth_bomb_is_one_bad_record_or_the_end(engine, opening, closing):
    bomb = b"\x69\x80" + opening * 200_000 + closing * 200_000 + b"\0\0"
    file = timed(batch(GOOD, bomb), engine)
    assert file.tables["event"].height == 1
    assert [e.code for e in file.errors] == ["BER_INVALID"]
    assert "DEPTH" in file.errors[0].detail or "SHAPE" in file.errors[0].detail


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "length", [b"\x88\x80" + b"\0" * 7, b"\x88" + b"\xff" * 8, b"\x84\xff\xff\xff\xff",
               b"\xfe" + b"\xff" * 126],
    ids=["2^63", "2^64-1", "2^32-1", "126 octets"],
)
def test_a_length_beyond_everything_is_named(engine, length):
    record = tlv(b"\x69", b"\x5f\x81\x5f" + length + b"\x05")
    file = timed(batch(GOOD, record, GOOD), engine)
    assert file.tables["event"].height == 2
    (error,) = file.errors
    assert (error.record_index, error.code) == (1, "BER_INVALID")
    assert "LENGTH_BEYOND" in error.detail or "HEADER_CUT" in error.detail


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("length", [b"\x88\x80" + b"\0" * 7, b"\x88" + b"\xff" * 8])
def test_a_record_longer_than_the_file_keeps_the_others(engine, length):
    data = batch(GOOD, b"\x69" + length + b"\x05")
    file = timed(data, engine)
    assert file.tables["event"].height == 1
    assert file.errors
    assert not file.complete


@pytest.mark.parametrize("engine", ENGINES)
def test_a_string_of_five_million_octets_is_a_value(engine):
    text = b"x" * 5_000_000
    dialled = tlv(b"\x7f\x81\x13", tlv(b"\x7f\x59", tlv(b"\x5f\x82\x17", text)))
    file = timed(batch(GOOD, tlv(b"\x69", dialled), GOOD), engine)
    assert not file.errors
    assert file.tables["event"]["dialled_digits"].str.len_bytes().to_list() == [
        None, len(text), None,
    ]


@pytest.mark.parametrize("engine", ENGINES_LARGE)
def test_a_string_of_a_million_segments_is_joined(engine):
    segments = tlv(b"\x7f\x82\x17", b"\x04\x01y" * 1_000_000)
    file = timed(batch(tlv(b"\x69", tlv(b"\x7f\x81\x13", tlv(b"\x7f\x59", segments)))), engine)
    assert not file.errors
    assert file.tables["event"]["dialled_digits"].to_list() == ["y" * 1_000_000]


@pytest.mark.parametrize("engine", ENGINES_LARGE)
def test_three_hundred_thousand_charge_details_in_one_record_are_rows(engine):
    details = tlv(b"\x7f\x40", tlv(b"\x7f\x3f", tlv(b"\x5f\x47", b"00") + b"\x5f\x3e\x01\x07")
                  * 300_000)
    information = tlv(b"\x7f\x46", tlv(b"\x7f\x45", details))
    used = tlv(b"\x7f\x26", tlv(b"\x7f\x27", information))
    file = timed(batch(GOOD, tlv(b"\x69", used), GOOD), engine)
    assert not file.errors
    rows = file.tables["charge_detail"]
    assert rows.height == 300_000
    assert rows["charge"].sum() == 2_100_000
    assert rows["record_index"].unique().to_list() == [1]


@pytest.mark.parametrize("engine", ENGINES)
def test_zero_length_everything_is_empty_or_named(engine):
    records = [bytes([tag, 0]) for tag in (0x69, 0x6A, 0x6B, 0x6C, 0x6E)] * 20_000
    file = timed(batch(*records, tlv(b"\x69", tlv(b"\x7f\x81\x13", b"\x5f\x81\x5f\x00"))), engine)
    assert file.tables["event"].height == len(records)
    (error,) = file.errors
    assert "VALUE" in error.detail
    assert error.record_index == len(records)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_storm_of_ends_stops_at_the_first(engine):
    file = timed(batch(GOOD, b"\0\0" * 500_000), engine)
    assert file.tables["event"].height == 1
    assert [e.code for e in file.errors] == ["BER_INVALID"]
    assert "EOC_UNEXPECTED" in file.errors[0].detail


@pytest.mark.parametrize("engine", ENGINES)
def test_many_bad_records_are_each_told(engine):
    bad = tlv(b"\x69", b"\x5f\x81\x5f\x05\x01")
    file = timed(batch(*[bad] * 5_000, GOOD), engine)
    assert len(file.errors) == 5_000
    assert file.tables["event"].height == 1
    assert {e.length for e in file.errors} == {len(bad)}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_bad_records_beyond_all_measure_end_the_reading(engine):
    """Two octets each: told one by one, they would take a thousand times their room."""
    file = read(batch(GOOD, b"\x49\x00" * (MAX_BAD_RECORDS + 5), GOOD), engine=engine)
    assert len(file.errors) == MAX_BAD_RECORDS + 1
    rest = file.errors[-1]
    assert (rest.record_index, rest.length) == (MAX_BAD_RECORDS + 1, 10 + len(GOOD))
    assert "250,000 records before are bad" in rest.detail
    assert file.tables["event"].height == 1
    assert not file.complete


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_values_that_cannot_be_meant_are_told_up_to_a_number(engine):
    negative = tlv(b"\x69", tlv(b"\x7f\x81\x13", b"\x5f\x81\x5f\x01\xff"))
    count = MAX_SOFT_FAULTS + 3
    file = read(batch(*[negative] * count), engine=engine)
    assert len(file.notes) == MAX_SOFT_FAULTS
    assert file.tables["event"].height == count


@pytest.mark.parametrize("engine", ENGINES)
def test_unknown_elements_by_the_hundred_thousand_are_counted(engine):
    record = tlv(b"\x69", b"\xdf\x7f\x01a" * 100_000)
    file = timed(batch(record, GOOD), engine)
    assert not file.errors
    assert file.unknown.height == 100_000
    assert sum(file.unknown_tags.values()) == 100_000


MEMORY = """
    import resource, sys
    from pathlib import Path
    from asn1.tap import read
    data = Path(sys.argv[1])
    read(Path(sys.argv[2]), engine="kernel")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    read(data, engine="kernel")
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""


def test_one_huge_record_takes_memory_in_proportion(tmp_path):
    details = tlv(b"\x7f\x40", tlv(b"\x7f\x3f", tlv(b"\x5f\x47", b"00") + b"\x5f\x3e\x01\x07")
                  * 300_000)
    used = tlv(b"\x7f\x26", tlv(b"\x7f\x27", tlv(b"\x7f\x46", tlv(b"\x7f\x45", details))))
    huge, small = tmp_path / "huge", tmp_path / "small"
    huge.write_bytes(batch(tlv(b"\x69", used)))
    small.write_bytes(batch(GOOD))
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEMORY), huge, small], check=True,
        capture_output=True, text=True, env={**os.environ, "MALLOC_ARENA_MAX": "1"},
    )
    # Eleven octets become a row of 50; growth doubles what it outgrows.
    assert int(run.stdout) < 40 * huge.stat().st_size
