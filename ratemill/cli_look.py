"""`ratemill status` and `ratemill rejects`."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import polars as pl

from mediation.schema import REJECT
from ratemill.funnel import file_status, totals
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.money import decimal_text
from ratemill.screen import out, plain_table, show_funnel

# More than a screen of single rejects helps nobody; --json gives them all.
_REJECTS_SHOWN = 200


def status_command(
    path: Path | None, environ: Mapping[str, str], partner: str | None, *, as_json: bool
) -> int:
    """Print one row per delivered file, copies included; exit code 0."""
    home = _known_home(path, environ, partner)
    rows = [r for r in file_status(home) if partner in (None, r.partner)]
    if as_json:
        out.print_json(msgspec.json.encode(
            {"files": [msgspec.to_builtins(r) for r in rows], "totals": totals(rows)}).decode())
    elif rows:
        show_funnel(rows, home.settings.title)
    else:
        out.print("No file was collected yet; `ratemill run` does that.")
    return 0


def _known_home(path: Path | None, environ: Mapping[str, str], partner: str | None) -> Home:
    home = Home.find(path, environ)
    if partner is not None:
        home.refuse_unknown(partner)
    return home


def rejects_command(
    path: Path | None, environ: Mapping[str, str], partner: str | None, code: str | None,
    *, as_json: bool,
) -> int:
    """Print turned-away records by reason, or one by one for a code; exit code 0."""
    home = _known_home(path, environ, partner)
    lake = Lake(home.lake)
    found = lake.read(REJECT, lake.files(REJECT))
    if partner is not None:
        found = found.filter(pl.col("partner") == partner)
    if code is not None:
        found = found.filter(pl.col("code") == code.upper())
    names = lake.file_rows("collect").select("partner", "file_id", "name")
    found = found.join(names, on=["partner", "file_id"], how="left", maintain_order="left")
    if as_json:
        out.print_json(msgspec.json.encode(found.drop("raw").rows(named=True)).decode())
    elif found.is_empty():
        out.print("Nothing was turned away.")
    elif code is None:
        _by_reason(found)
    else:
        _one_by_one(found)
    return 0


def _by_reason(found: pl.DataFrame) -> None:
    groups = (
        found.group_by("outcome", "stage", "code", "partner", "currency")
        .agg(records=pl.len(), risk=pl.col("money_at_risk_micros").sum())
        .sort(["outcome", "records", "code", "partner"],
              descending=[True, True, False, False])
    )
    lines = [
        (g["outcome"], g["stage"], g["code"], g["partner"], g["records"],
         f"{decimal_text(g['risk'])} {g['currency']}" if g["currency"] else "-")
        for g in groups.rows(named=True)
    ]
    out.print(plain_table(
        ("outcome", "stage", "code", "partner", "records", "partner's charge"), lines))
    out.print("\n`ratemill rejects --code CODE` lists them one by one.")


def _one_by_one(found: pl.DataFrame) -> None:
    lines = [
        (r["name"], _record_name(r["file_id"], r["record_index"]), r["detail"])
        for r in found.head(_REJECTS_SHOWN).rows(named=True)
    ]
    out.print(plain_table(("file", "record", "detail"), lines))
    if found.height > _REJECTS_SHOWN:
        out.print(f"… and {found.height - _REJECTS_SHOWN:,} more; --json lists them all.")
    out.print("\n`ratemill why-not RECORD` says what a record in suspense lacks.")


def _record_name(file_id: str, record_index: int | None) -> str:
    return file_id[:8] if record_index is None else f"{file_id[:8]}:{record_index}"
