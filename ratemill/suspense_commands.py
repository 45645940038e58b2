"""`ratemill suspense`: what its commands do and print."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from mediation.decided import PLACE, unfit
from ratemill.columns import columns, show
from ratemill.decisions import Author, decide, reject, release, write_off
from ratemill.errors import RatemillError
from ratemill.home import Home
from ratemill.mediating import decoded
from ratemill.money import amounts_text, summed
from ratemill.recycle import reopened, tried
from ratemill.rollback import find_file
from ratemill.run import RunResult, finish
from ratemill.screen import Bars, out, printable
from ratemill.settings import clock
from ratemill.suspense import Case, cases, chosen, suspended

_SHOWN: Final = 50
"""Records of a case on the screen; --json gives them all"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What every command is given."""

    home: Home
    as_json: bool
    now: datetime

    @classmethod
    def of(cls, path: Path | None, environ: Mapping[str, str], *, as_json: bool) -> "Asked":
        """The home that is named, and its clock."""
        home = Home.find(path, environ)
        return cls(home, as_json, clock(home.settings))

    def author(self, who: str | None, why: str) -> Author:
        """Who decides."""
        return Author.of(self.home, who, why)

    def tell(self, found: object) -> None:
        """Print JSON."""
        out.print_json(msgspec.json.encode(found).decode())


def list_command(asked: Asked, partner: str | None) -> int:
    """Print the cases, most money first; exit code 0."""
    if partner is not None:
        asked.home.refuse_unknown(partner)
    rows = suspended(asked.home)
    found = cases(rows if partner is None else rows.filter(partner=partner))
    if asked.as_json:
        asked.tell(found)
    elif not found:
        out.print("Nothing is in suspense.")
    else:
        show("In suspense", _case_lines(found, asked.now))
        records = sum(case.records for case in found)
        money = amounts_text(summed(case.money_micros for case in found))
        out.print(f"\n{records:,} records, {money}. `ratemill suspense show CASE` lists them, "
                  "`recycle` tries them again.", markup=False, soft_wrap=True)
    return 0


def _case_lines(found: Sequence[Case], now: datetime) -> list[str]:
    heads = ("case", "records", "files", "charge", "since", "code", "waits for")
    rows = [
        (c.case, f"{c.records:,}", f"{c.files:,}", amounts_text(c.money_micros),
         f"{(now - c.oldest_at).days} d", c.code, c.waits_for)
        for c in found
    ]
    return list(columns(heads, rows, ("records", "files", "charge", "since")))


def show_command(asked: Asked, what: str) -> int:
    """Print the records of a case; exit code 0."""
    rows = chosen(suspended(asked.home), what)
    if asked.as_json:
        asked.tell(rows.drop("raw").rows(named=True))
        return 0
    case = cases(rows)[0]
    out.print(f"Case {case.case}, {case.code} ({case.severity}): {case.waits_for}", markup=False,
              soft_wrap=True)
    out.print(f"{case.records:,} records of {case.files:,} files, "
              f"{amounts_text(case.money_micros)}. {case.remedy}", markup=False, soft_wrap=True)
    shown = rows.head(_SHOWN)
    show("Records", list(columns(("record", "file", "detail"), [
        (_name(row), row["name"], row["detail"]) for row in shown.iter_rows(named=True)
    ])))
    if rows.height > _SHOWN:
        out.print(f"  and {rows.height - _SHOWN:,} more; --json has all")
    if rows.height == 1:
        show("Columns that `edit --set` may change", _columns_of(asked.home, rows))
    return 0


def _name(row: Mapping[str, Any]) -> str:
    index = row["record_index"]
    file_id: str = row["file_id"]
    return file_id[:8] + ("" if index is None else f":{index}")


def _columns_of(home: Home, rows: pl.DataFrame) -> list[str]:
    """The columns of a decoded record and what they hold."""
    partner, file_id, index = rows.select("partner", "file_id", "record_index").row(0)
    record = decoded(home, f"{partner}/{file_id}").records.filter(record_index=index)
    return list(columns(("", ""), [
        (name, str(value)) for name, value in (record.rows(named=True) or [{}])[0].items()
        if name not in PLACE and value is not None
    ]))


def recycle_command(asked: Asked, what: str | None, *, test: bool) -> int:
    """Try records again, or only say what would become of them; exit code 0."""
    rows = recyclable(suspended(asked.home), what)
    if test:
        groups = ends_now(tried(asked.home, rows))
        if asked.as_json:
            asked.tell(groups.rows(named=True))
        else:
            show_ends(groups)
        return 0
    return _again(asked, rows)


def recyclable(rows: pl.DataFrame, what: str | None) -> pl.DataFrame:
    """Those of the records in suspense that CASE or FILE_ID:INDEX names, or all but one kind.

    What was rolled back was taken back on purpose: it comes again only when it is named.
    """
    return rows.filter(pl.col("code") != "ROLLED_BACK") if what is None else chosen(rows, what)


def ends_now(rows: pl.DataFrame) -> pl.DataFrame:
    """Records that `recycle.tried` was asked of, by code and code_now: how many, and a detail."""
    return rows.group_by("code", "code_now", maintain_order=True).agg(
        records=pl.col("record_index").count(), detail=pl.first("detail_now")
    )


def show_ends(groups: pl.DataFrame) -> None:
    """Print what would become of records, as `ends_now` gives it."""
    lines = [
        (code, f"{records:,}", "would be charged" if now is None else f"{now}: {detail}")
        for code, now, records, detail in groups.iter_rows()
    ]
    show("A test: nothing was written",
         columns(("in suspense by", "records", "now"), lines, ("records",)))


def _again(asked: Asked, rows: pl.DataFrame) -> int:
    """Run the files of the records again, and say what became of these."""
    refs = reopened(asked.home, rows)
    result = finish(asked.home, refs, now=asked.now, progress=Bars())
    _tell_ended(asked, rows, result)
    return 2 if result.not_posted else 0


def _tell_ended(asked: Asked, before: pl.DataFrame, result: RunResult) -> None:
    key = ["partner", "file_id", "record_index"]
    left = suspended(asked.home).join(before, on=key, how="semi", nulls_equal=True)
    if asked.as_json:
        asked.tell({"tried": before.height, "left": cases(left), "files": result.finished})
        return
    out.print(f"{before.height - left.height:,} of {before.height:,} left suspense; "
              f"{len(result.finished):,} files were run again.")
    if left.height:
        show("Still in suspense", _case_lines(cases(left), asked.now))
    if result.not_posted:
        out.print(str(result.not_posted), markup=False, soft_wrap=True)


def write_off_command(asked: Asked, what: str, author: Author) -> int:
    """Have records never charged; exit code 0."""
    rows = chosen(suspended(asked.home), what)
    if rows["record_index"].null_count():
        raise RatemillError(what, "is a whole file without records that were read",
                            "nothing of it can be charged: there is nothing to write off")
    for (partner, file_id), of_file in rows.group_by("partner", "file_id", maintain_order=True):
        write_off(asked.home, f"{partner}/{file_id}", of_file["record_index"].to_list(), author)
    return _again(asked, rows.with_columns(stage=pl.lit("decide")))


def release_command(asked: Asked, file: str, author: Author) -> int:
    """Let a file pass that is held back, and run it again; exit code 0."""
    row = _held(asked.home, file, "released")
    rows = suspended(asked.home).filter(partner=row["partner"], file_id=row["file_id"])
    release(asked.home, f"{row['partner']}/{row['file_id']}", author)
    return _again(asked, rows.with_columns(stage=pl.lit("decide")))


def reject_command(asked: Asked, file: str, author: Author) -> int:
    """Leave a file held back for good; exit code 0."""
    row = _held(asked.home, file, "rejected")
    reject(asked.home, f"{row['partner']}/{row['file_id']}", author)
    if asked.as_json:
        asked.tell({"rejected": f"{row['partner']}/{row['file_id']}"})
    else:
        out.print(f"{printable(row['name'])} stays in quarantine. Ask {row['partner']} for a "
                  "better copy.", markup=False, soft_wrap=True)
    return 0


def _held(home: Home, file: str, decided: str) -> dict[str, Any]:
    """The row (table file) of a file that is held back; RatemillError of any other."""
    row = find_file(home, file)
    if row["state"] != "quarantined":
        raise RatemillError(row["name"], f"is {row['state']}, not quarantined",
                            f"only what is held back can be {decided}")
    return row


def edit_command(asked: Asked, record: str, changes: Sequence[str], author: Author) -> int:
    """Correct columns of one record and try it again; exit code 0."""
    rows = chosen(suspended(asked.home), record)
    if rows.height != 1:
        raise RatemillError(record, "is a case", "name one record as FILE_ID:INDEX")
    partner, file_id, index = rows.select("partner", "file_id", "record_index").row(0)
    ref = f"{partner}/{file_id}"
    records = decoded(asked.home, ref).records
    given = [_change(record, records, index, change) for change in changes]
    decide(asked.home, ref, pl.DataFrame({
        "record_index": [index] * len(given), "action": ["edit"] * len(given),
        "column": [name for name, _ in given], "value": [value for _, value in given],
    }, schema_overrides={"record_index": pl.Int32, "value": pl.String}), author)
    return _again(asked, rows.with_columns(stage=pl.lit("decide")))


def _change(
    record: str, records: pl.DataFrame, index: int, change: str
) -> tuple[str, str | None]:
    """Column and value of COLUMN=VALUE, an empty value being none; RatemillError if unfit."""
    column, equals, value = change.partition("=")
    fault = unfit(records, index, column, value or None) if equals else "COLUMN=VALUE is expected"
    if fault:
        raise RatemillError(f"record {record}: {change}", fault,
                            "`ratemill suspense show RECORD` lists the columns")
    return column, value or None
