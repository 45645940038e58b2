"""`ratemill rap`: what its commands do and print."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from ratemill.columns import columns, show
from ratemill.decisions import Author
from ratemill.home import Home
from ratemill.money import exact_text
from ratemill.returns import return_file, return_missing, returned
from ratemill.rollback import find_file
from ratemill.screen import out


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


def _tell(home: Home, row: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        out.print_json(msgspec.json.encode(row).decode())
        return
    what = {"severe": "records given back", "fatal": "file given back", "missing": "gap"}
    out.print(f"{home.outbox / row['partner'] / row['name']}: {row['details']:,} "
              f"{what[row['kind']]}, {exact_text(row['charge_micros'])} {row['currency'] or ''}"
              .rstrip(), markup=False, soft_wrap=True)


def list_command(path: Path | None, environ: Mapping[str, str], *, as_json: bool) -> int:
    """Print the RAP files; exit code 0."""
    rows = returned(Home.find(path, environ)).rows(named=True)
    if as_json:
        out.print_json(msgspec.json.encode(rows).decode())
    elif not rows:
        out.print("Nothing was given back.")
    else:
        heads = ("partner", "name", "kind", "details", "charge", "", "of", "who", "why")
        show("Given back", columns(heads, [
            (r["partner"], r["name"], r["kind"], f"{r['details']:,}",
             exact_text(r["charge_micros"]), r["currency"] or "", r["subject"][:16], r["who"],
             r["why"]) for r in rows
        ], ("details", "charge")))
    return 0
