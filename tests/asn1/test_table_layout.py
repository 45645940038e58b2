"""The tables that a grammar's records fill, and that nothing in them is ambiguous."""

import pytest

from asn1.grammar import RELEASES, load_plan
from asn1.layout import (
    K_GROUP,
    K_PASS,
    Layout,
    SelectionError,
    load_layout,
)
from asn1.layout_names import snake

GRAMMARS = [pytest.param(n, id=n) for n in ("tap", "rap", "nrtrde")]


def leaves_and_rows(layout: Layout, context: int, release: int, path=()):
    """Paths to every column, and to every opened row, of one row in that release."""
    for slot in layout.contexts[context].slots.values():
        if not slot.since <= release <= slot.until:
            continue
        here = (*path, slot.name)
        if slot.opens >= 0:
            yield layout.places[slot.place], here
        elif slot.column >= 0:
            yield layout.columns[slot.column].name, here
        else:
            yield from leaves_and_rows(layout, slot.context, release, here)


@pytest.mark.parametrize("name", GRAMMARS)
@pytest.mark.parametrize("release", RELEASES)
def test_one_row_fills_a_column_from_one_place_only(name, release):
    layout = load_layout(name)
    openers = {
        (slot.name, slot.context): slot.context
        for context in layout.contexts for slot in context.slots.values()
        if slot.opens >= 0 and slot.context >= 0
    }
    for (row, _), context in openers.items():
        found: dict[str, tuple[str, ...]] = {}
        for what, path in leaves_and_rows(layout, context, release):
            assert what not in found, f"{row}: {what} by {found[what]} and by {path}"
            found[what] = path


@pytest.mark.parametrize("name", GRAMMARS)
def test_every_leaf_of_the_grammar_has_a_column_and_no_column_a_reserved_name(name):
    layout = load_layout(name)
    reserved = {"record_index", "byte_offset", "byte_length", "parent", "place", "event", "kind"}
    assert not {c.name for c in layout.columns} & reserved
    for context in layout.contexts:
        for slot in context.slots.values():
            assert (slot.column >= 0) != (slot.context >= 0), slot.name
            assert (slot.opens >= 0) == (slot.place >= 0)
    names = [(c.table, c.name) for c in layout.columns]
    assert len(names) == len(set(names))


def test_places_begin_with_the_record_kinds_and_else_name_their_parent_table():
    layout = load_layout("tap")
    kinds = load_plan().context_of("transferBatch", "callEventDetails").nodes.values()
    assert layout.record_names == tuple(n.name for n in kinds)
    assert layout.places[: len(layout.record_names)] == layout.record_names
    for place in layout.places[len(layout.record_names):]:
        assert place.partition(".")[0] in layout.tables


def test_older_and_newer_forms_fill_the_same_columns():
    layout = load_layout("tap")
    moc = layout.contexts[layout.records].slots[9 << 2 | 1]
    forms = {
        release: dict(leaves_and_rows(layout, moc.context, release)) for release in (9, 12)
    }
    assert forms[9]["imsi"] == ("basicCallInformation", "simChargeableSubscriber", "imsi")
    assert forms[12]["imsi"][1:] == (
        "chargeableSubscriber", "simChargeableSubscriber", "imsi",
    )
    assert forms[9]["called_number"][-1] == "calledNumberUntil310"
    assert forms[12]["called_number"][-1] == "calledNumber"


def test_a_selection_passes_over_what_it_does_not_name():
    layout = load_layout("tap", {"event": ["imsi"], "charge_detail": ["charge"]})
    assert [(layout.tables[c.table], c.name) for c in layout.columns] == [
        ("event", "imsi"), ("charge_detail", "charge"),
    ]
    moc = layout.contexts[layout.records].slots[9 << 2 | 1]
    slots = {s.name: s for s in layout.contexts[moc.context].slots.values()}
    assert slots["basicServiceUsedList"].kind == K_GROUP  # charge details are below
    assert layout.record_names == load_layout("tap").record_names
    # Entered, so that damage is seen, though nothing of it is kept.
    location = slots["locationInformation"]
    assert location.kind == K_GROUP
    network = next(iter(layout.contexts[location.context].slots.values()))
    assert {s.kind for s in layout.contexts[network.context].slots.values()} == {K_PASS}


def test_a_selection_of_rows_alone_keeps_the_rows():
    layout = load_layout("tap", {"charge_information": []})
    opened = {s.opens for c in layout.contexts for s in c.slots.values()}
    assert layout.tables.index("charge_information") in opened
    assert layout.tables.index("charge_detail") not in opened
    assert not layout.columns


@pytest.mark.parametrize(
    ("columns", "reason"),
    [({"evnt": ["imsi"]}, "no table evnt"), ({"event": ["imsy"]}, "no column imsy")],
)
def test_a_selection_of_what_is_not_there_is_refused(columns, reason):
    with pytest.raises(SelectionError, match=reason):
        load_layout("tap", columns)


@pytest.mark.parametrize(
    ("element", "column"),
    [
        ("sMSDestinationNumber", "sms_destination_number"),
        ("pDPContextStartTimestamp", "pdp_context_start_timestamp"),
        ("qoSHandlingpriority", "qos_handlingpriority"),
        ("callTypeLevel1", "call_type_level1"),
        ("iMSSignallingContext", "ims_signalling_context"),
    ],
)
def test_names_are_those_of_the_grammar_in_small_letters(element, column):
    assert snake(element) == column
