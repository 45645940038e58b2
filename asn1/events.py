"""The view of call events: one wide row for each, made from the tables of its file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import polars as pl

from asn1.audit import TOTAL_CHARGE_TYPE

if TYPE_CHECKING:
    from asn1.tap import TapFile


@dataclass(frozen=True, slots=True)
class EventColumn:
    """One column: its type, meaning, and the table columns (as "table.column") that fill it.

    `first` is the first value in file order of the first source that gives one, `sum` adds the
    values of all sources; null where there is none. Sums are 128 bits wide, so they never wrap.
    """

    name: str
    dtype: pl.DataType
    doc: str
    sources: tuple[str, ...] = ()
    reduce: Literal["first", "sum"] = "first"


_TEXT, _I32, _I64, _SUM = pl.String(), pl.Int32(), pl.Int64(), pl.Int128()
_STARTS: Final = (
    "event.call_event_start", "event.service_start", "suppl_service_used.charging",
    "event.deposit", "event.order_placed", "event.requested_lcs_request",
    "value_added_service_used.charging",
)
"""When an event starts; each kind of event has one of them."""
_EVENTS_ALONE: Final = {
    "suppl_service_used": "supplServiceEvent", "value_added_service_used": "valueAddedService",
}
"""Services with times of their own, and the kind of event that is nothing but such a service."""
_VOLUMES: Final = ("event", "gprs_service_usage", "content_service_used")


def _ended(names: tuple[str, ...], end: str) -> tuple[str, ...]:
    return tuple(name + end for name in names)


C = EventColumn
COLUMNS: Final[tuple[EventColumn, ...]] = (
    C("record_index", _I32, "position of the record in its file, from 0, bad records counted",
      ("event.record_index",)),
    C("byte_offset", _I64, "offset of the record's tag in the file", ("event.byte_offset",)),
    C("byte_length", _I64, "length of the record with tag and length, in octets",
      ("event.byte_length",)),
    C("event", _TEXT, "call event type, as mobileOriginatedCall", ("event.event",)),
    C("imsi", _TEXT, "IMSI of the charged subscriber", ("event.imsi",)),
    C("msisdn", _TEXT, "MSISDN of the charged subscriber",
      ("event.msisdn", "event.subscriber_msisdn")),
    C("imei", _TEXT, "IMEI", ("event.imei",)),
    C("called_number", _TEXT, "called number, digits", ("event.called_number",)),
    C("calling_number", _TEXT, "calling number, digits", ("event.calling_number",)),
    C("dialled_digits", _TEXT, "digits as dialled", ("event.dialled_digits",)),
    C("sms_destination", _TEXT, "destination of a short message, as text",
      ("event.sms_destination_number",)),
    C("sms_originator", _TEXT, "originator of a short message, as text",
      ("event.sms_originator",)),
    C("start_local", pl.Datetime("us"), "start in local time; null also where it is no time",
      _ended(_STARTS, "_local")),
    C("utc_offset_code", _I64, "code of the offset of start_local, of the file's network table",
      _ended(_STARTS, "_utc_offset_code")),
    C("duration_s", _I64, "duration",
      ("event.total_call_event_duration", "event.total_transaction_duration")),
    C("tele_service_code", _TEXT, "teleservice, as 11",
      ("basic_service_used.tele_service_code",)),
    C("bearer_service_code", _TEXT, "bearer service, as 26",
      ("basic_service_used.bearer_service_code",)),
    C("apn_ni", _TEXT, "network part of the access point name",
      ("event.access_point_name_ni", "event.access_point_name")),
    C("volume_incoming", _SUM, "octets, dataVolumeIncoming",
      _ended(_VOLUMES, ".data_volume_incoming"), "sum"),
    C("volume_outgoing", _SUM, "octets, dataVolumeOutgoing",
      _ended(_VOLUMES, ".data_volume_outgoing"), "sum"),
    C("charging_id", _I64, "charging id of a packet session", ("event.charging_id",)),
    C("call_reference", _TEXT, "call reference, hexadecimal", ("event.call_reference",)),
    C("event_reference", _TEXT, "reference of a session or message over IP",
      ("event.event_reference",)),
    C("partial_indicator", _TEXT, "F, I or L", ("event.partial_type_indicator",)),
    C("cause_for_term", _I64, "cause of an abnormal end", ("event.cause_for_term",)),
    C("rec_entity_code", _I64, "first recording entity, of the file's network table",
      ("event.rec_entity_code", "rec_entity_code.rec_entity_code")),
    C("cell_id", _I64, "cell", ("event.cell_id",)),
    C("location_area", _I64, "location area", ("event.location_area",)),
    C("charge", _SUM, "charge before tax, in 10^-tap_decimal_places of the TAP currency",
      ("charge_detail.charge", "event.charge", "event.aggregated_usage_charge"), "sum"),
    C("camel_fee", _SUM, "CAMEL invocation fee, in units of charge; not part of it",
      ("event.camel_invocation_fee",), "sum"),
    C("tax", _SUM, "sum of the tax values, in units of charge",
      ("tax_information.tax_value",), "sum"),
    C("discount", _SUM, "sum of the discounts, in units of charge; the charge is after them",
      ("discount_information.discount",), "sum"),
    C("charge_refund_indicator", _I64, "content: 1 where the charge is given back",
      ("content_service_used.charge_refund_indicator",)),
    C("charged_units", _SUM, "units charged for, after rounding, of the totals",
      ("charge_detail.charged_units",), "sum"),
    C("exchange_rate_code", _I64, "code of the exchange rate, of the file's currency table",
      ("charge_information.exchange_rate_code", "event.exchange_rate_code")),
    *(
        C(f"call_type_level{n}", _I64, f"call type group, level {n}",
          (f"charge_information.call_type_level{n}", f"event.call_type_level{n}"))
        for n in (1, 2, 3)
    ),
)
_EVERY_TABLE: Final = frozenset({"record_index", "byte_offset", "byte_length", "event"})
"""Columns of the event table that are there whatever is selected."""


def _sources() -> Iterator[tuple[str, str, EventColumn]]:
    """Table and column of each source, and what it is for."""
    for column in COLUMNS:
        for source in column.sources:
            table, _, name = source.partition(".")
            yield table, name, column


def _selection() -> dict[str, frozenset[str]]:
    wanted = {"charge_detail": {"charge_type"}}
    for table, name, _ in _sources():
        if table != "event" or name not in _EVERY_TABLE:
            wanted.setdefault(table, set()).add(name)
    return {table: frozenset(names) for table, names in wanted.items()}


SELECTION: Final[Mapping[str, frozenset[str]]] = _selection()
"""The table columns that the view is made of: with them as its `columns`, read gives it all."""


def event_frame(file: "TapFile") -> pl.DataFrame:
    """The columns COLUMNS of a transfer batch's readable call events, in file order."""
    tables = file.tables
    if "event" not in tables:
        return pl.DataFrame(schema={c.name: c.dtype for c in COLUMNS})
    keys = _rows(tables, "event").select("record_index")
    parts = [_rows(tables, "event").select(**_present(tables, "event"))]
    parts += [
        _beside(keys, _reduced(tables, table))
        for table in SELECTION if table != "event" and table in tables
    ]
    sources = pl.concat(parts, how="horizontal")
    return sources.select(_value(column, sources.schema) for column in COLUMNS)


def negative_parts(file: "TapFile") -> pl.DataFrame:
    """The negative values that sums of COLUMNS are made of: record_index, name and value.

    In the order of the records; name is that of the sum.
    """
    found = [
        _rows(file.tables, table).filter(pl.col(name) < 0).select(
            "record_index", name=pl.lit(column.name), value=pl.col(name)
        )
        for table, name, column in _sources()
        if column.reduce == "sum" and table in file.tables and name in file.tables[table].columns
    ]
    schema = {"record_index": pl.Int32, "name": pl.String, "value": pl.Int64}
    return pl.concat([pl.DataFrame(schema=schema), *found]).sort(
        "record_index", maintain_order=True
    )


def _rows(tables: Mapping[str, pl.DataFrame], table: str) -> pl.DataFrame:
    """The table's rows that count, known to be in the order of their records."""
    rows = tables[table].with_columns(pl.col("record_index").set_sorted())
    if table == "charge_detail":
        if "charge_type" not in rows.columns:
            return rows.clear()
        return rows.filter(pl.col("charge_type") == TOTAL_CHARGE_TYPE)
    if table in _EVENTS_ALONE:
        events = tables["event"].filter(pl.col("event") == _EVENTS_ALONE[table])
        return rows.join(events, on="record_index", how="semi", maintain_order="left")
    return rows


def _present(tables: Mapping[str, pl.DataFrame], table: str) -> dict[str, pl.Expr]:
    """The sources of that table which the file has."""
    return {
        f"{table}.{name}": pl.col(name)
        for of, name, _ in _sources() if of == table and name in tables[table].columns
    }


def _reduced(tables: Mapping[str, pl.DataFrame], table: str) -> pl.DataFrame:
    """One row for each record, of the sources that the table has."""
    present = _present(tables, table)
    rows = _rows(tables, table)
    if rows["record_index"].n_unique() == rows.height:
        return rows.select("record_index", **present)
    summed = {f"{of}.{name}" for of, name, column in _sources() if column.reduce == "sum"}
    return rows.group_by("record_index", maintain_order=True).agg(
        **{
            source: _sum(value) if source in summed else value.first(ignore_nulls=True)
            for source, value in present.items()
        }
    )


def _beside(keys: pl.DataFrame, part: pl.DataFrame) -> pl.DataFrame:
    """The part without its record_index, one row for each of the keys."""
    if not part["record_index"].equals(keys["record_index"]):
        part = keys.join(part, on="record_index", how="left", maintain_order="left")
    return part.drop("record_index")


def _sum(value: pl.Expr) -> pl.Expr:
    """The sum of the values, null where there is none."""
    return pl.when(value.count() > 0).then(value.cast(_SUM).sum())


def _value(column: EventColumn, types: pl.Schema) -> pl.Expr:
    """The column, of those of its sources that are there."""
    present = [source for source in column.sources if source in types]
    if not present:
        return pl.lit(None, column.dtype).alias(column.name)
    if column.reduce == "sum":
        stated = pl.any_horizontal(pl.col(present).is_not_null())
        total = pl.sum_horizontal(pl.col(present).cast(_SUM))
        return pl.when(stated).then(total).alias(column.name)
    value = pl.coalesce(present)
    if types[present[0]] == pl.Binary:
        value = value.bin.encode("hex")
    value = value.cast(column.dtype).alias(column.name)
    return pl.when(value != "").then(value) if column.dtype == _TEXT else value
