"""Delimited files: every line in one place, with its text and its octets."""

import csv
import io
from datetime import datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mediation.decoded import Decoded
from mediation.delimited import decode_delimited
from mediation.file_context import FileContext
from mediation.outcome import Outcome, conserved
from mediation.profile import Collect, Control, Drop, Field, Format, Profile, ProfileError

CTX = FileContext("alpenfon", "f" * 64, "CDR_00042.csv", datetime(2026, 10, 1))


def profile(**form: Any) -> Profile:
    return Profile(
        name="alpenfon", title="", sender="", recipient="", identity={},
        collect=Collect(connection="sftp_alpenfon"),
        format=Format(kind="delimited", **{"delimiter": ";", **form}),
        control=Control(sequence_from_name=r"_(\d+)\."),
        fields={"imsi": Field(column="a"), "record_type": Field(column="b")},
        drop=(Drop(rule="INTERNAL", column="d", equals=("x",)),),
    )


def decode(data: bytes, **form: Any) -> Decoded:
    decoded = decode_delimited(data, profile(**form), CTX)
    total = decoded.received.len()
    assert decoded.received.to_list() == list(range(total))
    conserved("decode", decoded.received, Outcome(decoded.records, decoded.rejects))
    for at, size, *_ in decoded.records.select("byte_offset", "byte_length").iter_rows():
        assert b"\n" not in data[at : at + size] or b'"' in data[at : at + size]
        assert data[at + size : at + size + 1] in {b"", b"\r", b"\n"}
    return decoded


def rows(decoded: Decoded) -> list[tuple[str | None, ...]]:
    own = ("record_index", "byte_offset", "byte_length")
    return decoded.records.drop(own).rows()


def faults(decoded: Decoded) -> list[tuple[int | None, str, bytes | None]]:
    return decoded.rejects.select("record_index", "code", "raw").rows()


def test_lines_become_records_with_their_places() -> None:
    data = b"a;b;c\n1;2;3\n4;;6\n"
    got = decode(data)
    assert got.records.to_dicts() == [
        {"record_index": 0, "byte_offset": 6, "byte_length": 5, "a": "1", "b": "2", "c": "3"},
        {"record_index": 1, "byte_offset": 12, "byte_length": 4, "a": "4", "b": None, "c": "6"},
    ]
    assert got.records.schema["record_index"] == pl.Int32
    assert got.rejects.is_empty()
    assert (got.header.sequence, got.header.kind, got.header.complete) == (42, "live", True)


@pytest.mark.parametrize(
    "data",
    [b"a;b\r\n1;2\r\n3;4\r\n", b"a;b\n1;2\n3;4", b"\xef\xbb\xbfa;b\n1;2\n3;4\n",
     b"\n\na;b\n\n1;2\n\r\n\n3;4\n\n", b"a;b\r\n1;2\n3;4\r\n", b'"a";"b"\n"1";2\r\n3;"4"'],
)
def test_line_ends_empty_lines_and_byte_order_marks(data: bytes) -> None:
    assert rows(decode(data)) == [("1", "2"), ("3", "4")]


def test_quotes_hold_delimiters_line_ends_and_quotes() -> None:
    got = decode(b'a;b\n"x;y";"l1\nl2;"\n"say ""hi""";""\r\n')
    assert rows(got) == [("x;y", "l1\nl2;"), ('say "hi"', "")]
    assert got.records["byte_length"].to_list() == [14, 15]


def test_ragged_lines_are_rejects_and_the_rest_goes_on() -> None:
    got = decode(b"a;b\n1;2\n3\n4;5;6\n7;8\n")
    assert rows(got) == [("1", "2"), ("7", "8")]
    assert faults(got) == [(1, "LINE_RAGGED", b"3"), (2, "LINE_RAGGED", b"4;5;6")]
    assert got.rejects["detail"].to_list()[1] == "the line has 3 columns, the header 2"
    assert got.rejects["byte_offset"].to_list() == [8, 10]


@pytest.mark.parametrize(
    "line", [b'"x;2', b'x";2', b'5"pipe;2', b'"x"y;2', b'x;"y', b'"x"\rz;2', b'"', b'x;"""']
)
@pytest.mark.parametrize("after", [b'"3";"4\n4"\n', b'3;"4\n4"'])
def test_a_stray_quote_costs_only_its_line(line: bytes, after: bytes) -> None:
    got = decode(b'a;b\n"0";1\n' + line + b"\n" + after)
    assert rows(got) == [("0", "1"), ("3", "4\n4")]
    assert faults(got) == [(1, "LINE_RAGGED", line)]
    assert "quote" in got.rejects["detail"][0]


def test_undecodable_lines_are_rejects() -> None:
    got = decode(b"a;b\n1;\xe4\n2;\xc3\xa4\n")
    assert rows(got) == [("2", "ä")]
    assert faults(got) == [(0, "ENCODING_INVALID", b"1;\xe4")]
    assert rows(decode(b"a;b\n1;\xe4\xe9\xfc\n", encoding="latin-1")) == [("1", "äéü")]


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"", "empty"), (b"\n\r\n", "empty"), (b"\x89PNG\r\n\x1a\n\0\0;b", "not text"),
     (b"<html><body>;</body></html>\n", "none of"), (b"\xff\xfea;b\n1;2", "not text"),
     (b"x;y\n1;2\n", "none of"), (b"a;a\n1;2\n", "more than once"), (b"x" * 200_001, "not text")],
)
def test_a_file_that_is_none(data: bytes, why: str) -> None:
    got = decode(data)
    assert faults(got) == [(None, "NOT_A_CDR_FILE", None)]
    assert why in got.rejects["detail"][0]
    assert got.records.is_empty()


def test_a_header_alone_and_only_bad_lines() -> None:
    assert rows(decode(b"a;b\n")) == []
    got = decode(b"a;b\n1\n")
    assert (rows(got), faults(got)) == ([], [(0, "LINE_RAGGED", b"1")])


def test_columns_named_alike_or_as_our_own() -> None:
    got = decode(b"a;n;n;record_index;\n1;2;3;4;5\n")
    assert got.records.to_dicts() == [
        {"record_index": 0, "byte_offset": 20, "byte_length": 9,
         "a": "1", "n": "2", "col.record_index": "4", "": "5"}
    ]


def test_a_long_bad_line_is_cut_in_the_reject() -> None:
    assert len(decode(b"a;b\n" + b"x" * 100_000).rejects["raw"][0]) == 65_536


@pytest.mark.parametrize("delimiter", ['"', "\n", "é"])
def test_a_delimiter_that_cannot_be_one(delimiter: str) -> None:
    with pytest.raises(ProfileError, match="cannot be told"):
        decode(b"a", delimiter=delimiter)


CELLS = st.text(alphabet='a"; \n\r,é', max_size=5)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=12), st.sampled_from(["\n", "\r\n"]))
@example([('"', "\n"), ("", ""), (";\n", '""')], "\r\n")
def test_what_the_csv_module_writes_is_read_back(table: list[tuple[str, str]], end: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b"), *table])
    got = decode(text.getvalue().encode())
    assert [tuple(c or "" for c in row) for row in rows(got)] == table
    assert got.rejects.is_empty()


@given(st.binary(max_size=60) | st.text(alphabet='a;"\n\r', max_size=40).map(str.encode))
def test_any_octets_are_conserved(tail: bytes) -> None:
    decode(b"a;b\n" + tail)
