"""The view has one row for each call event, of every kind and release, and exact sums."""

from datetime import datetime
from itertools import chain
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asn1.encode import encode_notification, encode_transfer_batch
from asn1.events import COLUMNS, SELECTION, event_frame, negative_parts
from asn1.layout import load_layout
from asn1.tap import read

PLACE = ["byte_offset", "byte_length"]
START = {"localTimeStamp": "20260105101500", "utcTimeOffsetCode": 0}
STARTED = datetime(2026, 1, 5, 10, 15)
PARTY = {"imsi": "238011234567890", "msisdn": "4520304050"}


def view(batch: dict[str, Any]) -> pl.DataFrame:
    file = read(encode_transfer_batch(batch), columns=SELECTION, engine="walker")
    assert (file.errors, file.unknown_tags, file.complete) == ([], {}, True)
    return event_frame(file)


def only(batch: dict[str, Any], *events: dict[str, Any]) -> pl.DataFrame:
    """The view of a batch of just those events."""
    return view(batch | {"callEventDetails": list(events)})


def charged(*charges: int, **other: Any) -> dict[str, Any]:
    details = [{"chargeType": "00", "charge": c} for c in charges]
    return {"chargedItem": "D", "chargeDetailList": details, **other}


def tables(**columns: dict[str, list[Any]]) -> Any:
    """A file of those tables, each given by its columns."""
    return SimpleNamespace(tables={
        name: pl.DataFrame(values, schema_overrides={"record_index": pl.Int32})
        for name, values in columns.items()
    })


def records(*indexes: int, **columns: list[Any]) -> dict[str, list[Any]]:
    """The columns of an event table."""
    here = range(len(indexes))
    return {
        "record_index": list(indexes), "byte_offset": [100 * i for i in here],
        "byte_length": [90 for _ in here], "event": ["mobileOriginatedCall" for _ in here],
        **columns,
    }


def test_calls_and_data_sessions(release_312: dict[str, Any]) -> None:
    frame = view(release_312)
    assert frame.schema == {c.name: c.dtype for c in COLUMNS}
    moc, mtc, gprs = frame.to_dicts()
    assert moc.items() >= {
        "record_index": 0, "event": "mobileOriginatedCall", "imsi": "238011234567890",
        "msisdn": "4520304050", "imei": "35123456789012", "called_number": "4512345678",
        "dialled_digits": "12345678", "start_local": STARTED, "utc_offset_code": 1,
        "duration_s": 73, "tele_service_code": "11", "call_reference": "00ab12",
        "cause_for_term": 4, "rec_entity_code": 3, "cell_id": 60001, "location_area": 1001,
        "charge": 150, "camel_fee": 11, "tax": 9, "charged_units": 91, "exchange_rate_code": 0,
        "call_type_level1": 1, "call_type_level2": 2, "call_type_level3": 0,
        "calling_number": None, "volume_incoming": None, "bearer_service_code": None,
    }.items()
    assert mtc.items() >= {
        "record_index": 1, "event": "mobileTerminatedCall", "calling_number": "45998877",
        "sms_originator": "Bank", "duration_s": 0, "tele_service_code": "21", "charge": 40,
        "tax": 0, "camel_fee": None, "imei": None,
    }.items()
    assert gprs.items() >= {
        "record_index": 2, "event": "gprsCall", "apn_ni": "internet",
        "volume_incoming": 5_000_000_000, "volume_outgoing": 123_456, "charging_id": 0xFEDCBA98,
        "partial_indicator": "I", "rec_entity_code": 3, "charge": 900,
    }.items()


def test_an_old_release_gives_the_same_view(
    release_312: dict[str, Any], release_39: dict[str, Any]
) -> None:
    """But for what release 3.9 has no place for."""
    later = ["dialled_digits", "sms_originator", "camel_fee", *PLACE]
    assert view(release_39).drop(later).equals(view(release_312).drop(later))


def test_sessions_and_messages_over_ip(release_312: dict[str, Any]) -> None:
    party = PARTY | {"imei": "3512345678901234"}
    tax = [{"taxCode": 0, "taxValue": 3}]
    session, message = only(
        release_312,
        {"mobileSession": {
            "mobileSessionService": 1, "chargedParty": party, "eventReference": "abc@x",
            "serviceStartTimestamp": START, "totalCallEventDuration": 61,
            "recEntityCodeList": [9, 8], "locationArea": 2, "cellId": 3,
            "sessionChargeInfoList": [
                charged(70, exchangeRateCode=2, taxInformationList=tax), charged(5),
            ],
        }},
        {"messagingEvent": {
            "messagingEventService": 1, "chargedParty": party, "serviceStartTimestamp": START,
            "exchangeRateCode": 4, "callTypeGroup": {"callTypeLevel1": 6}, "charge": 20,
            "taxInformationList": tax,
        }},
    ).to_dicts()
    assert session.items() >= {
        "imei": "3512345678901234", "event_reference": "abc@x", "start_local": STARTED,
        "utc_offset_code": 0, "duration_s": 61, "rec_entity_code": 9, "location_area": 2,
        "cell_id": 3, "charge": 75, "tax": 3, "exchange_rate_code": 2,
    }.items()
    assert message.items() >= {
        "start_local": STARTED, "charge": 20, "tax": 3, "exchange_rate_code": 4,
        "call_type_level1": 6, "duration_s": None,
    }.items()


def test_usage_totals_and_content(release_312: dict[str, Any]) -> None:
    total, content = only(
        release_312,
        {"aggregatedUsageRecord": {
            "aggregatedUsageCharge": 5, "callTypeLevel1": 2,
            "aURTaxInformationList": [{"taxCode": 1, "aURTaxValue": 1}],
        }},
        {"contentTransaction": {
            "contentTransactionBasicInfo": {
                "orderPlacedTimeStamp": START, "totalTransactionDuration": 30,
            },
            "contentServiceUsed": [
                {"dataVolumeIncoming": 4, "chargeInformationList": [charged(8)]},
                {"dataVolumeIncoming": 6, "chargeRefundIndicator": 1,
                 "chargeInformationList": [charged(3)]},
            ],
        }},
    ).to_dicts()
    assert total.items() >= {"charge": 5, "tax": 1, "call_type_level1": 2}.items()
    assert content.items() >= {
        "charge": 11, "volume_incoming": 10, "volume_outgoing": None, "start_local": STARTED,
        "duration_s": 30, "charge_refund_indicator": 1,
    }.items()


def test_services_that_are_events_themselves(release_312: dict[str, Any]) -> None:
    added = {"vasCode": 1, "chargingTimeStamp": START, "chargeInformation": charged(2)}
    frame = only(
        release_312,
        {"supplServiceEvent": {"supplServiceUsed": {
            "chargingTimeStamp": START, "chargeInformation": charged(4)}}},
        {"serviceCentreUsage": {
            "basicInformation": {"chargeableSubscriber": {"gsmChargeableSubscriber": PARTY}},
            "recEntityCode": 4, "chargeInformation": charged(14),
            "scuTimeStamps": {"depositTimeStamp": START}}},
        {"locationService": {
            "recEntityCode": 5, "callReference": "0a",
            "locationServiceUsage": {
                "lCSQosRequested": {"lCSRequestTimestamp": START},
                "chargeInformationList": [charged(15)]}}},
        {"valueAddedService": {
            "simChargeableSubscriber": PARTY, "valueAddedServiceUsed": added}},
    )
    assert frame["start_local"].to_list() == [STARTED] * 4
    assert frame["utc_offset_code"].to_list() == [0] * 4
    assert frame["charge"].to_list() == [4, 14, 15, 2]
    assert frame["imsi"].to_list() == [None, PARTY["imsi"], None, PARTY["imsi"]]
    assert frame["rec_entity_code"].to_list() == [None, 4, 5, None]
    assert frame["call_reference"].to_list() == [None, None, "0a", None]


@pytest.mark.parametrize("services", ["valueAddedServiceUsedList", "supplServiceUsedList"])
def test_a_service_beside_a_call_adds_its_charge_and_not_its_time(
    release_312: dict[str, Any], services: str
) -> None:
    call = release_312["callEventDetails"][0]["mobileOriginatedCall"]
    call[services] = [{"chargingTimeStamp": START, "chargeInformation": charged(2)}]
    del call["basicCallInformation"]["callEventStartTimeStamp"]
    row = only(release_312, {"mobileOriginatedCall": call}).row(0, named=True)
    assert (row["start_local"], row["utc_offset_code"]) == (None, None)
    assert row["charge"] == 152


def test_old_camel_charges_are_charges(release_39: dict[str, Any]) -> None:
    call = release_39["callEventDetails"][0]["mobileOriginatedCall"]
    call["camelServiceUsed"] = {"camelChargeInformation": charged(7)}
    assert view(release_39)["charge"][0] == 157


def test_a_time_that_is_none_is_null(release_312: dict[str, Any]) -> None:
    call = release_312["callEventDetails"][0]["mobileOriginatedCall"]
    call["basicCallInformation"]["callEventStartTimeStamp"] = START | {
        "localTimeStamp": "20260230101500"
    }
    row = view(release_312).row(0, named=True)
    assert (row["start_local"], row["utc_offset_code"]) == (None, 0)


def test_empty_text_is_null(release_312: dict[str, Any]) -> None:
    gprs = release_312["callEventDetails"][2]["gprsCall"]["gprsBasicCallInformation"]
    gprs["gprsDestination"]["accessPointNameNI"] = "   "
    assert view(release_312)["apn_ni"][2] is None


def test_a_notification_has_no_events() -> None:
    file = read(encode_notification({"sender": "AAA01", "recipient": "BBB01"}), engine="walker")
    frame = event_frame(file)
    assert frame.is_empty()
    assert frame.schema == {c.name: c.dtype for c in COLUMNS}


def test_the_selection_is_all_that_the_view_needs(release_312: dict[str, Any]) -> None:
    load_layout("tap", SELECTION)
    data = encode_transfer_batch(release_312)
    everything, selected = read(data, engine="walker"), read(
        data, columns=SELECTION, engine="walker"
    )
    assert event_frame(everything).equals(event_frame(selected))
    assert "charged_item" in everything.tables["charge_information"].columns
    assert "charged_item" not in selected.tables["charge_information"].columns


def test_columns_and_tables_that_no_record_fills_are_null() -> None:
    frame = event_frame(tables(event=records(3, 5)))
    assert frame.schema == {c.name: c.dtype for c in COLUMNS}
    assert frame["record_index"].to_list() == [3, 5]
    assert all(frame[c.name].null_count() == 2 for c in COLUMNS[4:])


def test_without_a_charge_type_nothing_is_a_total() -> None:
    details = {"record_index": [3], "charge": [9]}
    frame = event_frame(tables(event=records(3), charge_detail=details))
    assert frame["charge"].to_list() == [None]


def test_sums_are_exact_beyond_64_bits() -> None:
    most = 2**63 - 1
    details = {
        "record_index": [0, 0, 2, 2], "charge_type": ["00"] * 4, "charge": [most, most, most, None],
    }
    frame = event_frame(tables(event=records(0, 2, charge=[None, most]), charge_detail=details))
    assert frame["charge"].to_list() == [2 * most, 2 * most]


def test_negative_parts_are_told_of_the_sums_alone() -> None:
    file = tables(
        event=records(0, 1, 2, cell_id=[-1, 0, 0], camel_invocation_fee=[None, -4, 0]),
        charge_detail={
            "record_index": [1, 2, 2], "charge_type": ["00", "00", "01"], "charge": [5, -9, -8],
        },
    )
    assert negative_parts(file).rows() == [(1, "camel_fee", -4), (2, "charge", -9)]
    assert negative_parts(tables(event=records(0))).is_empty()


NUMBERS = {"charge": pl.Int64, "tax_value": pl.Int64, "exchange_rate_code": pl.Int64}


@st.composite
def rows_below(draw: st.DrawFn, events: list[int]) -> pl.DataFrame:
    """Rows of a table below some of the events, in file order; its other columns are ignored."""
    number = st.none() | st.integers(-(2**63), 2**63 - 1)
    indexes = list(chain.from_iterable([i] * draw(st.integers(0, 3)) for i in sorted(events)))
    kinds = [draw(st.sampled_from(["00", "01", "", None])) for _ in indexes]
    numbers = {name: [draw(number) for _ in indexes] for name in NUMBERS}
    return pl.DataFrame(
        {"record_index": indexes, "charge_type": kinds, **numbers},
        schema={"record_index": pl.Int32, "charge_type": pl.String, **NUMBERS},
    )


def stated(rows: pl.DataFrame, index: int, column: str) -> list[int]:
    """The values of one record, worked out the slow way."""
    return [
        r[column] for r in rows.to_dicts() if r["record_index"] == index and r[column] is not None
    ]


@given(st.data())
def test_every_record_gets_its_own_rows(drawn: st.DataObject) -> None:
    events = sorted(drawn.draw(st.sets(st.integers(0, 9), min_size=1)))
    details, taxes, informations = (drawn.draw(rows_below(events)) for _ in range(3))
    file = tables(event=records(*events))
    file.tables |= {
        "charge_detail": details, "tax_information": taxes, "charge_information": informations
    }
    totals = details.filter(pl.col("charge_type") == "00")
    for row in event_frame(file).to_dicts():
        at = row["record_index"]
        charges, tax_values = stated(totals, at, "charge"), stated(taxes, at, "tax_value")
        assert row["charge"] == (sum(charges) if charges else None)
        assert row["tax"] == (sum(tax_values) if tax_values else None)
        rates = stated(informations, at, "exchange_rate_code")
        assert row["exchange_rate_code"] == (rates[0] if rates else None)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda c: c.name)
def test_sources_are_of_one_type(column: Any) -> None:
    kinds = {
        c.kind
        for c in load_layout("tap").columns
        if f"{load_layout('tap').tables[c.table]}.{c.name}" in column.sources
    }
    assert len(kinds) == 1 or column.name in {"record_index", "event", *PLACE}
