"""The call events of a TAP file with its own tables applied: offsets, money, doubtful values."""

import re
from typing import Any, Final

import polars as pl

from asn1.events import event_frame, negative_parts
from asn1.tap_file import TapFile
from asn1.tap_header import TapHeader

MICRO_DECIMALS: Final = 6
"""Decimals of micro-units: a TAP amount has 0 to 6 (tapDecimalPlaces), so it fits exactly."""

NANO_DECIMALS: Final = 9
"""Decimals of billionths, in which exchange rates are told."""

INT32_MAX: Final = (1 << 31) - 1

_BESIDE_A_CALL: Final = re.compile("valueAddedServiceUsed|supplServiceUsed")
"""Elements whose times are not the start of what we charge."""

POSTED: Final = frozenset({"charge", "camel_fee", "tax", "volume_incoming", "volume_outgoing"})
"""Sums that come into usage."""


def told_events(file: TapFile, header: TapHeader) -> pl.DataFrame:
    """asn1's event view, with what the file says of its values beside them.

    More columns: utc_offset_s (null for an unknown code), charge_stated (charge and CAMEL fee, in
    units of charge), partner_charge_micros, partner_tax_micros and partner_discount_micros (null
    where 64 bits do not hold them), partner_per_sdr_nanos (null where the file's rates are not for
    the currency of its charges), start_fault (what stands where a time should), negative_part (a
    negative amount or volume that the record's sums are made of).
    """
    events = event_frame(file)
    stated = pl.any_horizontal(pl.col("charge", "camel_fee").is_not_null())
    events = events.with_columns(
        # No real record is longer; the octets kept of it are cut far earlier.
        pl.col("byte_length").clip(upper_bound=INT32_MAX).cast(pl.Int32),
        utc_offset_s=_looked_up("utc_offset_code", header.utc_offsets, pl.Int32()),
        charge_stated=pl.when(stated).then(pl.sum_horizontal("charge", "camel_fee")),
        start_fault=_looked_up("record_index", _time_faults(file), pl.String()),
        negative_part=_looked_up("record_index", _negative_parts(file), pl.String()),
    )
    factor = pl.lit(micros_per_unit(header), dtype=pl.Int128)
    return events.with_columns(
        partner_charge_micros=(pl.col("charge_stated") * factor).cast(pl.Int64, strict=False),
        partner_tax_micros=(pl.col("tax") * factor).cast(pl.Int64, strict=False),
        partner_discount_micros=(pl.col("discount") * factor).cast(pl.Int64, strict=False),
        partner_per_sdr_nanos=_looked_up("exchange_rate_code", _per_sdr(header), pl.Int64()),
    )


def _per_sdr(header: TapHeader) -> dict[int, int]:
    """Billionths of the charges' currency for one SDR, by exchange rate code.

    A file's rates are for its local currency: they say nothing of charges in another one.
    """
    if header.tap_currency != header.local_currency:
        return {}
    return {
        code: rate * 10 ** (NANO_DECIMALS - places)
        for code, (places, rate) in header.exchange_rates.items()
        if places <= NANO_DECIMALS and 0 < rate * 10 ** (NANO_DECIMALS - places) < 1 << 63
    }


def micros_per_unit(header: TapHeader) -> int:
    """Micro-units in one unit of the file's amounts."""
    return int(10 ** (MICRO_DECIMALS - header.tap_decimal_places))


def _looked_up(column: str, table: dict[int, Any], dtype: pl.DataType) -> pl.Expr:
    """What the table has for each value of the column, else null."""
    return pl.col(column).replace_strict(
        list(table), list(table.values()), default=None, return_dtype=dtype
    )


def _time_faults(file: TapFile) -> dict[int, str]:
    """The first time of each record that is none, in words."""
    found: dict[int, str] = {}
    for note in file.notes:
        if note.code == "TIME" and not _BESIDE_A_CALL.search(note.detail):
            assert note.record_index is not None
            found.setdefault(note.record_index, note.detail)
    return found


def _negative_parts(file: TapFile) -> dict[int, str]:
    """The first negative part of each record's sums, as "charge -5"."""
    found: dict[int, str] = {}
    if any(note.code == "NEGATIVE" for note in file.notes):
        for index, name, value in negative_parts(file).iter_rows():
            if name in POSTED:
                found.setdefault(index, f"{name} {value}")
    return found
