"""Deduplication: one copy of each usage key passes, whoever brought it first."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from mediation.dedupe import KNOWN, dedupe
from mediation.file_context import FileContext
from mediation.outcome import conserved
from mediation.schema import USAGE

CTX = FileContext("alpenfon", "this", "a.csv", datetime(2026, 10, 1))
NOTHING = pl.DataFrame(schema=KNOWN)


def usage(keys: Sequence[str]) -> pl.DataFrame:
    """A USAGE frame with these usage keys in file order."""
    return USAGE.fill(
        pl.DataFrame(
            {"record_index": range(len(keys)), "usage_key": keys},
            schema={"record_index": pl.Int32, "usage_key": pl.String},
        ).with_columns(
            partner=pl.lit(CTX.partner),
            file_id=pl.lit(CTX.file_id),
            record_type=pl.lit("MOC"),
            service=pl.lit("voice"),
            direction=pl.lit("mo"),
            serving_network=pl.lit("CZECL"),
            started_at=pl.lit(CTX.received_at),
            utc_offset_s=pl.lit(0),
            partner_charge_micros=pl.lit(7),
            partner_currency=pl.lit("EUR"),
        )
    )


def known(*rows: tuple[str, str, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=KNOWN, orient="row")


def test_the_first_copy_in_the_file_passes_and_the_others_name_it() -> None:
    outcome = dedupe(usage(["a", "b", "a", "a"]), NOTHING, CTX)
    assert outcome.passed["record_index"].to_list() == [0, 1]
    assert outcome.rejects["record_index"].to_list() == [2, 3]
    assert set(outcome.rejects["code"]) == {"DUPLICATE_IN_FILE"}
    assert set(outcome.rejects["original_file_id"]) == {"this"}
    assert outcome.rejects["original_record_index"].to_list() == [0, 0]
    assert set(outcome.rejects["outcome"]) == {"duplicate"}
    assert outcome.rejects["money_at_risk_micros"].to_list() == [7, 7]
    assert set(outcome.rejects["currency"]) == {"EUR"}


def test_the_first_copy_is_the_lowest_record_whatever_the_order_of_rows() -> None:
    outcome = dedupe(usage(["a", "a", "b"]).reverse(), NOTHING, CTX)
    assert outcome.passed["record_index"].sort().to_list() == [0, 2]


def test_a_key_of_an_earlier_file_turns_every_copy_away() -> None:
    outcome = dedupe(usage(["a", "b", "a"]), known(("a", "other", 41)), CTX)
    assert outcome.passed["record_index"].to_list() == [1]
    assert set(outcome.rejects["code"]) == {"DUPLICATE_OF_FILE"}
    assert outcome.rejects["original_record_index"].to_list() == [41, 41]
    assert "other:41" in outcome.rejects["detail"][0]


def test_the_files_own_keys_do_not_count_when_it_is_run_again() -> None:
    outcome = dedupe(usage(["a", "b"]), known(("a", "this", 0), ("b", "this", 1)), CTX)
    assert outcome.passed.height == 2


def test_of_several_owners_the_first_is_named() -> None:
    outcome = dedupe(usage(["a"]), known(("a", "first", 3), ("a", "second", 4)), CTX)
    assert outcome.rejects["original_file_id"].to_list() == ["first"]


KEYS = st.lists(st.sampled_from("abcde"), max_size=12)


@given(keys=KEYS, before=KEYS)
def test_each_key_passes_exactly_once_over_two_files(keys: list[str], before: list[str]) -> None:
    owners = known(*((k, "other", i) for i, k in enumerate(before)))
    frame = usage(keys)
    outcome = conserved("dedupe", frame["record_index"], dedupe(frame, owners, CTX))
    assert sorted(outcome.passed["usage_key"]) == sorted(set(keys) - set(before))
    assert outcome.passed.schema == frame.schema
