"""Deduplication: one copy of each usage key passes, whoever brought it first."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from mediation.dedupe import KNOWN, dedupe
from mediation.file_context import FileContext
from mediation.outcome import conserved
from mediation.reject import rejects
from mediation.schema import USAGE
from mediation.validate import MONEY_AT_RISK

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


def deduped_by_joins(
    frame: pl.DataFrame, owners: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What passes and what does not, with every row looked at."""
    first = owners.filter(pl.col("file_id") != CTX.file_id).unique("usage_key", keep="first")
    owner = {row["usage_key"]: row for row in first.iter_rows(named=True)}
    least: dict[str, int] = {}
    for row in frame.iter_rows(named=True):
        key, record = row["usage_key"], row["record_index"]
        least[key] = min(least.get(key, record), record)
    away = []
    for row in frame.with_columns(**MONEY_AT_RISK).iter_rows(named=True):
        key = row["usage_key"]
        if other := owner.get(key):
            detail = f"usage key of {other['file_id'][:8]}:{other['record_index']}"
            away.append(row | {"code": "DUPLICATE_OF_FILE", "detail": detail,
                               "original_file_id": other["file_id"],
                               "original_record_index": other["record_index"]})
        elif row["record_index"] != least[key]:
            detail = f"usage key of record {least[key]} of this file"
            away.append(row | {"code": "DUPLICATE_IN_FILE", "detail": detail,
                               "original_file_id": CTX.file_id,
                               "original_record_index": least[key]})
    gone = [row["record_index"] for row in away]
    table = pl.DataFrame(away, schema_overrides={"original_record_index": pl.Int32},
                         infer_schema_length=None)
    return frame.filter(~pl.col("record_index").is_in(gone)), rejects(CTX, table)


OWNERS = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["this", "other", "third"]),
              st.integers(0, 9)),
    max_size=6,
)


@settings(max_examples=20)
@given(st.lists(st.sampled_from("abcdefghijklm"), min_size=1, max_size=20), OWNERS, st.randoms())
def test_rows_that_share_nothing_need_not_be_looked_at(keys, owned, chance) -> None:
    order = list(range(len(keys)))
    chance.shuffle(order)
    frame = usage(keys).with_columns(pl.Series("record_index", order, pl.Int32))
    owners = known(*owned).unique("usage_key", keep="first", maintain_order=True)
    outcome = dedupe(frame, owners, CTX)
    passed, away = deduped_by_joins(frame, owners)
    assert outcome.passed.equals(passed)
    assert outcome.rejects.equals(away)
