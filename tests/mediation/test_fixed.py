"""Fixed-width files: header, details of several layouts, trailer, and what is wrong with them."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.decoded import Decoded
from mediation.file_context import FileContext
from mediation.fixed import decode_fixed
from mediation.outcome import Outcome, conserved
from mediation.profile import Collect, Control, Format, Line, Profile, ProfileError

CTX = FileContext("fixline", "f" * 64, "FX0001.dat", datetime(2026, 10, 1))
HDR = Line(type="header", starts_with="HDR", columns={"no": (3, 4)})
VOICE = Line(type="detail", starts_with="10", columns={"type": (0, 2), "imsi": (2, 5), "s": (7, 3)})
DATA = Line(type="detail", starts_with="20", columns={"type": (0, 2), "up": (2, 4), "imsi": (6, 5)})
TRL = Line(type="trailer", starts_with="TRL", columns={"n": (3, 3), "sum": (6, 4)})
FILE = b"HDR0007\n1012345 60\n20  9912345\nTRL0021250\n"


def profile(*lines: Line, **form: Any) -> Profile:
    return Profile(
        name="fixline", title="", sender="", recipient="", identity={},
        collect=Collect(connection="sftp_fixline"),
        format=Format(kind="fixed", lines=lines or (HDR, VOICE, DATA, TRL), **form),
        control=Control(sequence="hdr.no", records="trl.n", charge="trl.sum", charge_scale=100),
    )


def decode(data: bytes, *lines: Line, **form: Any) -> Decoded:
    decoded = decode_fixed(data, profile(*lines, **form), CTX)
    assert decoded.received.to_list() == list(range(decoded.received.len()))
    conserved("decode", decoded.received, Outcome(decoded.records, decoded.rejects))
    return decoded


def faults(decoded: Decoded) -> list[tuple[int | None, str, bytes | None]]:
    return decoded.rejects.select("record_index", "code", "raw").rows()


@pytest.mark.parametrize("data", [
    FILE, FILE.replace(b"\n", b"\r\n"), FILE.rstrip(b"\n"), b"\xef\xbb\xbf" + FILE,
    FILE.replace(b"\n", b"\n\n"),
])
def test_a_sound_file(data: bytes) -> None:
    got = decode(data)
    own = {"hdr.no": "0007", "trl.n": "002", "trl.sum": "1250"}
    assert got.records.drop("record_index", "byte_offset", "byte_length").to_dicts() == [
        {"type": "10", "imsi": "12345", "s": "60", "up": None, **own},
        {"type": "20", "imsi": "12345", "s": None, "up": "99", **own},
    ]
    places = got.records.select("byte_offset", "byte_length").rows()
    assert [data[at : at + size] for at, size in places] == [b"1012345 60", b"20  9912345"]
    assert got.rejects.is_empty()
    header = got.header
    assert (header.sequence, header.declared_records) == (7, 2)
    assert header.declared_charge_micros == 12_500_000
    assert (header.complete, header.notes) == (True, ())


def test_unknown_and_short_lines_are_rejects() -> None:
    got = decode(b"HDR0007\n3012345 60\n1012345 6\n1012345 60\n20\nTRL0041250\n")
    assert faults(got) == [
        (0, "LINE_UNKNOWN", b"3012345 60"), (1, "LINE_SHORT", b"1012345 6"),
        (3, "LINE_SHORT", b"20")]
    assert got.records["record_index"].to_list() == [2]
    assert got.rejects["detail"].to_list() == [
        "the line starts with '301', as none of the profile's line types",
        "the line ends after 9 characters; '10' has 10",
        "the line ends after 2 characters; '20' has 11",
    ]


def test_a_second_header_and_an_earlier_trailer_are_no_records() -> None:
    got = decode(b"HDR0007\nTRL0011250\nHDR0008\n1012345 60\nTRL0021250\n")
    assert faults(got) == [(0, "LINE_UNKNOWN", b"TRL0011250"), (1, "LINE_UNKNOWN", b"HDR0008")]
    assert (got.header.sequence, got.header.declared_records) == (7, 2)


def test_characters_count_and_not_octets() -> None:
    line = "10äöüßx 60".encode()
    got = decode(b"HDR0007\n" + line + b"\nTRL0011250")
    assert got.records.select("imsi", "s", "byte_length").row(0) == ("äöüßx", "60", 14)
    latin = decode(b"HDR0007\n10\xe4\xf6\xfc\xdfx 60\nTRL0011250", encoding="latin-1")
    assert latin.records.select("imsi", "byte_length").row(0) == ("äöüßx", 10)
    marked = decode(b"\xef\xbb\xbf" + FILE, encoding="latin-1")
    assert (marked.records.height, marked.header.sequence) == (2, 7)


def test_undecodable_lines_are_rejects() -> None:
    got = decode(b"HDR\xff007\n10\xe4\xf6\xfc\xdfx 60\n1012345 60\nTRL0021250")
    assert faults(got) == [(0, "ENCODING_INVALID", b"10\xe4\xf6\xfc\xdfx 60")]
    assert got.records.height == 1
    assert got.header.sequence is None
    assert "is not a number" in got.header.notes[0]


def test_a_cut_at_every_place_is_seen() -> None:
    whole = decode(FILE).records.select("imsi", "byte_offset").rows()
    for cut in range(len(b"HDR0007"), len(FILE) - 1):
        got = decode(FILE[:cut])
        assert not got.header.complete
        ends = [at for _, at in whole if FILE.index(b"\n", at) <= cut]
        assert got.records["byte_offset"].to_list()[: len(ends)] == ends


@pytest.mark.parametrize(("data", "why"), [
    (b"", "empty"), (b"1012345 60\nTRL0011250\n", "no header"), (b"\x89PNG\r\n\x1a\n", "no header"),
    (b"imsi;s\n12345;60\n", "no header"),
])
def test_a_file_that_is_none(data: bytes, why: str) -> None:
    got = decode(data)
    assert faults(got) == [(None, "NOT_A_CDR_FILE", None)]
    assert why in got.rejects["detail"][0]
    assert got.records.is_empty()


def test_without_header_and_trailer() -> None:
    got = decode(b"1012345 60\nx\n", VOICE)
    assert (got.records.height, got.header.complete) == (1, True)
    assert faults(got) == [(1, "LINE_UNKNOWN", b"x")]
    assert faults(decode(b"x\ny\n", VOICE)) == [(None, "NOT_A_CDR_FILE", None)]


def test_a_line_type_may_be_told_by_a_place_inside() -> None:
    call = Line(type="detail", at=2, equals=("VO", "VT"), columns={"who": (4, 3)}, length=8)
    data = Line(type="detail", at=2, equals=("DO",), columns={"who": (5, 3), "up": (8, 2)})
    got = decode(b"01VO123x\n02DO 45610\n03XX123x\n04VT789\n05VT789xy\n06VT789x", call, data)
    assert got.records.select("record_index", "who", "up").rows() == [
        (0, "123", None), (1, "456", "10"), (5, "789", None)]
    assert got.rejects.select("record_index", "code", "detail").rows() == [
        (2, "LINE_UNKNOWN", "the line starts with '03X', as none of the profile's line types"),
        (3, "LINE_SHORT", "the line ends after 7 characters; 'VO or VT' has 8"),
        (4, "LINE_LONG", "the line has 9 characters; 'VO or VT' has 8")]


def test_lines_that_are_skipped_and_comments() -> None:
    data = b"made by\nx\n# all\n" + FILE.replace(b"\n20", b"\n#\n20")
    got = decode(data, skip_lines=2, comment="#")
    assert got.records["imsi"].to_list() == ["12345", "12345"]
    places = got.records.select("byte_offset", "byte_length").rows()
    assert [data[at : at + size] for at, size in places] == [b"1012345 60", b"20  9912345"]
    assert (got.header.sequence, got.rejects.height) == (7, 0)


def test_other_encodings_and_line_ends() -> None:
    wide = decode(FILE.decode().replace("12345 60", "€ä345 60").encode("utf-16"), encoding="utf-16")
    assert wide.records["imsi"].to_list() == ["€ä345", "12345"]
    assert wide.content is not None
    page = decode(FILE.replace(b"12345 60", b"\x80\xe4345 60"), encoding="cp1252")
    assert page.records["imsi"].to_list() == ["€ä345", "12345"]
    assert decode(FILE.replace(b"\n", b"\r")).records.height == 2
    assert faults(decode(FILE, encoding="utf-16")) == [(None, "NOT_A_CDR_FILE", None)]


@pytest.mark.parametrize(("line", "words"), [
    ({"columns": {"a": (0, 1)}}, "either starts_with or equals"),
    ({"starts_with": "1", "equals": ("1",)}, "either starts_with or equals"),
    ({"starts_with": "1", "names": ("a",)}, "columns, not names"),
    ({"starts_with": "1", "columns": {"a": (4, 3)}, "length": 6}, "end at 7, behind its length"),
])
def test_line_types_that_cannot_be_read(line: dict[str, Any], words: str) -> None:
    with pytest.raises(ProfileError, match=words):
        decode(FILE, Line(type="detail", **line))


def test_a_profile_without_details_is_wrong() -> None:
    with pytest.raises(ProfileError, match="no detail line"):
        decode(FILE, HDR, TRL)


@given(st.lists(st.sampled_from(FILE.splitlines()) | st.binary(max_size=12), max_size=8))
def test_any_octets_are_conserved(lines: list[bytes]) -> None:
    decode(b"\n".join(lines))
    decode(b"HDR0007\n" + b"\n".join(lines), encoding="latin-1")
