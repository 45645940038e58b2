"""TAP validation of records: subscriber, start, cause, numbers, network, charges and taxes."""

from collections.abc import Iterator
from functools import partial
from typing import Final

import polars as pl

from mediation.tap_checks_header import time_of
from mediation.tap_checks_tables import CHARGE_TYPES
from mediation.tap_frames import TAX_RATE_UNIT
from mediation.tap_sight import RecordCheck, Sight
from mediation.tap_view import micros_per_unit

CAUSES: Final = (3, 4, 5, 20)
"""Unsuccessful, abnormal, CAMEL release, management; a normal end has no cause."""
CAUSES_UNTIL_33: Final = (1, *CAUSES, 16, 17, 18, 19)
"""The early releases have causes for partial records too."""
CHARGE_TYPES_UNTIL_310: Final = (*CHARGE_TYPES, "05", "14", "15", "100", "101", "102")
PACKET_ENTITIES: Final = (3, 4, 6, 7, 8)
"""GGSN, SGSN, Wi-Fi, P-GW, S-GW. Only the first two are confirmed by a public source."""
CHARGING_ID_MAX: Final = (1 << 32) - 1

_CALLS: Final = {9: "mobileOriginatedCall", 10: "mobileTerminatedCall", 14: "gprsCall"}
_SUBSCRIBERS: Final = (*_CALLS.values(), "supplServiceEvent")
_SMS_MT: Final = "21"
_FIVE_DIGITS: Final = "^[0-9]{5}$"
_FOURTEEN_DIGITS: Final = "'[0-9]{14}'"


def _of(*events: str) -> pl.Expr:
    return pl.col("event").is_in(events)


def _said(text: str, *columns: str) -> pl.Expr:
    return pl.format(text, *(pl.col(c).cast(pl.String).fill_null("absent") for c in columns))


def _subscriber_checks() -> Iterator[RecordCheck]:
    no_imsi, no_min = pl.col("imsi").is_null(), pl.col("min").is_null()
    yield RecordCheck(
        "TAP_427_30", "event", lambda _: _of(*_SUBSCRIBERS) & no_imsi & no_min,
        lambda _: pl.lit("neither an IMSI nor a MIN is there"),
    )
    yield RecordCheck(
        "TAP_427_31", "event", lambda _: _of(*_SUBSCRIBERS) & ~no_imsi & ~no_min,
        lambda _: _said("IMSI {} and MIN {}", "imsi", "min"),
    )
    yield RecordCheck(
        "TAP_427_32", "event",
        lambda s: pl.lit(s.limits.msisdn_needed) & _of(*_SUBSCRIBERS) & pl.col("msisdn").is_null(),
        lambda _: pl.lit("no MSISDN is there"),
    )
    yield RecordCheck(
        "TAP_286_30", "event",
        lambda _: _of("serviceCentreUsage") & no_imsi & pl.col("msisdn").is_null() & no_min,
        lambda _: pl.lit("neither an IMSI nor an MSISDN is there"),
    )


def _start_checks() -> Iterator[RecordCheck]:
    call = _of(*_CALLS.values())
    faulty = call & pl.col("start_local").is_null() & pl.col("start_fault").is_not_null()
    digits = pl.col("start_fault").str.contains(_FOURTEEN_DIGITS)
    yield RecordCheck(
        "TAP_44_10", "event", lambda _: faulty & ~digits,
        lambda _: _said("the local start time cannot be read: {}", "start_fault"),
    )
    yield RecordCheck(
        "TAP_44_20", "event", lambda _: faulty & digits,
        lambda _: _said("the local start time cannot be: {}", "start_fault"),
    )
    yield RecordCheck(
        "TAP_44_30", "event",
        lambda _: call & pl.col("start_local").is_not_null() & pl.col("utc_offset_code").is_null(),
        lambda _: _said("the start {} has no UTC offset code", "start_local"),
    )
    for tag, event in _CALLS.items():
        yield RecordCheck(f"TAP_{tag}_261", "event", partial(_too_old, event), _age)


def _too_old(event: str, sight: Sight) -> pl.Expr:
    """Whether an event began too long before the file was available, or else received."""
    available = time_of(sight, "fileAvailableTimeStamp") or sight.received_at
    started = pl.col("start_local") - pl.duration(seconds="utc_offset_s")
    # A sum of columns, for the time of a damaged header may be the first that there is.
    return _of(event) & (started + pl.duration(days=sight.limits.age_max_days) < available)


def _age(sight: Sight) -> pl.Expr:
    return pl.format(
        "the start {} is more than {} days before the file was available",
        pl.col("start_local").dt.to_string("%F %T"), pl.lit(sight.limits.age_max_days),
    )


def _value_checks() -> Iterator[RecordCheck]:
    """Checks of single values of an event."""
    yield RecordCheck(
        "TAP_58_20", "event",
        lambda s: ~pl.col("cause_for_term").is_in(CAUSES if s.release > 3 else CAUSES_UNTIL_33),
        lambda _: _said("causeForTerm is {}", "cause_for_term"),
    )
    partial_kind = pl.col("partial_indicator")
    yield RecordCheck(
        "TAP_58_100", "event",
        lambda _: _of("gprsCall") & pl.col("cause_for_term").is_not_null()
        & partial_kind.is_in(["F", "I"]),
        lambda _: _said("causeForTerm {} on a partial record {}",
                        "cause_for_term", "partial_indicator"),
    )
    yield RecordCheck(
        "TAP_166_10", "event", lambda _: partial_kind.str.len_chars() != 1,
        lambda _: _said("partialTypeIndicator is {}", "partial_indicator"),
    )
    yield RecordCheck(
        "TAP_166_20", "event",
        lambda _: (partial_kind.str.len_chars() == 1) & ~partial_kind.is_in(["F", "I", "L"]),
        lambda _: _said("partialTypeIndicator is {}", "partial_indicator"),
    )
    yield RecordCheck(
        "TAP_72_20", "event", lambda _: ~pl.col("charging_id").is_between(0, CHARGING_ID_MAX),
        lambda _: _said("chargingId is {}", "charging_id"),
    )
    rap = pl.col("rap_file_sequence_number")
    yield RecordCheck(
        "TAP_181_11", "event", lambda _: ~rap.str.contains(_FIVE_DIGITS),
        lambda _: _said("rapFileSequenceNumber is {}", "rap_file_sequence_number"),
    )
    yield RecordCheck(
        "TAP_181_21", "event", lambda _: rap == "00000",
        lambda _: _said("rapFileSequenceNumber is {}", "rap_file_sequence_number"),
    )


def _number_checks() -> Iterator[RecordCheck]:
    mt, sms = _of("mobileTerminatedCall"), pl.col("tele_service_code") == _SMS_MT
    sms = sms.fill_null(value=False)
    number = pl.col("calling_number")
    yield RecordCheck(
        "TAP_405_11", "event", lambda _: mt & sms & ~number.str.contains("^[0-9]{5,15}$"),
        lambda _: _said("callingNumber of a short message is {}", "calling_number"),
    )
    yield RecordCheck(
        "TAP_405_10", "event", lambda _: mt & ~sms & ~number.str.contains("^[0-9]+$"),
        lambda _: _said("callingNumber is {}", "calling_number"),
    )


def _table_codes(sight: Sight, group: str, table: str, code: str) -> list[int]:
    return [row[code] for row in sight.rows(group, table) if code in row]


def _entity_checks() -> Iterator[RecordCheck]:
    yield RecordCheck(
        "TAP_184_100", "recording_entity",
        lambda s: ~pl.col("code").is_in(
            _table_codes(s, "networkInfo", "recEntityInfo", "recEntityCode")),
        lambda _: _said("recEntityCode {} is not in the file's networkInfo", "code"),
    )
    yield RecordCheck(
        "TAP_184_12", "recording_entity",
        lambda s: _of("gprsCall") & pl.col("code").is_in([
            code for code, (kind, _) in s.header.rec_entities.items()
            if kind not in (None, *PACKET_ENTITIES)
        ]),
        lambda _: _said("recEntityCode {} is of another type", "code"),
    )


def _message_codes(sight: Sight) -> list[int]:
    rows = sight.file.groups.get("messageDescriptionInfo") or []
    return [row["messageDescriptionCode"] for row in rows if "messageDescriptionCode" in row]


def _message_checks() -> Iterator[RecordCheck]:
    yield RecordCheck(
        "TAP_141_100", "event",
        lambda s: ~pl.col("message_description_code").is_in(_message_codes(s)),
        lambda _: _said("messageDescriptionCode {} is not in the file's table",
                        "message_description_code"),
    )


def _rate_code_checks() -> Iterator[RecordCheck]:
    """Of exchange rates: those of the charges, and those of events that are charged as a whole."""
    places = (
        ("charge_information", "exchange_rate_code"), ("event", "exchange_rate_code"),
        ("event", "camel_exchange_rate_code"),
    )
    for frame, column in places:
        yield RecordCheck(
            "TAP_105_101", frame, partial(_no_rate, column),
            lambda _, c=column: _said(  # type: ignore[misc]
                "exchangeRateCode {} is not in the file's currencyConversionInfo", c),
        )


def _no_rate(column: str, sight: Sight) -> pl.Expr:
    known = _table_codes(
        sight, "accountingInfo", "currencyConversionInfo", "exchangeRateCode"
    )
    return ~pl.col(column).is_in(known)


def _call_type_checks() -> Iterator[RecordCheck]:
    levels = [f"call_type_level{n}" for n in (1, 2, 3)]
    for code, level in zip((30, 31, 32), levels, strict=True):
        yield RecordCheck(
            f"TAP_258_{code}", "charge_information", partial(_level_lacks, level),
            lambda _, n=level[-1]: pl.lit(f"callTypeLevel{n} is absent"),  # type: ignore[misc]
        )


def _level_lacks(level: str, sight: Sight) -> pl.Expr:
    """Whether a call type group is there without the level."""
    of = _of("mobileOriginatedCall", "gprsCall" if sight.release > 10 else "")
    stated = pl.any_horizontal(pl.col(f"call_type_level{n}").is_not_null() for n in (1, 2, 3))
    return of & stated & pl.col(level).is_null()


def _charge_checks() -> Iterator[RecordCheck]:
    kind = pl.col("charge_type")
    syntax = kind.str.contains("^[0-9]{2,3}$")
    yield RecordCheck(
        "TAP_71_10", "charge_detail", lambda _: ~syntax,
        lambda _: _said("chargeType is {}", "charge_type"),
    )
    yield RecordCheck(
        "TAP_71_20", "charge_detail",
        lambda s: syntax & ~kind.is_in(CHARGE_TYPES if s.release > 10 else CHARGE_TYPES_UNTIL_310),
        lambda _: _said("chargeType is {}", "charge_type"),
    )
    yield RecordCheck(
        "TAP_65_20", "charge_detail", lambda _: pl.col("chargeable_units") < 0,
        lambda _: _said("chargeableUnits is {}", "chargeable_units"),
    )
    yield RecordCheck(
        "TAP_44_100", "charge_detail", lambda _: pl.col("start_at") > pl.col("detail_at"),
        lambda _: _said("the record starts at {} UTC, a charge detail of it is of {} UTC",
                        "start_at", "detail_at"),
    )


def _tax_checks() -> Iterator[RecordCheck]:
    value = pl.col("tax_value")
    yield RecordCheck(
        "TAP_213_30", "tax_information", lambda _: pl.col("tax_code").is_null(),
        lambda _: _said("the tax {} has no taxCode", "tax_value"),
    )
    yield RecordCheck(
        "TAP_213_31", "tax_information", lambda _: value.is_null(),
        lambda _: _said("the tax of taxCode {} has no taxValue", "tax_code"),
    )
    yield RecordCheck(
        "TAP_397_20", "tax_information", lambda _: value < 0,
        lambda _: _said("taxValue is {}", "tax_value"),
    )
    yield RecordCheck(
        "TAP_397_22", "tax_information", _other_tax,
        lambda _: _said("taxValue is {}; the rate {} (in 1/100000 percent) of {} is another",
                        "tax_value", "rate", "amount"),
    )


def _other_tax(sight: Sight) -> pl.Expr:
    """Whether a tax differs from its rate by more than the tolerance, in whole numbers."""
    wide = pl.col("tax_value").cast(pl.Int128) * TAX_RATE_UNIT
    off = (wide - pl.col("amount").cast(pl.Int128) * pl.col("rate")).abs()
    tolerance = sight.limits.tax_tolerance_micros * TAX_RATE_UNIT // micros_per_unit(sight.header)
    return off > pl.lit(tolerance, pl.Int128)


RECORD_CHECKS: Final[tuple[RecordCheck, ...]] = (
    *_subscriber_checks(),
    *_start_checks(),
    *_value_checks(),
    *_number_checks(),
    *_entity_checks(),
    *_message_checks(),
    *_rate_code_checks(),
    *_call_type_checks(),
    *_charge_checks(),
    *_tax_checks(),
)
"""In the order of what decides: of two severe errors the first is the record's."""
