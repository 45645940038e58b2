"""Suspense: the records that wait, for what, since when, and the money that waits with them."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Final

import msgspec
import polars as pl

from mediation.codes import CODES
from mediation.schema import REJECT, USAGE
from ratemill.errors import RatemillError
from ratemill.home import Home
from ratemill.lake import Lake

_FILE: Final = ["partner", "file_id"]
_CASE_DIGITS: Final = 8
_PREFIX_DIGITS: Final = 5
"""Of a number without a destination: country and network, as number plans are cut"""
_MOMENT: Final = r" at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?| of account \S+"
"""What the details of one cause differ in"""
_MEANING: Final = {code.code: code.meaning.rstrip(".") for code in CODES.values()}
_REMEDY: Final = "Correct the record, or the check in the profile; return it to the partner."
"""For a check of a profile"""
_OF_USAGE: Final = ("record_index", "imsi", "msisdn", "other_party", "serving_network")


class Case(msgspec.Struct, frozen=True):
    """Records that wait for the same thing; amounts in micro-units by currency, times UTC."""

    case: str
    """the first 8 hex digits of the hash of its code, partner and cause: the same as long as it
    lasts"""
    code: str
    stage: str
    severity: str
    waits_for: str
    partners: list[str]
    files: int
    records: int
    money_micros: dict[str, int]
    without_money: int
    """records that state no charge, or none that could be read"""
    oldest_at: datetime
    """arrival of the first of their files"""
    remedy: str


def suspended(home: Home) -> pl.DataFrame:
    """The records in suspense: columns of table reject, with name, received_at, waits_for, case.

    In order of arrival. A whole file that waits has a null record_index.
    """
    lake = Lake(home.lake)
    files = lake.file_rows()
    rows = lake.read(REJECT, lake.rejects_of(files)).filter(outcome="suspended")
    of_file = files.select(*_FILE, "file_number", "name", "received_at")
    found = rows.join(of_file, on=_FILE, maintain_order="left")
    with_cause = found.join(
        _causes(lake, found), on=[*_FILE, "record_index"], how="left", nulls_equal=True,
        maintain_order="left",
    )
    # What the catalog lacks is one cause, whoever sent the records.
    of_catalog = pl.col("stage") == "rate"
    cause = pl.when(of_catalog).then(pl.coalesce("cause", _plain_detail())).otherwise(
        pl.format("{}: {}", "partner", _meaning(home))
    )
    named = with_cause.with_columns(waits_for=cause).with_columns(
        about=pl.when(~of_catalog).then("partner")
    )
    keys = named.select("code", "about", "waits_for").unique()
    digests = pl.Series("case", [
        hashlib.sha256(repr(key).encode()).hexdigest()[:_CASE_DIGITS] for key in keys.iter_rows()
    ], pl.String)
    return named.join(
        keys.with_columns(digests), on=["code", "about", "waits_for"], nulls_equal=True,
        maintain_order="left",
    ).sort("file_number", "record_index").drop("about", "cause", "file_number")


def _meaning(home: Home) -> pl.Expr:
    """What a code means, ours or that of a check of the partner's profile; else the code."""
    own = {f"{name} {check.rule}": check.says
           for name, profile in home.profiles().items() for check in profile.check}
    said = pl.concat_str("partner", "code", separator=" ").replace_strict(
        own, default=None, return_dtype=pl.String)
    ours = pl.col("code").replace_strict(_MEANING, default=None, return_dtype=pl.String)
    return pl.coalesce(ours, said, "code")


def cases(rows: pl.DataFrame) -> list[Case]:
    """The cases of records in suspense (columns as `suspended` gives them), most money first."""
    money = _sums(rows.drop_nulls("money_at_risk_micros"))
    groups = rows.group_by("case", maintain_order=True).agg(
        pl.first("code", "stage", "severity", "waits_for"),
        partners=pl.col("partner").unique().sort(), files=pl.col("file_id").n_unique(),
        records=pl.col("record_index").count(), oldest_at=pl.col("received_at").min(),
        without_money=pl.col("record_index").filter(
            pl.col("money_at_risk_micros").is_null() | pl.col("currency").is_null()
        ).count(),
    )
    found = [
        Case(**group, money_micros=money.get(group["case"], {}), remedy=_remedy(group["code"]))
        for group in groups.iter_rows(named=True)
    ]
    return sorted(found, key=lambda c: (-max(c.money_micros.values(), default=0), -c.records,
                                        c.case))


def chosen(rows: pl.DataFrame, what: str) -> pl.DataFrame:
    """The records in suspense that CASE or FILE_ID:INDEX names, the starts of names being enough.

    RatemillError where it names none, or several.
    """
    if ":" not in what:
        return _of_case(rows, what)
    start, _, index = what.partition(":")
    found = rows.filter(
        pl.col("file_id").str.starts_with(start.lower())
        & (pl.col("record_index").cast(pl.String) == index)
    )
    if found.select(_FILE).n_unique() != 1:
        reason = "is not in suspense" if found.is_empty() else "several files begin so"
        raise RatemillError(f"record {what}", reason, "`ratemill suspense show CASE` names them")
    return found


def _of_case(rows: pl.DataFrame, case: str) -> pl.DataFrame:
    """The records of one case, by the start of its name."""
    found = rows.filter(pl.col("case").str.starts_with(case.lower()))
    if found["case"].n_unique() != 1:
        what = "no case of suspense begins so" if found.is_empty() else "several cases begin so"
        raise RatemillError(f"case {case}", what, "`ratemill suspense list` names them")
    return found


def _plain_detail() -> pl.Expr:
    """What a detail says of its cause, without what differs from record to record."""
    return pl.col("detail").str.split("; ").list.first().str.replace_all(_MOMENT, "")


def _sums(rows: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Money at risk by case and currency."""
    found: dict[str, dict[str, int]] = {}
    sums = rows.group_by("case", "currency").agg(
        pl.col("money_at_risk_micros").cast(pl.Int128).sum()
    ).drop_nulls("currency").sort("case", "currency")
    for case, currency, micros in sums.iter_rows():
        found.setdefault(case, {})[currency] = micros
    return found


def _remedy(code: str) -> str:
    known = CODES.get(code)
    return known.remedy if known else _REMEDY


def _causes(lake: Lake, rows: pl.DataFrame) -> pl.DataFrame:
    """partner, file_id, record_index and cause of records whose usage says what they lack."""
    said = rows.filter(pl.col("code").is_in(list(_CAUSES)))
    usage = [
        _usage(lake, partner, file_id)
        for partner, file_id in said.select(_FILE).unique(maintain_order=True).iter_rows()
    ]
    schema = {**REJECT.polars, **USAGE.polars}
    nothing = pl.DataFrame(schema={n: schema[n] for n in (*_FILE, *_OF_USAGE)})
    known = said.select(*_FILE, "record_index", "code").join(
        pl.concat([nothing, *usage]), on=[*_FILE, "record_index"], maintain_order="left"
    )
    return known.select(*_FILE, "record_index", cause=_cause())


def _usage(lake: Lake, partner: str, file_id: str) -> pl.DataFrame:
    """What the usage of one file says of its subscribers and places."""
    frame = pl.read_parquet(lake.path(USAGE, partner, file_id, "mediate"), columns=list(_OF_USAGE))
    return USAGE.plain(frame).select(
        pl.lit(partner).alias("partner"), pl.lit(file_id).alias("file_id"), *_OF_USAGE
    )


_CAUSES: Final = {
    "SUBSCRIBER_UNKNOWN": pl.coalesce(
        pl.format("IMSI {}", "imsi"), pl.format("number {}", "msisdn")
    ),
    "NETWORK_UNKNOWN": pl.format("network {}", "serving_network"),
    "DESTINATION_UNKNOWN": pl.format(
        "prefix {}", pl.col("other_party").str.slice(0, _PREFIX_DIGITS)
    ),
}


def _cause() -> pl.Expr:
    """What the catalog lacks for a record."""
    found: Iterable[pl.Expr] = (
        pl.when(pl.col("code") == code).then(cause) for code, cause in _CAUSES.items()
    )
    return pl.coalesce(list(found))
