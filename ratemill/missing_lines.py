"""The line of a catalog file that would let a turned-away event be priced."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ratemill.matched_rows import Matched
from rating.catalog_read import Findings, read_text
from rating.catalog_tables import ANY, SERVICE_UNIT, TABLE_BY_NAME
from rating.rate_candidates import Candidate

_OPEN = "?"
"""Cell that only the operator can fill"""


class MissingLine(msgspec.Struct, frozen=True):
    """A line to add: the file, its header, and the cells, ? where the operator must decide."""

    file: str
    header: str
    line: str


class _Cells(NamedTuple):
    table: str
    cells: Mapping[str, str]


def missing_line(
    folder: Path, code: str, usage: Mapping[str, Any], matched: Matched,
    nearest: Candidate | None = None,
) -> MissingLine | None:
    """The line to add to the catalog in `folder`; None where a line does not help.

    nearest is the rate that a line for rates.csv takes its intervals and unit from.
    """
    wanted = _cells(folder, code, usage, matched, nearest)
    if wanted is None:
        return None
    names = _columns(folder, wanted.table)
    line = ",".join(wanted.cells.get(name, "") for name in names)
    return MissingLine(f"{wanted.table}.csv", ",".join(names), line)


def _columns(folder: Path, table: str) -> list[str]:
    """The columns in the order of the file; as declared where there is none."""
    path = folder / f"{table}.csv"
    if path.exists():
        with path.open(encoding="utf-8-sig") as file:
            return [name.strip().strip('"') for name in file.readline().split(",")]
    return [c.name for c in TABLE_BY_NAME[table].columns]


def _cells(
    folder: Path, code: str, usage: Mapping[str, Any], m: Matched, nearest: Candidate | None
) -> _Cells | None:
    """The table that lacks a row, and the cells that are known."""
    day = usage["started_at"].date().isoformat()
    if code in {"RATE_MISSING", "WHOLESALE_RATE_MISSING"}:
        if code.startswith("WHOLESALE") and not m.agreement:
            return _Cells("agreements", {"partner": usage["partner"], "tariff": _OPEN})
        tariff = m.agreement if code.startswith("WHOLESALE") else m.tariff
        return _Cells("rates", _rate(folder, tariff, usage, m, nearest))
    simple = {
        "SUBSCRIBER_UNKNOWN": _Cells("sims", {
            "imsi": usage["imsi"] or _OPEN, "msisdn": usage["msisdn"] or _OPEN, "account": _OPEN,
            "valid_from": day}),
        "PRODUCT_MISSING": _Cells("products", {"product": m.product, "tariff": _OPEN})
        if m.product else _Cells("subscriptions", {"account": m.account, "product": _OPEN,
                                                   "valid_from": day}),
        "NETWORK_UNKNOWN": _Cells("networks", {
            "tadig": usage["serving_network"], "mcc_mnc": _OPEN, "country": _OPEN, "zone": _OPEN,
            "timezone": _OPEN}),
        "DESTINATION_UNKNOWN": _Cells("number_plan", {
            "prefix": usage["other_party"] or _OPEN, "destination": _OPEN, "zone": _OPEN}),
        "TAX_MISSING": _Cells("taxes", {
            "tax": m.tax, "serving_zone": m.serving_zone, "percent": _OPEN}),
        "EXCHANGE_RATE_MISSING": _Cells("exchange_rates", {
            "from": _OPEN, "to": m.currency, "rate": _OPEN, "valid_from": day}),
    }
    return simple.get(code)


def _rate(
    folder: Path, tariff: str, usage: Mapping[str, Any], m: Matched, nearest: Candidate | None
) -> dict[str, str]:
    """The cells of a rate for the event: the nearest rate's intervals, no price."""
    cells = {"first_interval": _OPEN, "next_interval": _OPEN, "per": _OPEN,
             "unit": SERVICE_UNIT[usage["service"]]}
    if nearest is not None:
        unread: Findings = []
        rates = read_text(folder, TABLE_BY_NAME["rates"], unread)
        line = int(nearest.rate_row.rpartition(":")[2])
        near = rates.filter(line=line).row(0, named=True)
        if near["service"] == usage["service"]:
            cells = {name: near[name] or _OPEN for name in cells}
    return cells | {
        "tariff": tariff, "service": usage["service"], "direction": usage["direction"],
        "serving_zone": m.serving_zone, "destination_zone": m.destination_zone, "band": ANY,
        "price": _OPEN,
    }
