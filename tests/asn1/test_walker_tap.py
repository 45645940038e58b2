"""Batches of TAP read into the tables of its layout."""

from typing import Any

from polars.testing import assert_frame_equal

from asn1.ber import INDEFINITE, read_header, skip
from asn1.encode import encode_transfer_batch
from asn1.indefinite import to_indefinite
from asn1.layout import load_layout
from asn1.records import Span
from asn1.walker import read_records

EVENTS = 3 << 2 | 1


def list_of(data: bytes) -> Span:
    """Where the records of a batch are."""
    _, _, pos = read_header(data, 0, len(data))
    while True:
        ident, length, at = read_header(data, pos, len(data))
        if ident >> 1 == EVENTS:
            return Span(at, None if length == INDEFINITE else at + length,
                        len(data) if length == INDEFINITE else at + length)
        pos = skip(data, at, length, len(data))


def test_a_batch_of_the_grammar_is_read(release_312: dict[str, Any]) -> None:
    data = encode_transfer_batch(release_312)
    records = read_records(data, list_of(data), load_layout("tap"))
    assert (records.count, records.faults, records.lost) == (3, [], None)
    event, detail = records.tables["event"], records.tables["charge_detail"]
    assert event["event"].to_list() == ["mobileOriginatedCall", "mobileTerminatedCall", "gprsCall"]
    assert event["imsi"].to_list() == ["238011234567890"] * 3
    assert event["total_call_event_duration"].to_list() == [73, 0, 3600]
    assert detail.filter(charge_type="00").select("record_index", "charge").rows() == [
        (0, 120), (0, 30), (1, 40), (2, 900),
    ]
    assert records.tables["rec_entity_code"]["rec_entity_code"].to_list() == [3, 4]
    assert records.unknown.is_empty()


def test_indefinite_lengths_give_the_same_tables(release_39: dict[str, Any]) -> None:
    data = encode_transfer_batch(release_39)
    marked = to_indefinite(data)
    tables = read_records(data, list_of(data), load_layout("tap")).tables
    others = read_records(marked, list_of(marked), load_layout("tap")).tables
    assert tables.keys() == others.keys()
    for name, table in tables.items():
        places = [c for c in table.columns if c not in {"byte_offset", "byte_length"}]
        assert_frame_equal(table.select(places), others[name].select(places))


def test_a_selection_passes_over_the_rest(release_312: dict[str, Any]) -> None:
    wanted = {"event": ["imsi"], "charge_detail": ["charge"]}
    for data in (encode_transfer_batch(release_312),
                 to_indefinite(encode_transfer_batch(release_312))):
        whole = read_records(data, list_of(data), load_layout("tap")).tables
        some = read_records(data, list_of(data), load_layout("tap", wanted))
        assert some.faults == []
        assert some.unknown.is_empty()
        assert some.tables["event"].columns[4:] == ["imsi"]
        assert some.tables["charge_detail"]["charge"].equals(whole["charge_detail"]["charge"])
        assert "tax_information" not in some.tables
