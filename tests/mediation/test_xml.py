"""XML files: records with their octets, breaks at any place, and documents that are refused."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.decoded import Decoded
from mediation.file_context import FileContext
from mediation.profile import Collect, Control, Format, Profile, ProfileError

sys.path.insert(0, str(Path(__file__).parent))

from xml_scene import octets, sound, turned_away

CTX = FileContext("xmlcom", "f" * 64, "usage-0001.xml", datetime(2026, 10, 1))
FORM: dict[str, Any] = {
    "record": "u:events/u:event",
    "namespaces": {"u": "urn:usage"},
    "columns": {"kind": "@kind", "imsi": "u:party/u:imsi", "cur": "u:charge/@cur",
                "charge": "u:charge"},
    "header": {"no": "u:header/u:sequence", "n": "u:trailer/@count"},
}
FULL = (
    b'<x:event kind="a>b"><x:party><x:imsi>12345</x:imsi></x:party>'
    b'<x:charge cur="USD">1.25</x:charge></x:event>'
)
STRANGE = (
    b"<x:event kind='w'><!-- <x:event> --><x:party><x:imsi><![CDATA[<6&7>]]></x:imsi></x:party>"
    b"<x:charge>1</x:charge><x:charge>2</x:charge></x:event>"
)
EVENTS = (FULL, b"<x:event kind='v'/>", STRANGE)
FILE = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<!-- <x:event/> -->\n<x:batch xmlns:x="urn:usage">\n'
    b"<x:header><x:sequence> 7 </x:sequence></x:header>\n<x:events>\n"
    + EVENTS[0] + b"\n<x:other><x:event/></x:other>" + EVENTS[1] + b"<?pi <x:event?>\n" + EVENTS[2]
    + b"\n</x:events>\n<x:trailer count='3'/>\n</x:batch>\n"
)


def profile(**form: Any) -> Profile:
    return Profile(
        name="xmlcom", title="", sender="", recipient="", identity={},
        collect=Collect(connection="sftp_xmlcom"), format=Format(kind="xml", **{**FORM, **form}),
        control=Control(sequence="hdr.no", records="hdr.n"),
    )


def decode(data: bytes, **form: Any) -> Decoded:
    return sound(data, profile(**form), CTX)


def test_a_sound_file() -> None:
    got = decode(FILE)
    own = {"hdr.no": "7", "hdr.n": "3"}
    assert got.records.drop("record_index", "byte_offset", "byte_length").to_dicts() == [
        {"kind": "a>b", "imsi": "12345", "cur": "USD", "charge": "1.25", **own},
        {"kind": "v", "imsi": None, "cur": None, "charge": None, **own},
        {"kind": "w", "imsi": "<6&7>", "cur": None, "charge": "1", **own},
    ]
    assert octets(got, FILE) == list(EVENTS)
    assert got.rejects.is_empty()
    header = got.header
    assert (header.sequence, header.declared_records, header.complete) == (7, 3, True)


def test_records_right_below_the_root_and_a_byte_order_mark() -> None:
    data = b"\xef\xbb\xbf<r><h>1</h><e i='1'/><f/><e i='2'><e i='3'/></e></r>"
    got = decode(data, record="e", namespaces={}, columns={"i": "@i"}, header={"no": "h"})
    assert got.records["i"].to_list() == ["1", "2"]
    assert octets(got, data) == [b"<e i='1'/>", b"<e i='2'><e i='3'/></e>"]
    assert got.header.sequence == 1


def test_latin_1_is_read_as_declared() -> None:
    data = b'<?xml version="1.0" encoding="ISO-8859-1"?><r><e i="\xe4"/></r>'
    got = decode(data, record="e", namespaces={}, columns={"i": "@i"}, header={})
    assert got.records["i"].to_list() == ["ä"]


def test_a_broken_document_keeps_the_records_before() -> None:
    data = FILE.replace(b"kind='w'", b"kind=w")
    got = decode(data)
    assert octets(got, data) == list(EVENTS[:2])
    assert turned_away(got) == [(2, "XML_BROKEN")]
    assert got.rejects["byte_offset"][0] == data.index(b"<x:event kind=w")
    assert got.rejects["raw"][0] == data[data.index(b"<x:event kind=w") :]
    assert "line" in got.rejects["detail"][0]
    assert (got.header.complete, got.header.sequence, got.header.declared_records) == (
        False, 7, None)


def test_a_cut_at_any_place_keeps_every_whole_record() -> None:
    ends = [FILE.index(e) + len(e) for e in EVENTS]
    for cut in range(FILE.index(b"<x:batch") + 40, len(FILE) - 1, 3):
        data = FILE[:cut]
        got = decode(data)
        whole = sum(end <= cut for end in ends)
        assert octets(got, data) == list(EVENTS[:whole])
        assert turned_away(got) == [(whole, "XML_BROKEN")]
        assert not got.header.complete


def test_many_records_across_the_parser_s_own_pieces() -> None:
    events = b"".join(b'<x:event kind="%d"><x:charge>%d</x:charge></x:event>\n' % (i, i)
                      for i in range(3000))
    data = b'<x:batch xmlns:x="urn:usage"><x:events>' + events + b"</x:events></x:batch>"
    got = decode(data)
    assert got.records["kind"].to_list() == [str(i) for i in range(3000)]
    assert got.records["charge"].to_list() == got.records["kind"].to_list()
    assert octets(got, data)[2999].startswith(b'<x:event kind="2999">')


ENTITY = b'<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(("data", "why"), [
    (b"", "empty"), (b" \n", "empty"), (b"<<", "not XML"),
    (b"a;b\n1;2\n", "begin as"), (b"\x89PNG\r\n\x1a\n", "begin as"),
    (ENTITY + b"<r>&a;</r>", "document type"),
    (b"<?xml version='1.0'?><!-- x -->\n" + ENTITY + b"<r/>", "document type"),
    ('<?xml version="1.0" encoding="UTF-16"?><r/>'.encode("utf-16"), "begin as XML"),
    (b"<?xml version='1.0' encoding='UTF-7'?><r/>", "encoding"),
    (b"<html><body/></html>", "namespaces"), (b"<b xmlns='urn:other'/>", "namespaces"),
    (b"<x:batch><x:a/></x:batch>", "namespaces"),
    (b"<batch xmlns='urn:usage'/>", "neither a record nor"),
])
def test_a_file_that_is_none(data: bytes, why: str) -> None:
    got = decode(data)
    assert turned_away(got) == [(None, "NOT_A_CDR_FILE")]
    assert why in got.rejects["detail"][0]
    assert got.records.is_empty()


@pytest.mark.parametrize("data", [
    b"<a>" + b" " * 50_000, b"<a>" + b"<b '" * 20_000, b" " * 50_000 + b"<a/>", b"<!--" * 20_000,
    b"<a" + b" b=''" * 20_000,
])
def test_rubbish_is_given_up_at_once(data: bytes) -> None:
    assert decode(data).rejects.height == 1


def test_an_empty_batch_is_sound() -> None:
    got = decode(b"<b xmlns='urn:usage'><header><sequence>9</sequence></header></b>")
    assert (got.header.sequence, got.header.complete) == (9, True)
    assert got.records.is_empty()
    assert got.rejects.is_empty()


def test_an_undeclared_entity_breaks_the_document() -> None:
    data = FILE.replace(b"1.25", b"&evil;")
    assert turned_away(decode(data)) == [(0, "XML_BROKEN")]


@pytest.mark.parametrize("form", [
    {"record": ""}, {"record": "q:event"}, {"record": ".//u:event"},
    {"columns": {"a": "u:["}}, {"columns": {"a": "q:x"}},
])
def test_paths_that_cannot_be_read(form: dict[str, Any]) -> None:
    with pytest.raises(ProfileError, match="xmlcom: format"):
        decode(FILE, **form)


@given(st.integers(0, len(FILE)), st.integers(0, 12), st.binary(max_size=6))
def test_any_damage_is_conserved(at: int, gone: int, put: bytes) -> None:
    data = FILE[:at] + put + FILE[at + gone :]
    got = decode(data)
    for piece in octets(got, data):
        assert piece.startswith(b"<x:event")
