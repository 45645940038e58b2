"""`ratemill iot`: what it prints."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import polars as pl

from ratemill.columns import columns, show
from ratemill.home import Home
from ratemill.iot import Variances, compared, variances
from ratemill.money import aligned_texts
from ratemill.pipeline import find
from ratemill.rollback import find_file
from ratemill.screen import out

_SHOWN: Final = 50
"""Records on the screen; --json gives them all"""


def iot_command(
    path: Path | None, environ: Mapping[str, str], file: str | None, partner: str | None,
    *, as_json: bool,
) -> int:
    """Print the variances by file, or the records of one file beyond tolerance; exit code 0."""
    home = Home.find(path, environ)
    if file is not None:
        row = find_file(home, file)
        rows = compared(home, [f"{row['partner']}/{row['file_id']}"])
        _records(row["name"], rows if rows.is_empty() else rows.filter("over"), as_json=as_json)
        return 0
    found = variances(home, find(home, partner))
    if as_json:
        out.print_json(msgspec.json.encode(found).decode())
    elif not found:
        out.print("No record states a charge.")
    else:
        show("Stated against agreed", _lines(found))
        out.print("\n`ratemill iot FILE` lists the records beyond the tolerance of the agreement.")
    return 0


def _lines(found: Sequence[Variances]) -> list[str]:
    heads = ("partner", "file", "records", "stated", "agreed", "", "over", "by", "unagreed")
    stated, agreed, by = (
        aligned_texts([getattr(v, f"{name}_micros") for v in found])
        for name in ("stated", "agreed", "over")
    )
    rows = [
        (v.partner, v.name, f"{v.records:,}", *amounts[:2], v.currency, f"{v.over:,}", amounts[2],
         f"{v.unagreed:,}")
        for v, amounts in zip(found, zip(stated, agreed, by, strict=True), strict=True)
    ]
    return list(columns(heads, rows, ("records", "stated", "agreed", "over", "by", "unagreed")))


def _records(name: str, rows: pl.DataFrame, *, as_json: bool) -> None:
    if as_json:
        out.print_json(msgspec.json.encode(rows.rows(named=True)).decode())
        return
    if rows.is_empty():
        out.print(f"{name}: no record is beyond the tolerance of its agreement.", markup=False)
        return
    worst = rows.sort(pl.col("difference_micros").abs(), descending=True).head(_SHOWN)
    heads = ("record", "started, UTC", "service", "to zone", "units", "", "stated", "agreed",
             "difference", " ", "rate")
    amounts = zip(*(
        aligned_texts(worst[f"{name}_micros"].to_list())
        for name in ("stated", "agreed", "difference")
    ), strict=True)
    lines = [
        (f"{r['file_id'][:8]}:{r['record_index']}", f"{r['started_at']:%Y-%m-%d %H:%M:%S}",
         f"{r['service']} {r['direction']}", r["destination_zone"], f"{r['billed_units']:,}",
         r["unit"], *texts, r["currency"], f"rates.csv:{r['rate_line']}")
        for r, texts in zip(worst.iter_rows(named=True), amounts, strict=True)
    ]
    show(f"{name}: {rows.height:,} records beyond the tolerance, the farthest first",
         columns(heads, lines, ("units", "stated", "agreed", "difference")))
