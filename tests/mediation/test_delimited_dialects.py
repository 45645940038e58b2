"""Delimited files of other kinds: no line of names, line types, comments, encodings, ragged."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.decoded import Decoded
from mediation.delimited import decode_delimited
from mediation.file_context import FileContext
from mediation.outcome import Outcome, conserved
from mediation.profile import Collect, Control, Field, Format, Line, Profile, ProfileError

CTX = FileContext("dialect", "f" * 64, "cdr.csv", datetime(2026, 10, 1))
HEAD = Line(type="header", equals=("H",), names=("", "no", "from"))
TAIL = Line(type="trailer", equals=("T",), names=("", "count", "sum"))
CALL = Line(type="detail", equals=("V",), names=("kind", "a", "b"))
DATA = Line(type="detail", equals=("D", "G"), names=("kind", "up", "a", "down"))


def decode(data: bytes, **form: Any) -> Decoded:
    control = Control(sequence="hdr.no", records="trl.count") if "lines" in form else Control()
    profile = Profile(
        name="dialect", title="", sender="", recipient="", identity={},
        collect=Collect(connection="sftp_dialect"), control=control,
        format=Format(kind="delimited", **form),
        fields={"imsi": Field(column="a"), "record_type": Field(column="b")},
    )
    decoded = decode_delimited(data, profile, CTX)
    assert decoded.received.to_list() == list(range(decoded.received.len()))
    conserved("decode", decoded.received, Outcome(decoded.records, decoded.rejects))
    return decoded


def columns(decoded: Decoded) -> list[tuple[str | None, ...]]:
    return decoded.records.drop("record_index", "byte_offset", "byte_length").rows()


def turned_away(decoded: Decoded) -> list[tuple[int | None, str, bytes | None]]:
    return decoded.rejects.select("record_index", "code", "raw").rows()


def test_names_of_the_profile_stand_for_a_line_of_names() -> None:
    got = decode(b'"1","x, y"\n2,\n3\n', names=("a", "b"))
    assert got.records.columns[3:] == ["a", "b"]
    assert columns(got) == [("1", "x, y"), ("2", None)]
    assert turned_away(got) == [(2, "LINE_RAGGED", b"3")]
    assert got.rejects["detail"].to_list() == ["the line has 1 columns, the profile 2"]


def test_short_lines_are_padded_where_the_profile_says_so() -> None:
    got = decode(b'1\n1,2\n1,"2",3\n1,2,3,4\n', names=("a", "b", "c"), ragged="pad")
    assert columns(got) == [("1", None, None), ("1", "2", None), ("1", "2", "3")]
    assert turned_away(got) == [(3, "LINE_RAGGED", b"1,2,3,4")]


def test_lines_before_and_behind_the_line_of_names_and_comments() -> None:
    data = b"report of May\n\n# made by x\na,b\nVARCHAR,INT\n1,2\n# end\n3,4\n"
    got = decode(data, skip_lines=1, comment="#", skip_after_header=1)
    assert columns(got) == [("1", "2"), ("3", "4")]
    assert got.records["byte_offset"].to_list() == [data.index(b"1,2"), data.index(b"3,4")]


def test_without_quotes_they_are_text() -> None:
    got = decode(b'a|b\n5"|x"y\n"|\n', delimiter="|", quote="")
    assert columns(got) == [('5"', 'x"y'), ('"', None)]
    single = decode(b"a,b\n'x,y',\"\n", quote="'")
    assert columns(single) == [("x,y", '"')]


def test_quotes_may_be_escaped() -> None:
    data = b'a,b\n"x\\"y,","\\\\"\n"\\\\\\"",C:\\\\d\n"\\""\n"z\\",1\n'
    got = decode(data, escape="\\")
    assert columns(got) == [('x"y,', "\\"), ('\\"', "C:\\d")]
    assert turned_away(got) == [(2, "LINE_RAGGED", b'"\\""'), (3, "LINE_RAGGED", b'"z\\",1')]
    header = decode(b'H,1,"a\\"\\\\"\nV,1,2\n', lines=(HEAD, CALL), escape="\\")
    assert header.records["hdr.from"].to_list() == ['a"\\']


FILE = b'H,0007,PEER\nV,1,2\n"D",10,1,20\nV,3,4\nG,1,5,2\nT,4,99\n'


@pytest.mark.parametrize("data", [FILE, FILE.replace(b"\n", b"\r\n"), FILE.replace(b"\n", b"\r")])
def test_line_types_by_a_column(data: bytes) -> None:
    got = decode(data, lines=(HEAD, CALL, DATA, TAIL))
    assert got.records.drop("byte_offset", "byte_length").rows(named=True)[:2] == [
        {"record_index": 0, "kind": "V", "a": "1", "b": "2", "up": None, "down": None,
         "hdr.no": "0007", "hdr.from": "PEER", "trl.count": "4", "trl.sum": "99"},
        {"record_index": 1, "kind": "D", "a": "1", "b": None, "up": "10", "down": "20",
         "hdr.no": "0007", "hdr.from": "PEER", "trl.count": "4", "trl.sum": "99"},
    ]
    places = got.records.select("byte_offset", "byte_length").rows()
    assert [data[at : at + size] for at, size in places] == [
        b"V,1,2", b'"D",10,1,20', b"V,3,4", b"G,1,5,2"]
    assert (got.header.sequence, got.header.declared_records, got.header.complete) == (7, 4, True)


def test_strange_lines_and_second_headers_are_rejects() -> None:
    got = decode(b"H,1,P\nX,1\nV,1\nH,2,Q\nT,9,9\nV,1,2\nT,1,1\n", lines=(HEAD, CALL, DATA, TAIL))
    assert turned_away(got) == [
        (0, "LINE_UNKNOWN", b"X,1"), (1, "LINE_RAGGED", b"V,1"), (2, "LINE_UNKNOWN", b"H,2,Q"),
        (3, "LINE_UNKNOWN", b"T,9,9")]
    assert columns(got)[0][:3] == ("V", "1", "2")
    assert (got.header.sequence, got.header.declared_records) == (1, 1)


def test_header_and_trailer_around_a_line_of_names() -> None:
    tail = Line(type="trailer", starts_with="#TOTAL", names=("", "count"))
    got = decode(b"H,5,P\na,b\n1,2\n3,4\n#TOTAL,2\n", lines=(HEAD, tail))
    assert [row[:2] for row in columns(got)] == [("1", "2"), ("3", "4")]
    assert (got.header.sequence, got.header.declared_records, got.header.complete) == (5, 2, True)


@pytest.mark.parametrize("data", [b"H,5,P\nV,1,2\n", b"H,5,P\nV,1,2\nT,1\n"])
def test_a_missing_or_cut_trailer_is_a_cut_file(data: bytes) -> None:
    got = decode(data, lines=(HEAD, CALL, TAIL))
    assert not got.header.complete
    assert got.records.height == 1


def test_the_column_that_tells_the_type_may_stand_anywhere() -> None:
    call = Line(type="detail", at=2, equals=("V",), names=("a", "b", "kind"))
    got = decode(b"1,2,V\n3,4,X\nV\n5,V\n", lines=(call,))
    assert columns(got) == [("1", "2", "V")]
    assert [code for _, code, _ in turned_away(got)] == ["LINE_UNKNOWN"] * 3


@pytest.mark.parametrize(("encoding", "octets"), [
    ("cp1252", b"1,\x80uro\n"), ("latin-1", b"1,\xa4uro\n"), ("utf-8", b"1,\xe2\x82\xacuro\n"),
])
def test_encodings_of_one_octet(encoding: str, octets: bytes) -> None:
    got = decode(b"a,b\n" + octets, encoding=encoding)
    assert columns(got) == [("1", "\xa4uro" if encoding == "latin-1" else "€uro")]


def test_octets_that_the_code_page_lacks_are_rejects() -> None:
    got = decode(b"a,b\n1,\x81\n2,x\n", encoding="cp1252")
    assert turned_away(got) == [(0, "ENCODING_INVALID", b"1,\x81")]
    assert columns(got) == [("2", "x")]


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_two_octets_a_character(order: str) -> None:
    mark = "\ufeff".encode(order)
    got = decode(mark + "a,b\r\n1,ä€\r\n2,x\r\n".encode(order), encoding="utf-16")
    assert columns(got) == [("1", "ä€"), ("2", "x")]
    assert got.content is not None
    places = got.records.select("byte_offset", "byte_length").rows()
    assert [got.content[at : at + size].decode() for at, size in places] == ["1,ä€", "2,x"]
    lone = "\ud800".encode(order, "surrogatepass")
    bad = decode(mark + "a,b\n1,".encode(order) + lone + "\n2,x".encode(order) + b"\0",
                 encoding="utf-16")
    assert [code for _, code, _ in turned_away(bad)] == ["ENCODING_INVALID"] * 2


def test_percent_encoded_columns() -> None:
    got = decode(b"1%2B,a%20b%zz\n%FF,%C3%A4\n,x\n", names=("a", "b"), percent_encoded=True)
    assert columns(got) == [("1+", "a b%zz"), ("%FF", "ä"), (None, "x")]


@pytest.mark.parametrize(("data", "form", "why"), [
    (b"\x89PNG\r\n\x1a\n\0", {"names": ("a", "b")}, "no line has the 2 columns"),
    (b"a,b\n1,2\n", {"encoding": "utf-16"}, "no byte order mark"),
    (b"", {"encoding": "utf-16"}, "empty"),
    (b"x\n", {"skip_lines": 1}, "empty"),
    (b"V,1,2\n", {"lines": (HEAD, CALL)}, "no header line"),
    (b"X,1,2\n", {"lines": (CALL,)}, "no line is of a known type"),
    (b"H,1,P\n", {"lines": (HEAD, TAIL)}, "no line of names"),
])
def test_files_that_are_none_of_the_dialect(data: bytes, form: dict[str, Any], why: str) -> None:
    got = decode(data, **form)
    assert turned_away(got) == [(None, "NOT_A_CDR_FILE", None)]
    assert why in got.rejects["detail"][0]


@pytest.mark.parametrize(("form", "words"), [
    ({"lines": (Line(type="detail", names=("a",)),)}, "either starts_with or equals"),
    ({"lines": (Line(type="header", starts_with="H"),)}, "has names"),
    ({"lines": (Line(type="detail", starts_with="H", columns={"a": (0, 1)}),)}, "has names"),
    ({"names": ("a", "a")}, "more than once"),
    ({"quote": "é"}, "not an ASCII"), ({"quote": "|", "delimiter": "|"}, "cannot be told"),
])
def test_dialects_that_cannot_be_read(form: dict[str, Any], words: str) -> None:
    with pytest.raises(ProfileError, match=words):
        decode(b"", **form)


PIECES = st.sampled_from([*FILE.splitlines(), b"", b'"', b"#", b"X,,,,,", b"\xff", b"V,1", b"\r"])


@given(st.lists(PIECES, max_size=10), st.sampled_from(["reject", "pad"]),
       st.sampled_from(["utf-8", "cp1252"]))
def test_any_lines_of_a_dialect_are_conserved(lines: list[bytes], ragged: str, code: str) -> None:
    data = b"\n".join(lines)
    kinds = (HEAD, CALL, DATA, TAIL)
    decode(data, lines=kinds, ragged=ragged, encoding=code, comment="#")
    decode(data.replace(b"#", b"\\"), names=("a", "b"), escape="\\", ragged="pad")
    decode(data, lines=kinds[1:3], ragged=ragged, encoding=code)
    decode(data, names=("a", "b", "c"), ragged=ragged, encoding=code, skip_lines=1)
    decode(b"\xff\xfe" + data, names=("a", "b", "c"), ragged=ragged, encoding="utf-16")
