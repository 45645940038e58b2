"""Whether a record is believable: checks declared as a table, the first that fails decides."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from mediation.file_context import FileContext
from mediation.outcome import Outcome
from mediation.profile import Profile
from mediation.reject import rejects
from mediation.schema import REJECT

MONEY_AT_RISK = {
    "money_at_risk_micros": pl.col("partner_charge_micros"),
    "currency": pl.col("partner_currency"),
}
"""What a reject of a usage row keeps of its charge."""

Rule = Callable[[Profile, FileContext], pl.Expr]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its reject code, when a row fails it (null counts as passing), what to say."""

    code: str
    fails: Rule
    detail: Rule


def _outside(column: str, high: pl.Expr) -> pl.Expr:
    return (pl.col(column) < 0) | (pl.col(column) > high)


def _imsi_fails(_: Profile, __: FileContext) -> pl.Expr:
    """Whether it is not 6 to 15 digits, in a third of the time that ^[0-9]{6,15}$ takes.

    What is read as a number is digits, behind a sign perhaps: those sort before the digits.
    """
    imsi = pl.col("imsi")
    length, number = imsi.str.len_bytes(), imsi.cast(pl.Int64, strict=False)
    other = (imsi < "0") | (length < 6) | (length > 15) | number.is_null()
    return imsi.is_not_null() & other


def _duration_fails(profile: Profile, _: FileContext) -> pl.Expr:
    outside = _outside("duration_s", pl.lit(profile.validity.duration_max_s))
    return outside.fill_null(pl.col("service") == "voice")


def _volume_fails(profile: Profile, _: FileContext) -> pl.Expr:
    high = pl.lit(profile.validity.volume_max_bytes)
    up, down = _outside("volume_up_bytes", high), _outside("volume_down_bytes", high)
    absent = pl.col("volume_up_bytes").is_null() & pl.col("volume_down_bytes").is_null()
    return (
        up.fill_null(value=False)
        | down.fill_null(value=False)
        | (absent & (pl.col("service") == "data"))
    )


CHECKS: tuple[Check, ...] = (
    Check(
        "IMSI_INVALID",
        _imsi_fails,
        lambda _, __: pl.format("imsi {}: 6 to 15 digits are needed", "imsi"),
    ),
    Check(
        "SUBSCRIBER_MISSING",
        lambda _, __: pl.col("imsi").is_null() & pl.col("msisdn").is_null(),
        lambda _, __: pl.lit("neither imsi nor msisdn is there"),
    ),
    Check(
        "START_IN_FUTURE",
        lambda profile, ctx: pl.col("started_at")
        > ctx.received_at + timedelta(seconds=profile.validity.future_max_s),
        lambda profile, ctx: pl.format(
            "started_at {} UTC is more than {} s after the file arrived ({})",
            pl.col("started_at").dt.to_string("%F %T"),
            pl.lit(profile.validity.future_max_s),
            pl.lit(f"{ctx.received_at:%F %T}"),
        ),
    ),
    Check(
        "START_TOO_OLD",
        lambda profile, ctx: pl.col("started_at")
        < ctx.received_at - timedelta(days=profile.validity.age_max_days),
        lambda profile, ctx: pl.format(
            "started_at {} UTC is more than {} days before the file arrived ({})",
            pl.col("started_at").dt.to_string("%F %T"),
            pl.lit(profile.validity.age_max_days),
            pl.lit(f"{ctx.received_at:%F %T}"),
        ),
    ),
    Check(
        "DURATION_OUT_OF_RANGE",
        _duration_fails,
        lambda profile, _: pl.format(
            "duration_s {}: 0 to {} is believable",
            pl.col("duration_s").cast(pl.String).fill_null("is absent"),
            pl.lit(profile.validity.duration_max_s),
        ),
    ),
    Check(
        "VOLUME_OUT_OF_RANGE",
        _volume_fails,
        lambda profile, _: pl.format(
            "volume_up_bytes {}, volume_down_bytes {}: 0 to {} is believable",
            pl.col("volume_up_bytes").cast(pl.String).fill_null("absent"),
            pl.col("volume_down_bytes").cast(pl.String).fill_null("absent"),
            pl.lit(profile.validity.volume_max_bytes),
        ),
    ),
    Check(
        "CHARGE_OUT_OF_RANGE",
        lambda profile, _: _outside(
            "partner_charge_micros", pl.lit(profile.gate.charge_max_micros)
        ),
        lambda profile, _: pl.format(
            "partner_charge_micros {}: 0 to {} is allowed",
            "partner_charge_micros",
            pl.lit(profile.gate.charge_max_micros),
        ),
    ),
)


def validate(usage: pl.DataFrame, profile: Profile, ctx: FileContext) -> Outcome:
    """The believable rows of a USAGE frame, and a reject for each other one."""
    fails = pl.any_horizontal(check.fails(profile, ctx) for check in CHECKS)
    failing = usage.select(fails.fill_null(value=False)).to_series()
    if not failing.any():
        return Outcome(usage, REJECT.empty())
    found = usage.filter(failing).with_columns(
        first_failing(
            (check.code, check.fails(profile, ctx), check.detail(profile, ctx)) for check in CHECKS
        )
    )
    return Outcome(
        passed=usage.filter(~failing), rejects=rejects(ctx, found.with_columns(**MONEY_AT_RISK))
    )


def first_failing(checks: Iterable[tuple[str, pl.Expr, pl.Expr]]) -> list[pl.Expr]:
    """Columns code and detail of the first check that a row fails; null where it fails none.

    A check is its code, when a row fails it, and its detail; order is precedence.
    """
    code: pl.Expr = pl.lit(None, dtype=pl.String)
    said = code
    for name, fails, detail in reversed(list(checks)):
        code = pl.when(fails).then(pl.lit(name)).otherwise(code)
        said = pl.when(fails).then(detail).otherwise(said)
    return [code.alias("code"), said.alias("detail")]
