"""JSON lines: columns by path, numbers as written, and lines that are no record."""

import json
from datetime import datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.decoded import Decoded
from mediation.file_context import FileContext
from mediation.jsonl import decode_jsonl
from mediation.limits import JSON_LINE_MAX_BYTES
from mediation.outcome import Outcome, conserved
from mediation.profile import Collect, Control, Format, Profile, ProfileError

CTX = FileContext("jsoncom", "f" * 64, "cdr_0007.jsonl", datetime(2026, 10, 1))
COLUMNS = {"id": "id", "up": "usage.up", "leg": "legs[1].to", "dotted": '["a.b"].c', "list": "legs"}


def decode(data: bytes, **form: Any) -> Decoded:
    profile = Profile(
        name="jsoncom", title="", sender="", recipient="", identity={},
        collect=Collect(connection="sftp_jsoncom"),
        format=Format(kind="jsonl", **{"columns": COLUMNS, **form}),
        control=Control(sequence_from_name=r"_(\d+)\."),
    )
    decoded = decode_jsonl(data, profile, CTX)
    assert decoded.received.to_list() == list(range(decoded.received.len()))
    conserved("decode", decoded.received, Outcome(decoded.records, decoded.rejects))
    return decoded


def values(decoded: Decoded) -> list[tuple[str | None, ...]]:
    return decoded.records.drop("record_index", "byte_offset", "byte_length").rows()


def turned_away(decoded: Decoded) -> list[tuple[int | None, str]]:
    return decoded.rejects.select("record_index", "code").rows()


def test_columns_are_found_by_their_paths() -> None:
    data = (
        b'{"id": "x", "usage": {"up": 12.50}, "legs": [{"to": 1}, {"to": "2"}], "a.b": {"c": true}}'
        b'\n{"id": null, "usage": [], "legs": "ab", "a.b": {"c": {"d": 1.0}}}\r\n\n{}'
    )
    got = decode(data)
    assert values(got) == [
        ("x", "12.50", "2", "true", '[{"to":1},{"to":"2"}]'),
        (None, None, None, '{"d":"1.0"}', "ab"), (None,) * 5]
    places = got.records.select("byte_offset", "byte_length").rows()
    assert [json.loads(data[at : at + size])["id"] for at, size in places[:2]] == ["x", None]
    assert got.header.sequence == 7
    assert got.records.schema["up"] == pl.String


@pytest.mark.parametrize("number", [
    "0.1", "1e3", "-5", "123456789012345678901234567890", "1.000000000000000000001", "1E-7",
])
def test_numbers_keep_their_digits(number: str) -> None:
    assert values(decode(b'{"id": %s}' % number.encode(), columns={"id": "id"})) == [(number,)]


@pytest.mark.parametrize(("line", "code", "words"), [
    (b'{"id": 1', "JSON_INVALID", "truncated"), (b'{"id": 1}x', "JSON_INVALID", "trailing"),
    (b"[1, 2]", "JSON_INVALID", "no JSON object"), (b"5", "JSON_INVALID", "no JSON object"),
    (b'{"id": NaN}', "JSON_INVALID", "invalid"), (b'{"id": "\\ud800"}', "JSON_INVALID", ""),
    (b'{"id": "\xff"}', "ENCODING_INVALID", "not utf-8"),
    (b'{"id": ' + b"[" * 65 + b"]" * 65 + b"}", "JSON_INVALID", "nested deeper than 64"),
    (b'{"id": ' + b"[" * 9000 + b"]" * 9000 + b"}", "JSON_INVALID", "nested deeper than 64"),
    (b'{"id": %s}' % (b"9" * 5000), "JSON_INVALID", ""),
    (b'{"id": "%s"}' % (b"x" * JSON_LINE_MAX_BYTES), "LINE_LONG", "more than 1048576"),
])
def test_a_bad_line_is_one_reject(line: bytes, code: str, words: str) -> None:
    got = decode(b'{"id": 1}\n' + line + b'\n{"id": 2}\n', columns={"id": "id"})
    assert values(got) == [("1",), ("2",)]
    assert turned_away(got) == [(1, code)]
    assert words in got.rejects["detail"][0]
    assert got.rejects["raw"][0] == line[:65_536]


def test_what_is_deep_enough_is_read() -> None:
    deep = b"[" * 63 + b"]" * 63
    assert values(decode(b'{"id": %s}' % deep, columns={"id": "id"})) == [(deep.decode(),)]
    wide = b"[" + b",".join([b"{}"] * 200) + b"]"
    assert values(decode(b'{"id": %s}' % wide, columns={"id": "id"})) == [(wide.decode(),)]


def test_comments_encodings_and_marks() -> None:
    own = {"columns": {"id": "id"}}
    assert values(decode(b'\xef\xbb\xbf# x\n{"id": "a"}', comment="#", **own)) == [("a",)]
    assert values(decode(b'{"id": "\xe4"}', encoding="latin-1", **own)) == [("ä",)]
    assert values(decode('{"id": "ä"}\n'.encode("utf-16"), encoding="utf-16", **own)) == [("ä",)]
    assert values(decode(b'{"id": "%2B1"}', percent_encoded=True, **own)) == [("+1",)]


@pytest.mark.parametrize("data", [b"", b"\n", b"a;b\n1;2\n", b"[{}]", b"\x89PNG\r\n\0", b"<a/>"])
def test_files_that_are_no_json_lines(data: bytes) -> None:
    got = decode(data)
    assert turned_away(got) == [(None, "NOT_A_CDR_FILE")]
    assert got.records.is_empty()


@pytest.mark.parametrize("path", ["", ".a", "a..b", "a[", "a[x]", 'a["]', "a.b]", "[0"])
def test_paths_of_json_that_cannot_be_read(path: str) -> None:
    with pytest.raises(ProfileError, match=r"jsoncom: format.columns: .* is no path"):
        decode(b"", columns={"a": path})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.sampled_from(["id", "usage", "legs", "a.b"]), JSON)
                .map(lambda d: json.dumps(d).encode()) | st.binary(max_size=9), max_size=6))
def test_any_lines_of_json_are_conserved(lines: list[bytes]) -> None:
    decode(b"\n".join(lines))
