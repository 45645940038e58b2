"""XML of other shapes: the root as the record, several documents, parents, repeated children."""

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.decoded import Decoded
from mediation.file_context import FileContext
from mediation.profile import Collect, Control, Format, Nodes, Profile, ProfileError

sys.path.insert(0, str(Path(__file__).parent))

from xml_scene import octets, sound, turned_away

CTX = FileContext("switch", "f" * 64, "a_1.cdr.xml", datetime(2026, 10, 1))
CDR = b'<?xml version="1.0"?>\n<cdr core="c%d"><vars><dst>%%2B43%d</dst></vars></cdr>\n'
FORM: dict[str, Any] = {
    "record": ".", "columns": {"core": "@core", "dst": "vars/dst"}, "many_documents": True,
    "header": {"core": "@core"}, "percent_encoded": True,
}


def decode(data: bytes, **form: Any) -> Decoded:
    profile = Profile(
        name="switch", title="", sender="", recipient="", identity={}, control=Control(),
        collect=Collect(connection="sftp_switch"), format=Format(kind="xml", **{**FORM, **form}),
    )
    return sound(data, profile, CTX)


@pytest.mark.parametrize("many", [True, False])
def test_the_root_itself_is_the_record(many: bool) -> None:  # noqa: FBT001 (a parameter)
    data = CDR % (1, 1)
    got = decode(data, many_documents=many)
    assert got.records.select("core", "dst", "hdr.core").rows() == [("c1", "+431", "c1")]
    assert octets(got, data) == [data[data.index(b"<cdr") :].rstrip()]
    assert got.header.complete


def test_documents_one_behind_another_have_their_own_header() -> None:
    data = b"".join(CDR % (i, i) for i in range(5)) + b"<cdr core='c5'/>"
    got = decode(data)
    assert got.records.select("core", "dst", "hdr.core").rows() == [
        *((f"c{i}", f"+43{i}", f"c{i}") for i in range(5)), ("c5", None, "c5")]
    assert all(piece.startswith(b"<cdr") for piece in octets(got, data))
    assert got.rejects.is_empty()
    batch = b"<b no='1'><e i='1'/><e i='2'/></b>\n<b no='2'><e i='3'/></b>"
    two = decode(batch, record="e", columns={"i": "@i"}, header={"no": "@no"})
    assert two.records.select("i", "hdr.no").rows() == [("1", "1"), ("2", "1"), ("3", "2")]


def test_a_broken_document_costs_only_itself() -> None:
    bad = (CDR % (9, 9)).replace(b"</vars>", b"</var>")
    data = (CDR % (1, 1)) + bad + (CDR % (2, 2))
    got = decode(data)
    assert got.records["core"].to_list() == ["c1", "c2"]
    assert got.records["record_index"].to_list() == [0, 2]
    assert turned_away(got) == [(1, "XML_BROKEN")]
    assert got.rejects["raw"][0].strip() == bad[bad.index(b"<cdr") :].strip()
    assert not got.header.complete
    cut = decode(data[:-12])
    assert turned_away(cut) == [(1, "XML_BROKEN"), (2, "XML_BROKEN")]


@pytest.mark.parametrize("bad", [
    b"<?xml version='1.0'?><cdr><a < b></cdr>", b"<?xml version='1.0'?><cdr><vars>",
    b"<?xml version='1.0'?><!-- <cdr/>", b"</cdr>", b"<?xml version='1.0'?>", b"rubbish",
])
def test_the_next_declaration_begins_a_document_whatever_was_before(bad: bytes) -> None:
    data = (CDR % (1, 1)) + bad + (CDR % (2, 2)) + b"<?end?>\n"
    got = decode(data)
    cores = got.records["core"].drop_nulls().to_list()
    assert cores[0] == "c1"
    assert bad == b"rubbish" or cores[-1] == "c2"
    assert set(got.rejects["code"]) <= {"XML_BROKEN"}
    assert got.rejects.height == (0 if bad.endswith(b"?>") else 1)


def test_a_document_type_in_a_later_document_is_refused_there() -> None:
    bad = b"<?xml version='1.0'?><!DOCTYPE cdr [<!ENTITY a 'b'>]><cdr core='&a;'/>"
    data = (CDR % (1, 1)) + bad + (CDR % (2, 2))
    got = decode(data)
    assert got.records["core"].to_list() == ["c1", "c2"]
    assert "document type" in got.rejects["detail"][0]


@pytest.mark.parametrize("data", [b"", b"x", b"<", b"<cdr", b"<!DOCTYPE a><a/>", b"</a>"])
def test_files_that_are_no_documents(data: bytes) -> None:
    got = decode(data)
    assert got.records.is_empty()
    assert got.rejects["code"].to_list() in (["NOT_A_CDR_FILE"], ["XML_BROKEN"])


LEGS = (
    b"<f><day d='1'><call id='a'><net>X</net><leg n='1'/><leg n='2'><t>u</t><t> v </t></leg></call>"
    b"<call id='b'><net>Y</net><leg n='3'><t/></leg></call></day></f>"
)


def test_one_record_for_each_child_with_columns_of_its_parents() -> None:
    got = decode(LEGS, record="day/call/leg", many_documents=False, header={}, columns={
        "n": "@n", "call": "../@id", "net": "../net", "day": "../../@d",
        "all": Nodes(path="t", join="+"), "first": "t", "count": "count(t)"})
    assert got.records.drop("record_index", "byte_offset", "byte_length").rows() == [
        ("1", "a", "X", "1", None, None, "0"), ("2", "a", "X", "1", "u+v", "u", "2"),
        ("3", "b", "Y", "1", None, None, "1")]
    assert octets(got, LEGS)[0] == b"<leg n='1'/>"


def test_repeated_children_and_attributes_are_joined() -> None:
    got = decode(LEGS, record="day/call", header={}, columns={
        "legs": Nodes(path="leg/@n", join=","), "texts": Nodes(path="leg", join="/")})
    assert got.records.select("legs", "texts").rows() == [("1,2", "u v"), ("3", None)]


def test_nodes_of_a_path_that_cannot_be_read() -> None:
    with pytest.raises(ProfileError, match="switch: format"):
        decode(LEGS, columns={"a": Nodes(path="q:x", join="")})
    with pytest.raises(ProfileError, match="finds no nodes"):
        decode(LEGS, columns={"a": Nodes(path="count(t)", join="")})


WHOLE = b"".join(CDR % (i, i) for i in range(3))


@given(st.integers(0, len(WHOLE)), st.integers(0, 12), st.binary(max_size=6))
def test_any_damage_to_several_documents_is_conserved(at: int, gone: int, put: bytes) -> None:
    data = WHOLE[:at] + put + WHOLE[at + gone :]
    got = decode(data)
    assert got.received.len() + got.rejects["record_index"].null_count() >= 1
