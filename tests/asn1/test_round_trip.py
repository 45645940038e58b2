"""What is written reads back the same, and what was read writes back the same octets.

For all elements of every release, by every engine, with definite, indefinite and mixed lengths.
"""

import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from asn1 import kernel_run, walker
from asn1.ber import INDEFINITE, read_header
from asn1.encode import RootName, encode
from asn1.encode_tables import encode_file, records_value
from asn1.grammar import RELEASES, GrammarName, load_plan
from asn1.indefinite import to_indefinite
from asn1.layout import load_layout
from asn1.layout_names import RECORDS
from asn1.records import Records, Span
from asn1.tap import read
from asn1.tap_file import FileKind
from asn1.values import ValueReader

sys.path.insert(0, str(Path(__file__).parent))
from strategies_tap import every_header, every_record, header, records

KINDS: dict[GrammarName, tuple[RootName, FileKind]] = {
    "tap": ("transferBatch", "transfer_batch"),
    "rap": ("returnBatch", "return_batch"),
    "nrtrde": ("nrtrde", "nrtrde"),
}
ENGINES = ("walker", "kernel")
GRAMMAR_RELEASES = [("tap", release) for release in RELEASES] + [
    ("rap", 3), ("rap", 9), ("rap", 12), ("nrtrde", 12),
]
each_engine = pytest.mark.parametrize("engine", ENGINES)
QUICK = {("tap", 9), ("tap", 12), ("rap", 12), ("nrtrde", 12)}
each_release = pytest.mark.parametrize(
    ("grammar", "release"),
    [g if g in QUICK else pytest.param(*g, marks=pytest.mark.slow) for g in GRAMMAR_RELEASES],
)


def list_span(octets: bytes, grammar: GrammarName) -> Span:
    """Where the list of records lies, the only one of its tag directly in the file's root."""
    (root, name), *_ = RECORDS[grammar]
    nodes = load_plan(grammar).context_of(root).nodes
    (wanted,) = (tag for tag, node in nodes.items() if node.name == name)
    _, _, pos = read_header(octets, 0, len(octets))
    while True:
        ident, length, at = read_header(octets, pos, len(octets))
        if ident >> 1 == wanted:
            return Span(at, None if length == INDEFINITE else at + length, len(octets))
        assert length != INDEFINITE, "tests put only the list behind a header"
        pos = at + length


def read_list(octets: bytes, grammar: GrammarName, engine: str) -> Records:
    span, layout = list_span(octets, grammar), load_layout(grammar)
    if engine == "walker":
        found = walker.read_records(octets, span, layout)
    else:
        found = kernel_run.read_records(kernel_run.Padded.of(octets), span, layout)
    assert found.lost is None
    assert {fault.code for fault in found.faults} <= {"NEGATIVE"}
    assert found.unknown.is_empty()
    return found


def whole(grammar: GrammarName, octets: bytes) -> Any:
    """The whole file as nested values."""
    plan = load_plan(grammar)
    ident, length, at = read_header(octets, 0, len(octets))
    node = plan.contexts[0].nodes[ident >> 1]
    value, behind = ValueReader(octets, plan).element(node, ident, at, length, len(octets), 1)
    assert behind == len(octets)
    return value


def write_list(grammar: GrammarName, written: list[dict[str, Any]], release: int) -> bytes:
    (_, name), *_ = RECORDS[grammar]
    return encode(KINDS[grammar][0], {name: written}, release=release)


def small_header(grammar: GrammarName, release: int) -> dict[str, Any]:
    match grammar:
        case "tap":
            control = {"sender": "AAA01", "releaseVersionNumber": release}
            return {"batchControlInfo": control, "accountingInfo": {"tapDecimalPlaces": 3}}
        case "rap":
            return {"rapBatchControlInfoRap": {"sender": "A", "releaseVersionNumber": release}}
    return {"specificationVersionNumber": 2, "releaseVersionNumber": 1}


@cache
def full_file(grammar: GrammarName, release: int) -> bytes:
    """A file of records with every element."""
    (_, name), *_ = RECORDS[grammar]
    value = {**small_header(grammar, release), name: every_record(grammar, release)}
    return encode(KINDS[grammar][0], value, release=release)


@each_engine
@each_release
def test_a_file_of_every_element_reads_back_and_writes_back(
    grammar: GrammarName, release: int, engine: str
) -> None:
    octets = full_file(grammar, release)
    file = read(octets, engine=engine)
    assert (file.complete, file.errors, file.unknown_tags) == (True, [], {})
    assert encode_file(file.kind, file.groups, file.tables) == octets


@each_engine
@each_release
def test_indefinite_lengths_change_no_table(
    grammar: GrammarName, release: int, engine: str
) -> None:
    octets = full_file(grammar, release)
    tables, others = (
        {name: t.drop("byte_offset", "byte_length", strict=False) for name, t in tables.items()}
        for tables in (
            read(octets, engine=engine).tables, read(to_indefinite(octets), engine=engine).tables
        )
    )
    assert list(tables) == list(others)
    for name, table in tables.items():
        assert_frame_equal(others[name], table)


@each_engine
@pytest.mark.parametrize("root", ["notification", "acknowledgement"])
def test_a_file_without_records_reads_back_and_writes_back(root: RootName, engine: str) -> None:
    octets = encode(root, {"sender": "AAA01", "recipient": "BBB01"})
    file = read(octets, engine=engine)
    assert encode_file(file.kind, file.groups, file.tables) == octets


@each_engine
@settings(max_examples=settings.default.max_examples // 2)
@given(st.data())
def test_any_records_read_back_and_write_back(engine: str, data: st.DataObject) -> None:
    grammar, release = data.draw(st.sampled_from(GRAMMAR_RELEASES))
    written = data.draw(records(grammar, release))
    octets = write_list(grammar, written, release)
    tables = read_list(octets, grammar, engine).tables
    assert records_value(tables, load_layout(grammar), release) == written
    assert encode_file(KINDS[grammar][1], {}, tables, release=release) == octets


@each_engine
@settings(max_examples=settings.default.max_examples // 3)
@given(st.data())
def test_the_form_of_lengths_changes_no_value(engine: str, data: st.DataObject) -> None:
    grammar, release = data.draw(st.sampled_from(GRAMMAR_RELEASES))
    written = data.draw(records(grammar, release))
    octets = write_list(grammar, written, release)
    chosen = data.draw(st.sets(st.integers(0, 60)))
    for other in (to_indefinite(octets), to_indefinite(octets, lambda number, _: number in chosen)):
        tables = read_list(other, grammar, engine).tables
        assert encode_file(KINDS[grammar][1], {}, tables, release=release) == octets


@settings(max_examples=settings.default.max_examples // 2)
@given(st.data())
def test_headers_read_back(data: st.DataObject) -> None:
    grammar, release = data.draw(st.sampled_from(GRAMMAR_RELEASES))
    written = data.draw(header(grammar, release))
    octets = encode(KINDS[grammar][0], written, release=release)
    assert whole(grammar, octets) == written
    assert whole(grammar, to_indefinite(octets)) == written


@each_release
def test_every_header_element_reads_back(grammar: GrammarName, release: int) -> None:
    for written in every_header(grammar, release):
        assert whole(grammar, encode(KINDS[grammar][0], written, release=release)) == written
