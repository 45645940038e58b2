"""The receipt of a file for the partner who sent it, as JSON and as text."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
import msgspec
import polars as pl

from charging.schema import POSTING
from mediation.codes import CODES
from mediation.gate_history import NOTE
from mediation.schema import FILE
from ratemill.atomic import replacing
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.money import amounts_text
from ratemill.refs import receipt_path, split


def _shown(value: object) -> str:
    """A value as a receipt shows it: a file's name steers no terminal and adds no line."""
    from ratemill.screen import printable

    return printable(str(value))


_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=False,  # noqa: S701 plain text for a mail or a terminal, never HTML
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=jinja2.StrictUndefined,
    finalize=_shown,
)


class RejectLine(msgspec.Struct, frozen=True):
    """The records turned away for one reason, with the first of them."""

    code: str
    outcome: str
    meaning: str
    records: int
    first_record: int | None
    detail: str


class Receipt(msgspec.Struct, frozen=True):
    """What became of one file; counts of records, amounts in micro-units."""

    operator: str
    partner: str
    name: str
    file_id: str
    received_at: str
    size_bytes: int
    state: str
    sequence: int | None
    received: int
    posted: int
    duplicate: int
    suspended: int
    dropped: int
    charge_micros: int | None
    currency: str | None
    accepted_micros: dict[str, int]
    rejects: list[RejectLine]
    notes: list[str]


def deliver(home: Home, refs: Iterable[str]) -> list[Path]:
    """Receipts of posted files written to the outbox; the paths of those that are new."""
    lake, written = Lake(home.lake), []
    for ref in refs:
        partner, file_id = split(ref)
        path = receipt_path(home, partner, file_id)
        if path.exists() or not lake.done(partner, file_id, "post"):
            continue
        receipt = _receipt(home, lake, partner, file_id)
        text = _text(receipt)
        with replacing(path.with_suffix(".txt")) as part:
            part.write_text(text)
        with replacing(path) as part:
            part.write_bytes(msgspec.json.format(msgspec.json.encode(receipt), indent=2) + b"\n")
        written.append(path)
    return written


def _text(receipt: Receipt) -> str:
    stated = (
        "no charge" if receipt.charge_micros is None or receipt.currency is None
        else amounts_text({receipt.currency: receipt.charge_micros})
    )
    return _TEMPLATES.get_template("receipt.txt.j2").render(
        r=receipt, stated=stated, accepted=amounts_text(receipt.accepted_micros)
    )


def _receipt(home: Home, lake: Lake, partner: str, file_id: str) -> Receipt:
    row = lake.load(FILE, partner, file_id, "post").row(0, named=True)
    rejected = lake.rejects(partner, file_id)
    # of a large file's postings the rest takes seconds to read
    postings = pl.read_parquet(
        lake.path(POSTING, partner, file_id, "post"), glob=False,
        columns=["leg", "currency", "amount_micros"],
    )
    wholesale = (
        postings.filter(pl.col("leg") == "wholesale").group_by(pl.col("currency").cast(pl.String))
        .agg(amount=-pl.col("amount_micros").sum()).sort("currency")
    )
    return Receipt(
        operator=f"{home.settings.operator}, {home.settings.title}",
        partner=partner, name=row["name"], file_id=file_id,
        received_at=row["received_at"].isoformat(sep=" ", timespec="seconds"),
        size_bytes=row["size_bytes"], state=row["state"], sequence=row["sequence"],
        received=row["records"], posted=row["posted"], duplicate=row["duplicate"],
        suspended=row["suspended"], dropped=row["dropped"],
        charge_micros=row["charge_micros"], currency=row["currency"],
        accepted_micros=dict(wholesale.iter_rows()),
        rejects=[_reject_line(line, _said(home, partner)) for line in _by_code(rejected)],
        notes=[note for note in (row["notes"] or "").splitlines() if not note.startswith(NOTE)],
    )


def _by_code(rejected: pl.DataFrame) -> list[dict[str, Any]]:
    return (
        rejected.sort("record_index")
        .group_by("outcome", "code", maintain_order=True)
        .agg(records=pl.len(), first_record=pl.first("record_index"), detail=pl.first("detail"))
        .sort("records", "code", descending=[True, False])
        .rows(named=True)
    )


def _said(home: Home, partner: str) -> dict[str, str]:
    """What the checks of the partner's profile say, by code."""
    profile = home.profiles().get(partner)
    return {check.rule: f"{check.says[:1].upper()}{check.says[1:].rstrip('.')}."
            for check in profile.check} if profile else {}


def _reject_line(line: dict[str, Any], said: dict[str, str]) -> RejectLine:
    known, dropped = CODES.get(line["code"]), "A rule of the partner's profile drops the record."
    return RejectLine(
        code=line["code"], outcome=line["outcome"],
        meaning=known.meaning if known else said.get(line["code"], dropped),
        records=line["records"], first_record=line["first_record"], detail=line["detail"],
    )
