"""TAP files: what TD.57 means by their records, told in the words of table usage."""

from typing import Final, Literal

import polars as pl

from asn1.tap import DecodeError, NotTapError, TapFile, identify, read
from asn1.tap_header import TapHeader
from mediation.decoded import Decoded, FileHeader
from mediation.file_context import FileContext
from mediation.outcome import Outcome
from mediation.profile import Profile
from mediation.reject import file_reject, rejects
from mediation.schema import USAGE
from mediation.usage_key import with_usage_key
from mediation.validate import MONEY_AT_RISK, first_failing

MICRO_DECIMALS: Final = 6
"""Decimals of micro-units: a TAP amount has 0 to 6 (tapDecimalPlaces), so it fits exactly."""

VOLUMES: Final = {"volume_incoming": "volume_down_bytes", "volume_outgoing": "volume_up_bytes"}
"""Incoming is seen from the subscriber. No public source confirms it: agree on it per partner."""

INT32_MAX: Final = (1 << 31) - 1
INT64_MAX: Final = (1 << 63) - 1

SERVICES: Final = pl.DataFrame(
    [
        ("mobileOriginatedCall", "11", "MOC", "voice", "mo"),
        ("mobileOriginatedCall", "12", "MOC", "voice", "mo"),
        ("mobileOriginatedCall", "22", "MOC", "sms", "mo"),
        ("mobileTerminatedCall", "11", "MTC", "voice", "mt"),
        ("mobileTerminatedCall", "21", "MTC", "sms", "mt"),
        ("gprsCall", None, "GPRS", "data", "mo"),
    ],
    schema=["event", "tele_service_code", "record_type", "service", "direction"],
    orient="row",
)
"""What we charge: call event and teleservice (11 telephony, 12 emergency, 21 and 22 SMS)."""

_MO_NUMBERS = ("called_number", "dialled_digits", "sms_destination")
# With an SMS, the called number may be the message centre's.
_MO_SMS_NUMBERS = ("sms_destination", "called_number", "dialled_digits")
_MT_NUMBERS = ("calling_number", "sms_originator")

_SIGNS = (
    (b"<?xml", "an XML document"),
    (b"<!DOCTYPE", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<", "an XML document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\x03\x04", "a zip archive"),
    (b"BZh", "a bzip2 archive"),
)


def decode_tap(data: bytes, profile: Profile, ctx: FileContext) -> Decoded:
    """The call events of a TAP file, with what its own tables say of them.

    Beside asn1's columns the records have utc_offset_s (null for an unknown code),
    partner_charge_micros and partner_tax_micros (null where 64 bits do not hold them).
    """
    try:
        file = read(data)
    except NotTapError as error:
        detail = (
            f"{ctx.name} is {_likeness(data)}, not TAP as profile {profile.name} says ({error})"
        )
        return Decoded(
            FileHeader(), _no_events(), file_reject(ctx, "NOT_A_CDR_FILE", detail)
        )
    records = _told(file.events, file.header)
    return Decoded(_header(file), records, _decode_rejects(file.errors, ctx))


def normalize_tap(decoded: Decoded, profile: Profile, ctx: FileContext) -> Outcome:
    """Table usage of the events that we charge, and a reject for each other one."""
    header = decoded.header
    named = decoded.records.join(
        SERVICES,
        on=["event", "tele_service_code"],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    meant = named.with_columns(
        partner=pl.lit(ctx.partner),
        file_id=pl.lit(ctx.file_id),
        serving_network=pl.lit(header.sender, dtype=pl.String),
        partner_currency=pl.lit(header.currency, dtype=pl.String),
        started_at=_local_time() - pl.duration(seconds="utc_offset_s"),
        other_party_raw=_other_party_raw(),
        apn=pl.col("apn_ni"),
        events=pl.when(pl.col("service") == "sms").then(pl.lit(1, dtype=pl.Int64)),
        **{usage: pl.col(tap) for tap, usage in VOLUMES.items()},
    ).with_columns(
        other_party=pl.col("other_party_raw").str.extract(r"^\+?([0-9]+)$"), **_stated_charge()
    )
    meant = meant.with_columns(first_failing(_checks(header)))
    keyed, keyless = with_usage_key(meant.filter(pl.col("code").is_null()), profile.identity)
    lacking = keyless.join(
        meant.drop("code", "detail", "byte_offset"), on="record_index", how="left"
    )
    away = pl.concat(
        [_away(meant.filter(pl.col("code").is_not_null())), _away(lacking)], how="vertical"
    )
    return Outcome(USAGE.fill(keyed), rejects(ctx, away))


def _checks(header: FileHeader) -> tuple[tuple[str, pl.Expr, pl.Expr], ...]:
    """Why an event becomes no usage; the first that applies decides."""
    service = pl.format(
        "{} with teleservice {}, bearer service {} is no service that we charge",
        "event",
        pl.col("tele_service_code").fill_null("none"),
        pl.col("bearer_service_code").fill_null("none"),
    )
    return (
        ("TEST_FILE", pl.lit(header.kind == "test"), pl.lit("fileTypeIndicator is T")),
        ("SERVICE_UNKNOWN", pl.col("service").is_null(), service),
        (
            "FIELD_MISSING",
            pl.lit(header.sender is None),
            pl.lit("the file states no sender, so the serving network is not known"),
        ),
        (
            "FIELD_MISSING",
            pl.col("start_local").is_null(),
            pl.lit("the event has no local start time"),
        ),
        (
            "FIELD_INVALID",
            _local_time().is_null(),
            pl.format("local start time {} is no time (YYYYMMDDhhmmss)", "start_local"),
        ),
        (
            "FIELD_MISSING",
            pl.col("utc_offset_code").is_null(),
            pl.lit("the start time has no UTC offset code"),
        ),
        (
            "OFFSET_CODE_UNKNOWN",
            pl.col("utc_offset_s").is_null(),
            pl.format("UTC offset code {} is not in the file's networkInfo", "utc_offset_code"),
        ),
        (
            "FIELD_INVALID",
            pl.col("charge_lost"),
            pl.format("charge {} does not fit 64 bits in micro-units", "charge"),
        ),
    )


def _stated_charge() -> dict[str, pl.Expr]:
    """Whether a charge is stated that could not be told; no currency where none is stated."""
    stated = pl.col("charge").is_not_null() | pl.col("camel_fee").is_not_null()
    money = pl.col("partner_charge_micros").is_not_null() | pl.col(
        "partner_tax_micros"
    ).is_not_null()
    return {
        "charge_lost": stated & pl.col("partner_charge_micros").is_null(),
        "partner_currency": pl.when(money).then(pl.col("partner_currency")),
    }


def _local_time() -> pl.Expr:
    text = pl.col("start_local")
    return pl.when(text.str.contains(r"^[0-9]{14}$")).then(
        text.str.strptime(pl.Datetime("us"), "%Y%m%d%H%M%S", strict=False)
    )


def _other_party_raw() -> pl.Expr:
    mo_sms = (pl.col("direction") == "mo") & (pl.col("service") == "sms")
    return (
        pl.when(mo_sms)
        .then(pl.coalesce(_MO_SMS_NUMBERS))
        .when(pl.col("direction") == "mo")
        .then(pl.coalesce(_MO_NUMBERS))
        .when(pl.col("direction") == "mt")
        .then(pl.coalesce(_MT_NUMBERS))
    )


def _away(found: pl.DataFrame) -> pl.DataFrame:
    """The columns of a reject that normalization knows."""
    return found.select("record_index", "byte_offset", "code", "detail", **MONEY_AT_RISK)


def _told(events: pl.DataFrame, header: TapHeader) -> pl.DataFrame:
    """The events with the file's offset table and decimal places applied."""
    codes = ((c, s) for c, s in header.utc_offsets.items() if abs(c) <= INT32_MAX)
    offsets = pl.DataFrame(
        list(codes),
        schema={"utc_offset_code": pl.Int32, "utc_offset_s": pl.Int32},
        orient="row",
    )
    wide = {c: pl.col(c).cast(pl.Int128) for c in ("charge", "camel_fee", "tax")}
    charge = pl.when(wide["charge"].is_not_null() | wide["camel_fee"].is_not_null()).then(
        wide["charge"].fill_null(0) + wide["camel_fee"].fill_null(0)
    )
    factor = pl.lit(_factor(header), dtype=pl.Int128)
    return events.join(
        offsets, on="utc_offset_code", how="left", maintain_order="left"
    ).with_columns(
        partner_charge_micros=(charge * factor).cast(pl.Int64, strict=False),
        partner_tax_micros=(wide["tax"] * factor).cast(pl.Int64, strict=False),
    )


def _factor(header: TapHeader) -> int:
    """Micro-units in one unit of the file's amounts."""
    return int(10 ** (MICRO_DECIMALS - header.tap_decimal_places))


def _header(file: TapFile) -> FileHeader:
    """What the file states of itself; its audit totals are the declared ones."""
    stated = file.header
    total = stated.audit_total_charge
    notes = [f"unknown element {path} skipped {n} times" for path, n in file.unknown_tags.items()]
    notes += _audit_notes(file)
    return FileHeader(
        kind=_kind(stated),
        release=stated.release,
        sequence=stated.sequence,
        sender=stated.sender,
        recipient=stated.recipient,
        declared_records=_bounded(stated.audit_event_count),
        declared_charge_micros=_bounded(None if total is None else total * _factor(stated)),
        currency=stated.tap_currency,
        complete=file.complete,
        notes=tuple(notes),
    )


def _kind(header: TapHeader) -> Literal["live", "test", "notification"]:
    if header.kind == "notification":
        return "notification"
    return "test" if header.file_type == "T" else "live"


def _bounded(total: int | None) -> int | None:
    """The number within 64 bits: beyond them it only has to differ from what is found."""
    return None if total is None else max(-INT64_MAX, min(total, INT64_MAX))


def _audit_notes(file: TapFile) -> list[str]:
    """Where the audit differs from the events; the gate decides what that means."""
    found = file.events.height + sum(e.record_index is not None for e in file.errors)
    total = file.events.select(
        pl.col("charge").cast(pl.Int128).sum() + pl.col("camel_fee").cast(pl.Int128).sum()
    ).item()
    pairs = (
        ("callEventDetailsCount", file.header.audit_event_count, found),
        ("totalCharge", file.header.audit_total_charge, total),
    )
    return [
        f"audit: {name} is {said}, the events give {got}"
        for name, said, got in pairs
        if said is not None and said != got
    ]


def _decode_rejects(errors: list[DecodeError], ctx: FileContext) -> pl.DataFrame:
    return rejects(
        ctx,
        pl.DataFrame(
            [
                (e.record_index, e.offset, e.code, f"at octet {e.offset}: {e.detail}", e.raw)
                for e in errors
            ],
            schema={
                "record_index": pl.Int32,
                "byte_offset": pl.Int64,
                "code": pl.String,
                "detail": pl.String,
                "raw": pl.Binary,
            },
            orient="row",
        ),
    )


def _no_events() -> pl.DataFrame:
    return pl.DataFrame(
        schema={"record_index": pl.Int32, "byte_offset": pl.Int64, "byte_length": pl.Int32}
    )


def _likeness(data: bytes) -> str:
    """What a file that is not TAP looks like, with its article."""
    if not data:
        return "an empty file"
    known = {"rap": "a RAP file", "nrtrde": "an NRTRDE file"}.get(identify(data) or "")
    if known:
        return known
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    for sign, likeness in _SIGNS:
        if head.lower().startswith(sign.lower()):
            return likeness
    printable = sum(32 <= b < 127 or b in b"\t\r\n" for b in data[:512])
    # A little Latin-1 or UTF-8 among the letters does not make a file binary.
    return "text" if printable >= 0.9 * len(data[:512]) else "binary data of another kind"
