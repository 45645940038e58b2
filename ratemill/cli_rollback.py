"""`ratemill rollback`."""

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from charging.ledger import Ledger
from ratemill.errors import RatemillError
from ratemill.home import Home
from ratemill.money import exact_text
from ratemill.rollback import Rollback, brought_by, find_file, roll_back_file, rollback_of
from ratemill.screen import out, plain_table
from ratemill.settings import clock
from ratemill.taken_apart import UNPACKED
from ratemill.warehouse import build_warehouse

_UNDONE = ("posted", "rolled_back")
"""States of an archive's files that are rolled back; of those that were before, what was cut short
is finished"""
_SHOWN = 20
"""Allowances that a screen lists"""


class RolledBack(msgspec.Struct, frozen=True):
    """What rolling back a file did, or would do."""

    rollback: Rollback
    done: bool
    key: str = ""
    postings: int = 0
    repeated: bool = False
    files: list["RolledBack"] = []
    """of an archive, what became of each posted file in it"""


def rollback_command(
    named: str, path: Path | None, environ: Mapping[str, str], author: tuple[str | None, str],
    *, dry_run: bool, as_json: bool,
) -> int:
    """Roll back a file for an author (who, why), or show what that would do; exit code 0.

    Of an archive, every file that it brought and that is posted.
    """
    home = Home.find(path, environ)
    file = find_file(home, named)
    who, why = author
    result = rolled_back(home, file, None if dry_run else (who or getpass.getuser(), why))
    if not dry_run:
        build_warehouse(home)
    if as_json:
        out.print_json(msgspec.json.encode(result).decode())
    else:
        show(result)
    return 0


def rolled_back(home: Home, file: dict[str, Any], by: tuple[str, str] | None) -> RolledBack:
    """What rolling back the file of this row (table file) did for who and why.

    For nobody, what it would do. Of an archive, every file that it brought and that is posted;
    RatemillError where there is none.
    """
    if file["state"] != UNPACKED:
        return _one(home, file, by)
    posted = [row for row in brought_by(home, file) if row["state"] in _UNDONE]
    if not posted:
        raise RatemillError(file["name"], "brought no file that is posted",
                            "there is nothing to roll back")
    files = [_one(home, row, by) for row in posted]
    return RolledBack(rollback_of(home, file), done=by is not None, files=files)


def _one(home: Home, file: dict[str, Any], by: tuple[str, str] | None) -> RolledBack:
    """What rolling back one file that is no archive did, or would do."""
    found = rollback_of(home, file)
    if by is None:
        return RolledBack(found, done=False)
    who, why = by
    with Ledger(home.ledger) as ledger:
        done = roll_back_file(home, ledger, file, clock(home.settings), who=who, why=why)
    return RolledBack(found, done=True, key=done.key, postings=done.postings.height,
                      repeated=done.repeated)


def show(result: RolledBack) -> None:
    """Print the result, of an archive for each of its files."""
    for one in result.files or [result]:
        _show(one)


def _show(result: RolledBack) -> None:
    one = result.rollback
    if result.repeated:
        out.print(f"{one.name} ({one.ref}) was rolled back before; nothing was done.",
                  markup=False, soft_wrap=True)
        return
    out.print(f"{one.name} ({one.ref}), {one.state}: {one.records:,} records "
              + ("rolled back" if result.done else "would be rolled back"),
              markup=False, soft_wrap=True)
    if one.given_back:
        out.print(plain_table(("leg", "currency", "charges", "given back"), [
            (row.leg, row.currency, row.charges, exact_text(row.amount_micros))
            for row in one.given_back
        ]))
    if one.units_given_back:
        out.print("\n[bold]Units given back to allowances and counters[/]")
        out.print(plain_table(("holder", "name", "period from, UTC", "units"), [
            (row.holder, row.allowance, f"{row.period_start:%Y-%m-%d %H:%M}",
             f"{row.used:,}" + (f"/{row.scale}" if row.scale != 1 else ""))
            for row in one.units_given_back[:_SHOWN]
        ]))
        if (more := len(one.units_given_back) - _SHOWN) > 0:
            out.print(f" and {more:,} more; --json has all")
    for other in one.others:
        out.print(f"\n{other.records:,} records of {other.name} ({other.ref}) were turned away as "
                  "duplicates of this file: rerun that file to have them charged.",
                  markup=False, soft_wrap=True)
    out.print("\nNothing was done: a dry run." if not result.done else
              "\nThe file is not posted again until it is rerun, from the step mediate on; its "
              "receipt stays as it was delivered.", soft_wrap=True)
