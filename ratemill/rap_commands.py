"""`ratemill rap`: what its commands do and print."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from ratemill.columns import columns, show
from ratemill.decisions import Author
from ratemill.home import Home
from ratemill.money import exact_text
from ratemill.pipeline import reset
from ratemill.rap_acks import acknowledge
from ratemill.returns import return_file, return_missing, return_stop, returned
from ratemill.rollback import find_file
from ratemill.run import finish
from ratemill.screen import Bars, out


def file_command(
    path: Path | None, environ: Mapping[str, str], file: str, author: tuple[str | None, str],
    *, as_json: bool,
) -> int:
    """Make the RAP file of a TAP file; exit code 0."""
    home = Home.find(path, environ)
    row = find_file(home, file)
    _tell(home, return_file(home, f"{row['partner']}/{row['file_id']}", Author.of(home, *author)),
          as_json=as_json)
    return 0


def missing_command(
    path: Path | None, environ: Mapping[str, str], wanted: tuple[str, int, int],
    author: tuple[str | None, str], *, as_json: bool,
) -> int:
    """Make the RAP file that asks a partner for the numbers first to last; exit code 0."""
    home, (partner, first, last) = Home.find(path, environ), wanted
    home.refuse_unknown(partner)
    row = return_missing(home, partner, first, last, Author.of(home, *author))
    _tell(home, row, as_json=as_json)
    return 0


def stop_command(
    path: Path | None, environ: Mapping[str, str], partner: str, last: int,
    author: tuple[str | None, str], *, as_json: bool,
) -> int:
    """Make the RAP file that names the last TAP file's number to a partner; exit code 0."""
    home = Home.find(path, environ)
    home.refuse_unknown(partner)
    row = return_stop(home, partner, last, Author.of(home, *author))
    _tell(home, row, as_json=as_json)
    return 0


def iot_command(
    path: Path | None, environ: Mapping[str, str], file: str, author: tuple[str | None, str],
    *, as_json: bool,
) -> int:
    """Make the RAP file with the records of a TAP file that charge too much; exit code 0."""
    from ratemill.returns_iot import return_variances

    home = Home.find(path, environ)
    row = find_file(home, file)
    made = return_variances(home, f"{row['partner']}/{row['file_id']}",
                            Author.of(home, *author), Bars())
    _tell(home, made, as_json=as_json)
    return 0


def ack_command(
    path: Path | None, environ: Mapping[str, str], file: str, author: tuple[str | None, str],
    *, as_json: bool,
) -> int:
    """Note a partner's acknowledgement, or make ours of his RAP file; exit code 0."""
    home, here = Home.find(path, environ), Path(file)
    by = Author.of(home, *author)
    if here.is_file():
        _tell(home, acknowledge(home, here.read_bytes(), here.name, by), as_json=as_json)
        return 0
    row = find_file(home, file)
    ref = f"{row['partner']}/{row['file_id']}"
    data = home.archived(row["partner"], row["file_id"]).read_bytes()
    _tell(home, acknowledge(home, data, row["name"], by), as_json=as_json)
    if row["state"] == "refused":
        reset(home, [ref], "mediate")
        finish(home, [ref], now=by.at, progress=Bars())
    return 0


def _tell(home: Home, row: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        out.print_json(msgspec.json.encode(row).decode())
        return
    if row["kind"] == "acknowledged":
        out.print(f"{row['subject']} is acknowledged by {row['partner']}.", markup=False,
                  soft_wrap=True)
        return
    if row["kind"] == "acknowledgement":
        out.print(f"{home.outbox / row['partner'] / row['name']}: acknowledges {row['subject']}",
                  markup=False, soft_wrap=True)
        return
    what = {"severe": "records given back", "fatal": "file given back", "missing": "gap",
            "stop": "stop", "iot": "records given back for their charges"}
    out.print(f"{home.outbox / row['partner'] / row['name']}: {row['details']:,} "
              f"{what[row['kind']]}, {exact_text(row['charge_micros'])} {row['currency'] or ''}"
              .rstrip(), markup=False, soft_wrap=True)


def list_command(path: Path | None, environ: Mapping[str, str], *, as_json: bool) -> int:
    """Print the RAP files; exit code 0."""
    found = returned(Home.find(path, environ))
    acknowledged = found.filter(kind="acknowledged").select(
        "partner", name="subject", acknowledged_at="at"
    )
    rows = found.filter(pl.col("kind") != "acknowledged").join(
        acknowledged, on=["partner", "name"], how="left", maintain_order="left"
    ).rows(named=True)
    if as_json:
        out.print_json(msgspec.json.encode(rows).decode())
    elif not rows:
        out.print("Nothing was given back.")
    else:
        heads = ("partner", "name", "kind", "details", "charge", "", "of", "acknowledged", "who",
                 "why")
        show("Given back", columns(heads, [
            (r["partner"], r["name"], r["kind"], f"{r['details']:,}",
             exact_text(r["charge_micros"]), r["currency"] or "", _short(r["subject"]),
             f"{r['acknowledged_at']:%Y-%m-%d}" if r["acknowledged_at"] else "", r["who"], r["why"])
            for r in rows
        ], ("details", "charge")))
    return 0


def _short(subject: str) -> str:
    """What a RAP file is about, a file's id cut to its first digits."""
    what, colon, rest = subject.rpartition(":")
    return f"{what}{colon}{rest[:17]}"
