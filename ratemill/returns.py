"""Returns to partners: RAP files of records and files that break TD.57, and of files missing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import polars as pl

from asn1.item_path import group_with, path_in_record
from asn1.rap_write import (
    ReturnError,
    fatal_return,
    missing_return,
    return_batch,
    severe_return,
    stop_return,
)
from asn1.tap import read
from asn1.tap_file import TapFile
from asn1.tap_header import TapHeader
from charging import audit
from charging.ledger import Ledger
from mediation.schema import RETURNED
from mediation.unpack import unpack
from ratemill.atomic import replacing
from ratemill.decisions import Author
from ratemill.errors import RatemillError
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.mediating import collected, decoded
from ratemill.refs import split

_RELEASE: Final = {"rapSpecificationVersionNumber": 1, "rapReleaseVersionNumber": 5}
_TAP_RELEASE: Final = "3.12"
"""Of the returned data, where no file says it"""
_LAST: Final = 99_999


def return_file(home: Home, ref: str, author: Author) -> dict[str, Any]:
    """The row (table returned) of the RAP file that gives back what of a TAP file breaks TD.57.

    The whole file where an error is fatal, else its records with severe errors, each with its
    octets as they came. It is made once: the row that is there is given again. RatemillError
    where there is nothing to give back.
    """
    partner, file_id = split(ref)
    with home.alone("return"):
        known = returned(home, partner).filter(subject=file_id)
        if known.height:
            return known.row(0, named=True)
        file, header = tap_file(home, ref)
        errors = _errors(home, ref)
        fatal = errors.filter(severity="fatal")
        kind, rows = ("fatal", fatal.head(1)) if fatal.height else ("severe", errors)
        records = decoded(home, ref).records.join(rows, on="record_index", how="semi")
        if kind == "fatal":
            details, totals = [_fatal(header, file, rows)], {}
        else:
            details, totals = severe_details(header, file, rows, records), severe_totals(records)
        return made(home, partner, header, totals, details, author, {
            "subject": file_id, "kind": kind, "currency": header.tap_currency,
            "charge_micros": summed(records["partner_charge_micros"]) if totals else 0,
        })


def return_missing(
    home: Home, partner: str, first: int, last: int, author: Author
) -> dict[str, Any]:
    """The row of the RAP file that asks for TAP files of these numbers; made once."""
    if not 0 < first <= last <= _LAST:
        raise RatemillError(f"{first}-{last}", "is no range of sequence numbers",
                            f"the first comes first, and both are within 1 to {_LAST}")
    detail = missing_return(f"{first:05d}", f"{last:05d}")
    return _of_numbers(home, partner, detail, author, kind="missing",
                       subject=f"missing:{first}-{last}")


def return_stop(home: Home, partner: str, last: int, author: Author) -> dict[str, Any]:
    """The row of the RAP file that names the last TAP file's number to a partner; made once."""
    if not 0 < last <= _LAST:
        raise RatemillError(str(last), "is no sequence number", f"they are within 1 to {_LAST}")
    return _of_numbers(home, partner, stop_return(f"{last:05d}"), author, kind="stop",
                       subject=f"stop:{last}")


def _of_numbers(
    home: Home, partner: str, detail: bytes, author: Author, *, kind: str, subject: str
) -> dict[str, Any]:
    """The row of a RAP file that is about numbers of files, not about one that came."""
    with home.alone("return"):
        known = returned(home, partner).filter(subject=subject)
        if known.height:
            return known.row(0, named=True)
        return made(home, partner, TapHeader("transfer_batch"), {}, [detail], author, {
            "subject": subject, "kind": kind, "charge_micros": 0, "currency": None,
        })


def returned(home: Home, partner: str = "*") -> pl.DataFrame:
    """Table returned, of one partner or all, in the order of their making."""
    lake = Lake(home.lake)
    return lake.read(RETURNED, lake.files(RETURNED, f"{partner}/*.parquet")).sort(
        "partner", "at", "rap_sequence"
    )


def tap_file(home: Home, ref: str) -> tuple[TapFile, TapHeader]:
    """The TAP file as it came, and what it says of itself."""
    row = collected(Lake(home.lake), ref).row(0, named=True)
    if home.profiles()[row["partner"]].format.kind != "tap":
        raise RatemillError(row["name"], "is no TAP file", "RAP gives back TAP alone")
    file = read(unpack(home.archived(*split(ref)).read_bytes()))
    if not isinstance(file.header, TapHeader) or file.header.sequence is None:
        raise RatemillError(row["name"], "states no sequence number", "write to the partner")
    return file, file.header


def _errors(home: Home, ref: str) -> pl.DataFrame:
    """Rejects of a file by errors of TD.57, with the tag and the code of each."""
    found = Lake(home.lake).rejects(*split(ref)).filter(outcome="suspended").with_columns(
        pl.col("code").str.extract_groups(r"^TAP_(?<tag>\d+)_(?<error>\d+)$")
        .struct.field("tag", "error").cast(pl.Int64)
    ).drop_nulls("tag")
    if found.is_empty():
        raise RatemillError(ref, "has nothing in suspense that breaks TD.57",
                            "`ratemill suspense list` says what is the matter with it")
    return found.sort("record_index", nulls_last=True)


def _fatal(header: TapHeader, file: TapFile, rows: pl.DataFrame) -> bytes:
    """The return of the whole file for its first fatal error."""
    tag, code = rows.select("tag", "error").row(0)
    name, octets, way = group_with(file.data, tag)
    return fatal_return(f"{header.sequence:05d}", name, octets, [ReturnError(code, way)])


def severe_details(
    header: TapHeader, file: TapFile, rows: pl.DataFrame, records: pl.DataFrame
) -> list[bytes]:
    """The returns of the records, each for its error: record_index, tag, error and remarks.

    remarks (lines) are left out where `rows` has none.
    """
    places = records.select("record_index", "byte_offset", "byte_length")
    remarks = "remarks" if "remarks" in rows.columns else pl.lit("").alias("remarks")
    found = rows.select("record_index", "tag", "error", remarks).join(
        places, on="record_index", maintain_order="left"
    )
    return [
        severe_return(f"{header.sequence:05d}", bytes(file.data[start:start + length]), [
            ReturnError(code, path_in_record(file.data, start, length, index + 1, tag))
        ], said.splitlines())
        for index, tag, code, said, start, length in found.iter_rows()
    ]


def severe_totals(records: pl.DataFrame) -> dict[str, Any]:
    """What the audit of a RAP file says of records given back, in units of their file."""
    return {"totalSevereReturnValue": summed(records["charge_stated"]),
            "totalSevereReturnTax": summed(records["tax"])}


def summed(amounts: pl.Series) -> int:
    """The exact sum, which may exceed 64 bits."""
    return int(amounts.cast(pl.Int128).sum())


def made(
    home: Home, partner: str, header: TapHeader, totals: dict[str, Any], details: Sequence[bytes],
    author: Author, columns: dict[str, Any],
) -> dict[str, Any]:
    """Write the RAP file into the outbox and its row into the lake; the row."""
    profile = home.profiles()[partner]
    kind = "RT" if header.file_type == "T" else "RC"  # tests are counted by themselves
    before = returned(home, partner).filter(pl.col("name").str.starts_with(kind))
    number = before.height + 1
    name = f"{kind}{profile.recipient}{profile.sender}{number:05d}"
    control = _control(home, header, author.at) | {
        "sender": profile.recipient, "recipient": profile.sender,
        "rapFileSequenceNumber": f"{number:05d}",
    }
    audit_info = {"totalSevereReturnValue": 0, **totals, "returnDetailsCount": len(details)}
    with replacing(home.outbox / partner / name) as part:
        part.write_bytes(return_batch(control, details, audit_info))
    row = RETURNED.fill(pl.DataFrame([{
        "partner": partner, "rap_sequence": number, "name": name, "details": len(details),
        "who": author.who, "why": author.why, "at": author.at, **columns,
    }], schema_overrides={"at": pl.Datetime("us"), "currency": pl.String}))
    with Ledger(home.ledger) as ledger, ledger.writing() as connection:
        audit.record(connection, author.at, who=author.who, why=author.why, action="return",
                     subject=f"{partner}/{columns['subject']}", after={"name": name})
    lake = Lake(home.lake)
    lake.write(RETURNED, lake.root / RETURNED.name / partner / f"{name}.parquet", row)
    return row.row(0, named=True)


def _control(home: Home, header: TapHeader, now: datetime) -> dict[str, Any]:
    """The header of the RAP file, but for who sends it and its number."""
    moment = moment_of(home, now)
    specification, _, release = (header.release or _TAP_RELEASE).partition(".")
    control: dict[str, Any] = {
        "rapFileCreationTimeStamp": moment, "rapFileAvailableTimeStamp": moment,
        "specificationVersionNumber": int(specification), "releaseVersionNumber": int(release),
        **_RELEASE, "tapDecimalPlaces": header.tap_decimal_places,
        "tapCurrency": header.tap_currency,
    }
    return control | ({"fileTypeIndicator": "T"} if header.file_type == "T" else {})


def moment_of(home: Home, now: datetime) -> dict[str, str]:
    """A time (naive UTC) as RAP tells it, in the home's zone."""
    local = now.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(home.settings.zone))
    return {"localTimeStamp": f"{local:%Y%m%d%H%M%S}", "utcTimeOffset": f"{local:%z}"}
