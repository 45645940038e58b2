"""Other decoders read what ours reads: the same tables, from their objects and none of our BER.

The files hold every element of every call event type, in a release's form and in all forms of
lengths and strings. Elements that a grammar does not know are where the decoders differ.
"""

import sys
from functools import cache
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from decode_flatten import assert_same_tables, flatten
from decode_peers import asn1tools_decoder, plain, pyasn1_decoder, pycrate_decoder

import asn1
from asn1 import layout
from asn1.ber import read_header
from asn1.encode import encode
from asn1.grammar import load_plan
from asn1.indefinite import to_indefinite
from asn1.layout import load_layout

PLAN, LAYOUT = load_plan("tap"), load_layout("tap")
HEADER = {
    "sender": "AAA01", "recipient": "BBB01", "fileSequenceNumber": "00042",
    "specificationVersionNumber": 3,
}
ENGINES = ("kernel", "walker")
TURNS = 4
"""Records of each kind: a CHOICE takes its alternatives in turn."""


class Events:
    """Call events with every element that a release has, no two values alike."""

    def __init__(self, release):
        self.release = release
        self.number = 0

    def drawn(self):
        kinds = LAYOUT.contexts[LAYOUT.records]
        return [
            {slot.name: self.inside(LAYOUT.contexts[slot.context], turn, set())}
            for turn in range(TURNS) for slot in self.slots(kinds)
        ]

    def slots(self, context):
        return [s for s in context.slots.values() if s.since <= self.release <= s.until]

    def leaf(self, kind):
        self.number += 1
        match kind:
            case layout.K_TIME:
                return f"202601{self.number % 28 + 1:02}10{self.number % 60:02}30"
            case layout.K_TEXT:
                return f"Vår {self.number}"
            case layout.K_BCD:
                return f"{self.number:07}"
            case layout.K_RAW:
                return f"00ff{self.number:06x}"
        return self.number * 77

    def inside(self, context, turn, filled):
        """A value; `filled` are the columns of the row that have one already."""
        slots = self.slots(context)
        if context.shape == "list":
            return [self.element(slots[0], turn + n, filled) for n in range(2)]
        if context.shape == "variants":
            return [{s.name: self.element(s, turn, filled)} for s in slots]
        if context.shape == "choice":
            slots = [slots[turn % len(slots)]]
        # Of old and new forms of one value, every second turn takes the later ones.
        order = slots if turn % 2 else slots[::-1]
        values = {s.name: self.element(s, turn, filled) for s in order if s.column not in filled}
        return {name: value for name, value in values.items() if value not in ({}, [])}

    def element(self, slot, turn, filled):
        filled = filled if slot.opens < 0 else set()
        if slot.context >= 0:
            return self.inside(LAYOUT.contexts[slot.context], turn, filled)
        if slot.opens < 0:
            filled.add(slot.column)
        return self.leaf(slot.kind)


@cache
def definite(release):
    """A file of every call event type that the release has, several times."""
    return encode("transferBatch", {
        "batchControlInfo": {**HEADER, "releaseVersionNumber": release},
        "callEventDetails": Events(release).drawn(),
    })


def tag_octets(octets, start):
    end = start + 1
    if octets[start] & 31 == 31:
        while octets[end] > 127:
            end += 1
        end += 1
    return octets[start:end]


def segmented(octets, context=PLAN.contexts[0]):
    """The same elements of definite length, strings cut into two segments (X.690 8.7.3)."""
    out, start = b"", 0
    while start < len(octets):
        ident, length, at = read_header(octets, start, len(octets))
        node, content = context.nodes[ident >> 1], octets[at : at + length]
        first, *rest = tag_octets(octets, start)
        if node.context >= 0:
            content = segmented(content, PLAN.contexts[node.context])
        elif node.kind not in {"integer", "unsigned"}:
            first |= 32
            content = b"".join(b"\4" + bytes([len(s)]) + s for s in (content[:2], content[2:]))
        out += bytes([first, *rest]) + b"\x84" + len(content).to_bytes(4, "big") + content
        start = at + length
    return out


FORMS = {
    "definite": lambda octets: octets,
    "indefinite": to_indefinite,
    "mixed": lambda octets: to_indefinite(octets, lambda number, _: number % 3 == 1),
    "segmented": segmented,
    "segmented-indefinite": lambda octets: to_indefinite(segmented(octets)),
}
PEERS = {"asn1tools": asn1tools_decoder, "pycrate": pycrate_decoder, "pyasn1": pyasn1_decoder}
NOT_DECODED = {("segmented-indefinite", "pycrate"): "fragment tag value, 0"}
"""What a peer refuses although it is BER, and its words."""


def flattened(peer, octets):
    records = PEERS[peer]()(octets)
    return flatten(map(plain, records) if peer == "pyasn1" else records, LAYOUT)


@cache
def read_cleanly(release, form, engine):
    file = asn1.read(FORMS[form](definite(release)), engine=engine)
    assert file.complete
    assert not file.errors
    assert not file.notes
    return file.tables


@pytest.mark.parametrize("release", [12, 9])
def test_the_files_hold_every_table_and_kind_of_the_release(release):
    tables = read_cleanly(release, "definite", "walker")
    kinds = {s.name for s in LAYOUT.contexts[LAYOUT.records].slots.values()
             if s.since <= release <= s.until}
    assert set(tables["event"]["event"]) == kinds
    assert sum(t.width for t in tables.values()) > 250


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("release", [12, 9])
def test_both_engines_make_the_same_tables(release, form):
    by_kernel, by_walker = (read_cleanly(release, form, e) for e in ENGINES)
    assert list(by_kernel) == list(by_walker)
    for name, table in by_kernel.items():
        assert_frame_equal(table, by_walker[name])


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("form", [f if f == "definite" else pytest.param(f, marks=pytest.mark.slow)
                                  for f in FORMS])
@pytest.mark.parametrize("release", [12, pytest.param(9, marks=pytest.mark.slow)])
def test_peers_make_the_same_tables(release, form, peer):
    octets, refusal = FORMS[form](definite(release)), NOT_DECODED.get((form, peer))
    if refusal:
        with pytest.raises(Exception, match=refusal):
            flattened(peer, octets)
        return
    assert_same_tables(read_cleanly(release, form, "kernel"), flattened(peer, octets))


CHARGEABLE_UNITS, UNKNOWN = b"\x5f\x41", b"\x5f\x1f"


@pytest.fixture(scope="module")
def with_unknown_element():
    """A call whose charge detail has an unknown element before charged_units."""
    detail = {"chargeType": "00", "charge": 5, "chargeableUnits": 61, "chargedUnits": 120}
    octets = encode("transferBatch", {
        "batchControlInfo": {**HEADER, "releaseVersionNumber": 12},
        "callEventDetails": [{"mobileOriginatedCall": {"basicServiceUsedList": [
            {"chargeInformationList": [{"chargeDetailList": [detail]}]}]}}],
    })
    assert octets.count(CHARGEABLE_UNITS) == 1
    return octets.replace(CHARGEABLE_UNITS, UNKNOWN)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_unknown_element_is_counted_and_hides_nothing(with_unknown_element, engine):
    file = asn1.read(with_unknown_element, engine=engine)
    assert file.unknown_tags == {"ChargeDetail.[APPLICATION 31]": 1}
    assert file.tables["charge_detail"]["charged_units"].to_list() == [120]


def test_asn1tools_silently_drops_what_follows_an_unknown_element(with_unknown_element):
    details = flattened("asn1tools", with_unknown_element)["charge_detail"]
    assert details["charge"].to_list() == [5]
    assert "charged_units" not in details


@pytest.mark.parametrize(
    ("peer", "words"), [("pycrate", "invalid extension"), ("pyasn1", "not in asn1Spec")]
)
def test_others_refuse_the_whole_file_for_an_unknown_element(with_unknown_element, peer, words):
    with pytest.raises(Exception, match=words):
        flattened(peer, with_unknown_element)
