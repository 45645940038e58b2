"""TAP files: what TD.57 means by their records, told in the words of table usage."""

from collections.abc import Iterator
from typing import Final, Literal

import polars as pl

from asn1.layout import SelectionError
from asn1.tap import NotTapError, identify, read
from asn1.tap_file import DecodeError, TapFile
from asn1.tap_header import TapHeader
from mediation.decoded import Decoded, FileHeader
from mediation.file_context import FileContext
from mediation.limits import RAW_MAX_BYTES
from mediation.outcome import Outcome
from mediation.profile import Profile
from mediation.reject import file_reject, rejects
from mediation.schema import USAGE
from mediation.tap_checks import COLUMNS, TapFindings, check_tap
from mediation.tap_gateway import with_gateway
from mediation.tap_view import INT32_MAX, micros_per_unit, told_events
from mediation.usage_key import with_usage_key
from mediation.validate import MONEY_AT_RISK, first_failing

VOLUMES: Final = {"volume_incoming": "volume_down_bytes", "volume_outgoing": "volume_up_bytes"}
"""Incoming is seen from the subscriber. No public source confirms it: agree on it per partner."""

INT64_MAX: Final = (1 << 63) - 1

NAMED_MAX: Final = 5
"""Further files in the same octets that are named, when somebody joins many."""

_TOLD: Final = {
    "charge_stated": ("charge", "partner_charge_micros", "64 bits in micro-units"),
    "tax": ("tax", "partner_tax_micros", "64 bits in micro-units"),
    **{tap: (tap, usage, "64 bits") for tap, usage in VOLUMES.items()},
}
"""Numbers that usage may not hold: their name, their usage column and its width."""

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

_OTHER_KINDS: Final = {"rap": "a RAP file", "nrtrde": "an NRTRDE file"}
_SIGNS = (
    (b"<?xml", "an XML document"),
    (b"<!DOCTYPE", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<", "an XML document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\x03\x04", "a zip archive"),
    (b"BZh", "a bzip2 archive"),
)


_FOUND: Final = pl.Schema(
    {
        "record_index": pl.Int32,
        "byte_offset": pl.Int64,
        "code": pl.String,
        "detail": pl.String,
        "raw": pl.Binary,
    }
)

REPAIRED: Final = "damaged on its way and repaired: "
"""What the note begins with that says so; then all offsets are in the repaired file."""


def decode_tap(data: bytes, profile: Profile, ctx: FileContext) -> Decoded:
    """The call events of a TAP file, with what its own tables say of them.

    The records have the columns of asn1's event view, those of tap_view.told_events, and tap_code
    and tap_detail: the severe error that TAP validation gives the record back for, if any.
    """
    try:
        file = None if identify(data) in _OTHER_KINDS else read(data, columns=COLUMNS)
    except (NotTapError, SelectionError) as error:
        return _refused(data, profile, ctx, f" ({error})")
    if file is None or not isinstance(file.header, TapHeader):
        return _refused(data, profile, ctx)
    records = told_events(file, file.header)
    findings = check_tap(file, file.header, records, profile, ctx)
    records = records.join(findings.severe, on="record_index", how="left", maintain_order="left")
    if profile.partials is not None:
        records = with_gateway(records, file, file.header)
    rejected = pl.concat([_decode_rejects(file.errors, ctx), _following_reject(file, ctx)])
    content = bytes(file.data) if file.repaired else None
    return Decoded(_header(file, file.header, records, findings), records, rejected, content)


def _refused(data: bytes, profile: Profile, ctx: FileContext, why: str = "") -> Decoded:
    detail = f"{ctx.name} is {_likeness(data)}, not TAP as profile {profile.name} says{why}"
    return Decoded(FileHeader(), _no_events(), file_reject(ctx, "NOT_A_CDR_FILE", detail))


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
        started_at=pl.col("start_local") - pl.duration(seconds="utc_offset_s"),
        other_party_raw=_other_party_raw(),
        apn=pl.col("apn_ni"),
        events=pl.when(pl.col("service") == "sms").then(pl.lit(1, dtype=pl.Int64)),
        **{
            usage: pl.col(tap).cast(pl.Int64, strict=False) for tap, usage in VOLUMES.items()
        },
    ).with_columns(
        other_party=pl.col("other_party_raw").str.extract(r"^\+?([0-9]+)$"),
        partner_currency=pl.when(_has_money()).then(pl.col("partner_currency")),
    )
    meant = meant.with_columns(first_failing(_checks(header))).with_columns(
        pl.when(_given_back()).then(f"tap_{name}").otherwise(name).alias(name)
        for name in ("code", "detail")
    )
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
            "FIELD_INVALID",
            pl.col("start_local").is_null() & pl.col("start_fault").is_not_null(),
            pl.format("the local start time cannot be read: {}", "start_fault"),
        ),
        (
            "FIELD_MISSING",
            pl.col("start_local").is_null(),
            pl.lit("the event has no local start time"),
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
        *_number_checks(),
    )


def _number_checks() -> Iterator[tuple[str, pl.Expr, pl.Expr]]:
    """Numbers that usage cannot hold, and negative ones that its checks would not see."""
    for column, (name, usage, width) in _TOLD.items():
        lost = pl.col(column).is_not_null() & pl.col(usage).is_null()
        detail = pl.format("{} {} does not fit {}", pl.lit(name), column, pl.lit(width))
        yield "FIELD_INVALID", lost, detail
    yield (
        "FIELD_INVALID",
        ~pl.col("cause_for_term").is_between(-INT32_MAX, INT32_MAX),
        pl.format("cause for termination {} does not fit 32 bits", "cause_for_term"),
    )
    # Behind a sum that is negative itself, validate says more.
    seen = pl.any_horizontal(pl.col("partner_charge_micros", *VOLUMES.values()) < 0)
    yield (
        "FIELD_INVALID",
        pl.col("negative_part").is_not_null() & ~seen.fill_null(value=False),
        pl.format("{} is negative", "negative_part"),
    )


def _given_back() -> pl.Expr:
    """Whether TAP validation decides on a record: not in a test file, nor if an amount is lost."""
    lost = pl.any_horizontal(
        pl.col(column).is_not_null() & pl.col(usage).is_null()
        for column, (_, usage, _) in _TOLD.items()
    )
    return pl.col("tap_code").is_not_null() & ~lost & (pl.col("code") != "TEST_FILE").fill_null(
        value=True
    )


def _has_money() -> pl.Expr:
    """Whether there is an amount that needs a currency."""
    return pl.any_horizontal(
        pl.col("partner_charge_micros", "partner_tax_micros").is_not_null()
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


def _header(
    file: TapFile, stated: TapHeader, events: pl.DataFrame, findings: TapFindings
) -> FileHeader:
    """What the file states of itself; its audit totals are the declared ones."""
    total = stated.audit_total_charge
    notes = [f"unknown element {path} skipped {n} times" for path, n in file.unknown_tags.items()]
    if file.repaired:
        notes.insert(0, REPAIRED + file.repaired)
    if file.following:
        notes.append(_not_read(file.following))
    notes += _doubt_notes(file.notes)
    notes += [*_audit_notes(file, stated, events), *findings.notes]
    return FileHeader(
        kind=_kind(stated),
        release=stated.release,
        sequence=stated.sequence,
        rap_sequence=stated.rap_sequence,
        sender=stated.sender,
        recipient=stated.recipient,
        declared_records=_bounded(stated.audit_event_count),
        declared_charge_micros=_bounded(None if total is None else total * micros_per_unit(stated)),
        currency=stated.tap_currency,
        complete=file.complete,
        notes=tuple(notes),
        fault=findings.fault,
    )


def _kind(header: TapHeader) -> Literal["live", "test", "notification"]:
    if header.kind == "notification":
        return "notification"
    return "test" if header.file_type == "T" else "live"


def _bounded(total: int | None) -> int | None:
    """The number within 64 bits: beyond them it only has to differ from what is found."""
    return None if total is None else max(-INT64_MAX, min(total, INT64_MAX))


def _doubt_notes(found: list[DecodeError]) -> Iterator[str]:
    """How many values cannot be meant, and the first of each sort."""
    for code, what in (("TIME", "times that are none"), ("NEGATIVE", "negative numbers")):
        of_code = [n for n in found if n.code == code]
        if of_code:
            first = of_code[0]
            yield f"{what}: {len(of_code)}, first in record {first.record_index}: {first.detail}"


def _audit_notes(file: TapFile, header: TapHeader, events: pl.DataFrame) -> Iterator[str]:
    """Where the audit differs from the events; the gate decides what that means."""
    pairs = (
        ("callEventDetailsCount", header.audit_event_count, file.record_count),
        ("totalCharge", header.audit_total_charge, events["charge_stated"].sum()),
    )
    for name, said, got in pairs:
        if said is not None and said != got:
            yield f"audit: {name} is {said}, the events give {got}"


def _decode_rejects(errors: list[DecodeError], ctx: FileContext) -> pl.DataFrame:
    return rejects(
        ctx,
        pl.DataFrame(
            [
                (e.record_index, e.offset, e.code, f"at octet {e.offset}: {e.detail}", e.raw)
                for e in errors
            ],
            schema=_FOUND,
            orient="row",
        ),
    )


def _following_reject(file: TapFile, ctx: FileContext) -> pl.DataFrame:
    """One reject of all octets behind the file, when they are further files."""
    if not file.following:
        return rejects(ctx, pl.DataFrame(schema=_FOUND))
    start = file.following[0].offset
    row = (
        None, start, "FILE_FOLLOWS", f"at octet {start}: {_not_read(file.following)}",
        bytes(file.data[start : start + RAW_MAX_BYTES]),
    )
    return rejects(ctx, pl.DataFrame([row], schema=_FOUND, orient="row"))


def _not_read(following: tuple[TapFile, ...]) -> str:
    """That there are further files behind the first, and which."""
    named = ", ".join(
        f"a {f.kind.replace('_', ' ')} of {f.header.sender}, sequence {f.header.sequence}"
        for f in following[:NAMED_MAX]
    )
    if len(following) > NAMED_MAX:
        named += f" and {len(following) - NAMED_MAX} more"
    return f"behind the end of the file stands {named}, not read: send each as a file of its own"


def _no_events() -> pl.DataFrame:
    return pl.DataFrame(
        schema={"record_index": pl.Int32, "byte_offset": pl.Int64, "byte_length": pl.Int32}
    )


def _likeness(data: bytes) -> str:
    """What a file that is not TAP looks like, with its article."""
    if not data:
        return "an empty file"
    known = _OTHER_KINDS.get(identify(data) or "")
    if known:
        return known
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    for sign, likeness in _SIGNS:
        if head.lower().startswith(sign.lower()):
            return likeness
    printable = sum(32 <= b < 127 or b in b"\t\r\n" for b in data[:512])
    # A little Latin-1 or UTF-8 among the letters does not make a file binary.
    return "text" if printable >= 0.9 * len(data[:512]) else "binary data of another kind"
