"""`ratemill explain`: one record from the partner's octets to the ledger."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
from sqlalchemy import select

from asn1.tap import read
from asn1.tree import TreeLine, record_tree
from charging.ledger import Ledger
from charging.ledger_schema import BATCH
from charging.schema import POSTING
from mediation.codes import CODES
from mediation.schema import USAGE
from mediation.tables import Table
from mediation.tap import REPAIRED
from mediation.unpack import UnpackError, unpack
from ratemill.catalog_versions import copied, with_prefix
from ratemill.cli_explain_charge import charge_lines, charge_title, posting_line
from ratemill.errors import RatemillError
from ratemill.home import Home
from ratemill.lake import Lake, Stage
from ratemill.screen import out, tlv_text
from rating.schema import CHARGE

_RAW_SHOWN = 400


class Explanation(msgspec.Struct, frozen=True):
    """Everything known of one record, step by step."""

    file: dict[str, Any]
    record_index: int
    raw: bytes
    tree: list[TreeLine]
    usage: dict[str, Any] | None
    rejects: list[dict[str, Any]]
    charges: list[dict[str, Any]]
    """every revision of both legs"""
    postings: list[dict[str, Any]]
    """each with batch_kind, who and why of the batch that it is of"""
    original: "Explanation | None" = None
    """the record that it is a duplicate of, or a part charged with"""

    @property
    def posted(self) -> bool:
        """Whether it is charged now: it was posted, and not given back."""
        return bool(self.postings) and not self.rejects


def explain_command(
    record: str, path: Path | None, environ: Mapping[str, str], *, as_json: bool
) -> int:
    """Print what became of the record; exit code 0, RatemillError when there is none."""
    home = Home.find(path, environ)
    explanation = explain(home, record)
    if as_json:
        out.print_json(msgspec.json.encode(_plain(explanation)).decode())
    else:
        _show(explanation)
    return 0


def _plain(e: Explanation) -> dict[str, Any]:
    """The same for JSON, octets as hex digits."""
    original = None if e.original is None else _plain(e.original)
    return {**msgspec.structs.asdict(e), "raw": e.raw.hex(), "original": original}


def explain(home: Home, record: str) -> Explanation:
    """What is known of the record FILE_ID:INDEX; the start of the file id is enough."""
    start, _, index_text = record.partition(":")
    if not start or not index_text.isdecimal():
        raise RatemillError(record, "is no record", "write FILE_ID:INDEX, as in 3f0c9a1b:17")
    lake, index = Lake(home.lake), int(index_text)
    rows = lake.file_rows().filter(pl.col("file_id").str.starts_with(start))
    if rows.height != 1:
        what = "no file begins so" if rows.is_empty() else f"{rows.height} files begin so"
        raise RatemillError(record, what, "`ratemill status --json` lists the file ids")
    file = rows.row(0, named=True)
    if index >= (file["records"] or 0):
        raise RatemillError(record, f"{file['name']} has {file['records'] or 0} records",
                            "the first one is 0")
    found = _explained(home, lake, file, index)
    return msgspec.structs.replace(found, original=_original(home, lake, found))


def _original(home: Home, lake: Lake, found: Explanation) -> Explanation | None:
    """What is known of the record that one was turned away for, where it is there."""
    for reject in found.rejects:
        rows = lake.file_rows().filter(file_id=reject["original_file_id"] or "")
        # the same bytes may have come from two partners
        rows = rows.sort(pl.col("partner") != found.file["partner"])
        if rows.height:
            return _explained(home, lake, rows.row(0, named=True),
                              reject["original_record_index"])
    return None


def _explained(home: Home, lake: Lake, file: dict[str, Any], index: int) -> Explanation:
    """What is known of one record of a file (row of table file)."""
    rejects = (
        lake.rejects(file["partner"], file["file_id"])
        .filter(pl.col("record_index") == index).rows(named=True)
    )
    usage = next(iter(_of(lake, USAGE, file, "mediate", index)), None)
    content, begin, length = _content(home, file), 0, 0
    if usage is not None:
        begin, length = usage["byte_offset"] or 0, usage["byte_length"] or 0
    elif rejects:
        begin, length = rejects[0]["byte_offset"] or 0, len(rejects[0]["raw"] or b"")
    return Explanation(
        file=file, record_index=index, raw=content[begin:begin + length], usage=usage,
        tree=list(record_tree(content, "tap", begin, begin + length))
        if file["format"] == "tap" else [],
        rejects=[{k: v for k, v in r.items() if k != "raw"} for r in rejects],
        charges=[with_prefix(charge, copied(home, charge["catalog_version"]))
                 for charge in sorted(_all_of(lake, CHARGE, file, "rate", index),
                                      key=lambda c: (c["leg"], c["revision"]))],
        postings=_with_batches(home, sorted(
            _all_of(lake, POSTING, file, "post", index),
            key=lambda p: (p["batch_number"], p["leg"], p["revision"]),
        )),
    )


def _of(
    lake: Lake, table: Table, file: dict[str, Any], stage: Stage, index: int
) -> list[dict[str, Any]]:
    """A table's rows of one record; none while the stage was not done."""
    if not lake.path(table, file["partner"], file["file_id"], stage).exists():
        return []
    return (
        lake.load(table, file["partner"], file["file_id"], stage)
        .filter(pl.col("record_index") == index).rows(named=True)
    )


def _all_of(
    lake: Lake, table: Table, file: dict[str, Any], stage: Stage, index: int
) -> list[dict[str, Any]]:
    """As `_of`, and what corrections wrote of the record."""
    parts = (
        pl.scan_parquet(path, glob=False).filter(pl.col("record_index") == index).collect()
        for path in lake.corrections(table)
    )
    found = [
        row for part in parts
        for row in table.plain(part).filter(
            partner=file["partner"], file_id=file["file_id"]
        ).iter_rows(named=True)
    ]
    return [*_of(lake, table, file, stage, index), *found]


def _with_batches(home: Home, postings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The postings with what the ledger says of their batches."""
    if not postings:
        return []
    numbers = {posting["batch_number"] for posting in postings}
    query = select(BATCH.c.batch_number, BATCH.c.kind, BATCH.c.who, BATCH.c.why).where(
        BATCH.c.batch_number.in_(numbers))
    with Ledger(home.ledger) as ledger, ledger.reading() as connection:
        known = {row.batch_number: row for row in connection.execute(query)}
    return [
        {**posting, "batch_kind": batch.kind, "who": batch.who, "why": batch.why}
        for posting in postings if (batch := known[posting["batch_number"]])
    ]


def _content(home: Home, file: dict[str, Any]) -> bytes:
    """The octets that the record's offset is in; nothing when they cannot be had any more."""
    try:
        content = unpack(home.archived(file["partner"], file["file_id"]).read_bytes())
    except (OSError, UnpackError):
        return b""
    return bytes(read(content).data) if REPAIRED in (file["notes"] or "") else content


def _show(e: Explanation) -> None:
    _show_one(e)
    if e.original is not None:
        out.print("\n[bold]It came before as[/]" if e.rejects[0]["outcome"] == "duplicate"
                  else "\n[bold]It is charged with[/]")
        _show_one(e.original)


def _show_one(e: Explanation) -> None:
    file = e.file
    out.print(f"[bold]Record {file['file_id'][:8]}:{e.record_index}[/]", end="")
    out.print(f" of {file['name']} ({file['partner']}, {file['format']}), file {file['state']}",
              markup=False, soft_wrap=True)
    _show_raw(e)
    if e.usage:
        _show_fields("Usage", e.usage, skip=("partner", "file_id", "record_index", "byte_offset",
                                             "byte_length"))
    for reject in e.rejects:
        _show_reject(reject)
    for charge in e.charges:
        _show_revision(charge, e)
    if e.postings:
        out.print("\n[bold]Postings[/]")
    for posting in e.postings:
        out.print(f"  {posting_line(posting)}", markup=False, soft_wrap=True)


def _show_revision(charge: dict[str, Any], e: Explanation) -> None:
    """The latest charge of a leg with all its steps; one line of any before it, or given back."""
    last = max(c["revision"] for c in e.charges if c["leg"] == charge["leg"])
    if charge["revision"] == last and not (e.rejects and e.postings):
        show_charge(charge)
        return
    title = charge_title(charge).replace("Charge", "Charge given back", 1)
    out.print(f"\n{title}, revision {charge['revision']}, catalog "
              f"{charge['catalog_version'][:8]}", markup=False, soft_wrap=True)


def _show_raw(e: Explanation) -> None:
    if not e.raw:
        return
    out.print(f"\n[bold]Raw[/] {len(e.raw)} octets")
    if e.file["format"] == "tap":
        for line in e.tree:
            out.print(tlv_text(line, e.tree[0].depth), markup=False, soft_wrap=True)
    else:
        text = e.raw[:_RAW_SHOWN].decode("latin-1")
        out.print(text + ("…" if len(e.raw) > _RAW_SHOWN else ""), markup=False)


def _show_fields(title: str, row: dict[str, Any], skip: tuple[str, ...] = ()) -> None:
    out.print(f"\n[bold]{title}[/]")
    for name, value in row.items():
        if value is not None and name not in skip:
            out.print(f"  {name:<24} {value}", markup=False)


def _show_reject(reject: dict[str, Any]) -> None:
    code = CODES.get(reject["code"])
    out.print(f"\n[bold]{reject['outcome'].capitalize()}[/] at {reject['stage']}: {reject['code']}")
    out.print(f"  {reject['detail']}", markup=False)
    if code:
        out.print(f"  {code.meaning} {code.remedy}", markup=False)
    if reject["original_file_id"]:
        out.print(f"  first copy: {reject['original_file_id'][:8]}:"
                  f"{reject['original_record_index']}")


def show_charge(charge: dict[str, Any]) -> None:
    """Print a charge with every step that led to it."""
    title, _, rest = charge_title(charge).partition(":")
    out.print(f"\n[bold]{title}[/]:", end="")
    out.print(rest, markup=False, soft_wrap=True)
    for line in charge_lines(charge):
        out.print(f"  {line}", markup=False, soft_wrap=True)
