"""Decisions about records: edits are made before meaning, what is written off ends dropped."""

from datetime import datetime

import polars as pl
import pytest

from mediation.decided import (
    EDITS,
    WRITTEN_OFF,
    edited,
    unfit,
    without_returned,
    without_written_off,
)
from mediation.decoded import Decoded, FileHeader
from mediation.file_context import FileContext
from mediation.outcome import Outcome, conserved
from mediation.reject import rejects
from mediation.schema import REJECT, USAGE

CTX = FileContext("p", "f", "f.csv", datetime(2026, 10, 1))
RECORDS = pl.DataFrame(
    {"record_index": [0, 1], "byte_offset": [0, 9], "byte_length": [9, 9],
     "imsi": ["1", None], "seconds": [5, 6]},
    schema={"record_index": pl.Int32, "byte_offset": pl.Int64, "byte_length": pl.Int32,
            "imsi": pl.String, "seconds": pl.Int64},
)
DECODED = Decoded(FileHeader(notes=("a gap",)), RECORDS, REJECT.empty())


def edits(*rows):
    return pl.DataFrame([(*row, "anna", "typo") for row in rows], schema=EDITS, orient="row")


def test_the_last_edit_of_a_column_holds_and_all_are_noted():
    found = edited(DECODED, edits((1, "imsi", "7"), (0, "seconds", "60"), (1, "imsi", "8"),
                                  (0, "imsi", None)))
    assert found.records.select("imsi", "seconds").rows() == [(None, 60), ("8", 6)]
    assert found.records.schema == RECORDS.schema
    assert found.header.notes == (
        "a gap", "record 0: seconds edited by anna: typo", "record 1: imsi edited by anna: typo",
        "record 0: imsi edited by anna: typo",
    )


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        ((0, "colour", "x"), "the file's records have no column colour"),
        ((0, "byte_offset", "1"), "the file's records have no column byte_offset"),
        ((7, "imsi", "1"), "the record could not be read"),
        ((0, "seconds", "long"), "'long' is no Int64, which seconds is"),
    ],
)
def test_an_edit_that_does_not_fit_is_noted_and_not_made(edit, why):
    assert unfit(RECORDS, *edit) == why
    found = edited(DECODED, edits(edit))
    assert found.records.equals(RECORDS)
    assert found.header.notes[1:] == (f"edit of record {edit[0]} not made: {why}",)


def usage(*indexes):
    frame = pl.DataFrame({"record_index": indexes}, schema={"record_index": pl.Int32})
    return USAGE.fill(frame.with_columns(
        partner=pl.lit("p"), file_id=pl.lit("f"), usage_key=pl.lit("k"), record_type=pl.lit("r"),
        service=pl.lit("sms"), direction=pl.lit("mo"), serving_network=pl.lit("n"),
        started_at=pl.lit(CTX.received_at), utc_offset_s=pl.lit(0, pl.Int32),
        partner_charge_micros=pl.lit(5), partner_currency=pl.lit("EUR"),
    ))


def test_what_is_written_off_is_dropped_whatever_became_of_it():
    away = rejects(CTX, pl.DataFrame({
        "record_index": pl.Series([1, 2, 3], dtype=pl.Int32),
        "code": ["IMSI_INVALID", "DUPLICATE_IN_FILE", "IMSI_INVALID"], "detail": ["a", "b", "c"],
        "money_at_risk_micros": [7, 7, 7], "currency": ["EUR"] * 3,
    }))
    given = Outcome(usage(0, 4), away)
    decided = pl.DataFrame(
        [(0, "anna", "old"), (1, "anna", "small"), (2, "anna", "x"), (1, "bert", "tiny")],
        schema=WRITTEN_OFF, orient="row",
    )
    found = without_written_off(given, decided, CTX)
    conserved("decide", pl.Series([0, 1, 2, 3, 4], dtype=pl.Int32), found)
    assert found.passed["record_index"].to_list() == [4]
    said = found.rejects.sort("record_index").select(
        "record_index", "stage", "outcome", "code", "detail", "money_at_risk_micros"
    )
    assert said.rows() == [
        (0, "decide", "dropped", "WRITTEN_OFF", "anna: old", 5),
        (1, "decide", "dropped", "WRITTEN_OFF", "bert: tiny (it was IMSI_INVALID: a)", 7),
        (2, "dedupe", "duplicate", "DUPLICATE_IN_FILE", "b", 7),
        (3, "validate", "suspended", "IMSI_INVALID", "c", 7),
    ]
    assert without_written_off(given, decided.clear(), CTX) is given


def test_an_edited_record_is_rid_of_the_error_that_decoding_found():
    faulty = RECORDS.with_columns(tap_code=pl.lit("TAP_16_20"), tap_detail=pl.lit("no time"))
    given = Decoded(FileHeader(), faulty, REJECT.empty())
    found = edited(given, edits((1, "imsi", "8"))).records
    assert found.select("tap_code", "tap_detail").rows() == [("TAP_16_20", "no time"), (None, None)]


def test_what_was_given_back_to_the_partner_waits():
    given = Outcome(usage(0, 1), REJECT.empty())
    returned = pl.DataFrame([(1, "anna", "not agreed")], schema=WRITTEN_OFF, orient="row")
    end = without_returned(given, returned, CTX)
    conserved("decide", given.passed["record_index"], end)
    (away,) = end.rejects.rows(named=True)
    assert [away[name] for name in ("record_index", "code", "outcome", "stage", "detail",
                                    "money_at_risk_micros", "currency")] == [
        1, "CHARGE_NOT_AGREED", "suspended", "decide", "anna: not agreed", 5, "EUR"]
    gone = without_written_off(end, returned, CTX)
    assert gone.rejects["code"].to_list() == ["WRITTEN_OFF"]
