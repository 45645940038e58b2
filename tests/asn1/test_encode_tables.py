"""Tables become files again; nothing that a release has no place for is dropped in silence."""

from datetime import datetime
from typing import Any

import polars as pl
import pytest

from asn1.encode import EncodeError, encode
from asn1.encode_tables import Tables, encode_file, records_value
from asn1.layout import load_layout

TAP = load_layout("tap")


def event(kind: str = "gprsCall", **values: Any) -> pl.DataFrame:
    return pl.DataFrame({"event": [kind], **{name: [value] for name, value in values.items()}})


def children(place: str, parents: list[int | None], **values: list[Any]) -> pl.DataFrame:
    return pl.DataFrame({"parent": parents, "place": [place] * len(parents), **values})


def written(tables: Tables, release: int = 12) -> list[dict[str, Any]]:
    return records_value(tables, TAP, release)


def test_the_release_decides_where_a_value_goes() -> None:
    tables = {"event": event(imsi="238011234567890")}
    subscriber = {"simChargeableSubscriber": {"imsi": "238011234567890"}}
    for release, expected in ((10, subscriber), (11, {"chargeableSubscriber": subscriber})):
        (record,) = written(tables, release)
        assert record == {
            "gprsCall": {"gprsBasicCallInformation": {"gprsChargeableSubscriber": expected}},
        }


def test_values_take_the_form_of_the_grammar() -> None:
    table = event(
        "mobileOriginatedCall", call_event_start_local=datetime(26, 1, 5), call_reference=b"\0\xab",
        cause_for_term=4, home_bid="",
    )
    (record,) = written({"event": table})
    assert record["mobileOriginatedCall"] == {
        "basicCallInformation": {
            "callEventStartTimeStamp": {"localTimeStamp": "00260105000000"}, "causeForTerm": 4,
        },
        "locationInformation": {
            "networkLocation": {"callReference": "00ab"},
            "homeLocationInformation": {"homeBid": ""},
        },
    }


def test_rows_hang_on_their_parents_in_file_order() -> None:
    tables = {
        "event": pl.concat([event("gprsCall"), event("mobileOriginatedCall")]),
        "basic_service_used": children("event.basic_service_used", [1, 1]),
        "charge_information": pl.concat(
            [
                children("event.charge_information", [0], charged_item=["X"]),
                children(
                    "basic_service_used.charge_information", [1, 0, 1], charged_item=["A", "B", "C"]
                ),
            ]
        ),
    }
    gprs, moc = written(tables)
    assert gprs["gprsCall"]["gprsServiceUsed"]["chargeInformationList"] == [{"chargedItem": "X"}]
    assert moc["mobileOriginatedCall"]["basicServiceUsedList"] == [
        {"chargeInformationList": [{"chargedItem": "B"}]},
        {"chargeInformationList": [{"chargedItem": "A"}, {"chargedItem": "C"}]},
    ]


def test_a_list_of_plain_values() -> None:
    rows = children("event.rec_entity_code", [0, 0], rec_entity_code=[4, 3])
    (record,) = written({"event": event(), "rec_entity_code": rows})
    location = record["gprsCall"]["gprsLocationInformation"]
    assert location == {"gprsNetworkLocation": {"recEntity": [4, 3]}}


def test_rows_without_values_are_written_as_empty_groups() -> None:
    tables = {"event": event(), "charge_information": children("event.charge_information", [0])}
    assert written(tables) == [{"gprsCall": {"gprsServiceUsed": {"chargeInformationList": [{}]}}}]
    assert written({"event": event()}) == [{"gprsCall": {}}]


def test_columns_that_only_say_where_a_record_stood_are_not_written() -> None:
    table = event(record_index=7, byte_offset=100, byte_length=3)
    assert written({"event": table}) == [{"gprsCall": {}}]


@pytest.mark.parametrize(
    ("tables", "release", "message"),
    [
        (
            {"event": event(min="5551234", time_zone="x")}, 12,
            r"^table event, row 0 \(gprsCall\): release 3\.12 has no place for time_zone; no rel",
        ),
        (
            {"event": event(fraud_monitor_indicator="1")}, 12,
            r"no place for fraud_monitor_indicator; .*3\.9",
        ),
        ({"event": event("mobileSession")}, 11, r"\(mobileSession\): release 3\.11 has no such"),
        ({"event": event("dialUp")}, 12, r"\(dialUp\): release 3\.12 has no such record"),
        ({"event": event(), "tax": children("event.tax", [0])}, 12, "^table tax: there is only"),
        (
            {"event": event(), "charge_detail": children("event.charge_detail", [0])}, 12,
            r"^table charge_detail, row 0 .* no place for it below table event, row 0 \(gprs",
        ),
        (
            {"event": event(), "charge_information": children("event.charge_information", [0, 1])},
            12,
            r"row 1 \(event\.charge_information\): there is no row 1 in table event$",
        ),
        (
            {"event": event(), "charge_information": children("event.charge_information", [None])},
            12,
            r"there is no row None in table event$",
        ),
        (
            {
                "event": event("supplServiceEvent"),
                "suppl_service_used": children("event.suppl_service_used", [0, 0]),
            },
            12,
            r"row 1 \(event\.suppl_service_used\): supplServiceUsed can stand only once there$",
        ),
        (
            {"event": event(), "rec_entity_code": children("event.rec_entity_code", [0])}, 12,
            r"it takes rec_entity_code and nothing else, not {}$",
        ),
        ({"event": event()}, 5, r"^release 3\.5: there is none"),
        (
            {"event": event(call_event_start_local=datetime(2026, 1, 5, 1, 1, 1, 5))}, 12,
            "^column call_event_start_local: fractions of a second",
        ),
    ],
)
def test_what_has_no_place_is_refused(tables: Tables, release: int, message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        written(tables, release)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (event(imei="1", esn="2"), "equipmentIdentifier: a CHOICE takes one alternative"),
        (event(cell_id=1.5), "cellId: 1.5 where the grammar has unsigned|integer"),
        (event(home_bid="\u20ac"), "homeBid: '\u20ac' where the grammar has text"),
    ],
)
def test_values_that_the_grammar_does_not_take_are_refused(
    table: pl.DataFrame, message: str
) -> None:
    with pytest.raises(EncodeError, match=message):
        encode_file("transfer_batch", {}, {"event": table})


def test_the_header_states_the_release() -> None:
    groups = {"batchControlInfo": {"sender": "AAA01", "releaseVersionNumber": 9}}
    tables = {"event": event("mobileOriginatedCall", called_number="45123")}
    destination = {"destination": {"calledNumberUntil310": "45123"}}
    assert encode_file("transfer_batch", groups, tables) == encode(
        "transferBatch",
        {**groups, "callEventDetails": [
            {"mobileOriginatedCall": {"basicCallInformation": destination}},
        ]},
    )
    newer = encode_file("transfer_batch", groups, tables, release=12)
    assert newer != encode_file("transfer_batch", groups, tables)
    indefinite = encode_file("transfer_batch", groups, tables, lengths="indefinite")
    assert indefinite.startswith(b"\x61\x80\x64\x80")


def test_the_header_too_has_only_elements_of_the_release() -> None:
    groups = {"accountingInfo": {"discounting": [{"fixedDiscountValueUntil310": 5}]}}
    with pytest.raises(EncodeError, match=r"discounting\[0\]\.fixedDiscountValueUntil310: release"):
        encode_file("transfer_batch", groups, {"event": event().clear()})


def test_a_notification_has_no_records() -> None:
    groups = {"sender": "AAA01"}
    nothing = {"event": event().clear()}
    assert encode_file("notification", groups, nothing) == encode("notification", groups)
    with pytest.raises(EncodeError, match="notification: 1 records in a file of a kind without"):
        encode_file("notification", groups, {"event": event()})
