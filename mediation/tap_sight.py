"""What a check of TAP validation may look at, and what a check is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import polars as pl

from asn1.audit import Totals
from asn1.tap_file import TapFile
from asn1.tap_header import TapHeader
from mediation.profile import TapChecks

NEWEST_RELEASE: Final = 12
"""What a file is taken for that does not tell its release."""

CHECKED: Final[dict[str, frozenset[str]]] = {
    "event": frozenset({
        "min", "rap_file_sequence_number", "message_description_code", "camel_exchange_rate_code",
    }),
    "charge_detail": frozenset({
        "charge_type", "charge", "chargeable_units", "charge_detail_local",
        "charge_detail_utc_offset_code",
    }),
    "charge_information": frozenset({
        "exchange_rate_code", "call_type_level1", "call_type_level2", "call_type_level3",
    }),
    "tax_information": frozenset({"tax_code", "tax_value", "taxable_amount"}),
    "discount_information": frozenset({"discount"}),
    "rec_entity_code": frozenset({"rec_entity_code"}),
}
"""Columns of the file's tables that the checks read beside those of the event view."""

_TEXTS: Final = frozenset({"min", "rap_file_sequence_number", "charge_type"})


@dataclass(frozen=True, slots=True)
class Sight:
    """One TAP file as the checks see it.

    `events` is mediation.tap_view's frame; `totals` is what the records give, None where some
    could not be read, so that no sum can be held against the audit.
    """

    file: TapFile
    header: TapHeader
    events: pl.DataFrame
    totals: Totals | None
    limits: TapChecks
    name: str
    received_at: datetime

    @property
    def release(self) -> int:
        """The TAP release, as 12 for 3.12."""
        stated = self.control.get("releaseVersionNumber", NEWEST_RELEASE)
        return stated if 1 <= stated <= NEWEST_RELEASE else NEWEST_RELEASE

    @property
    def control(self) -> dict[str, Any]:
        """The file's header, by element name."""
        groups = self.file.groups
        if self.header.kind == "notification":
            return groups
        return groups.get("batchControlInfo") or {}

    def group(self, name: str) -> dict[str, Any]:
        """A group of the batch by element name, empty where it is absent."""
        return self.file.groups.get(name) or {}

    def rows(self, group: str, table: str) -> list[dict[str, Any]]:
        """The rows of a table within a group, empty where it is absent."""
        return self.group(group).get(table) or []

    def table(self, name: str) -> pl.DataFrame:
        """The rows of a table of the records, with all columns that the checks read."""
        found = self.file.tables.get(name)
        if found is None:
            found = pl.DataFrame(schema={
                "record_index": pl.Int32, "parent": pl.Int32, "place": pl.String
            })
        return found.with_columns(
            pl.lit(None, _dtype(column)).alias(column)
            for column in sorted(CHECKED[name] - {*found.columns})
        )


@dataclass(frozen=True, slots=True)
class FileCheck:
    """A check of what the file says beside its records: one detail for each finding.

    `of` is the kind of file that it is made for.
    """

    name: str
    find: Callable[[Sight], Iterator[str]]
    of: Literal["batch", "notification", "both"] = "batch"


@dataclass(frozen=True, slots=True)
class RecordCheck:
    """A check of rows of one frame (tap_frames.FRAMES): which fail (null passes), what to say."""

    name: str
    frame: str
    fails: Callable[[Sight], pl.Expr]
    detail: Callable[[Sight], pl.Expr]


def _dtype(column: str) -> pl.DataType:
    if column in _TEXTS:
        return pl.String()
    return pl.Datetime("us") if column.endswith("_local") else pl.Int64()
