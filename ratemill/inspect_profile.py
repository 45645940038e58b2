"""`ratemill inspect` of a file in a partner's format: as the partner's profile reads it."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec
import polars as pl

from mediation.file_context import FileContext
from mediation.mediate import FORMATS
from mediation.profile import Profile
from ratemill.home import Home
from ratemill.screen import out, plain_table

# usage column to its heading: thirteen full names do not fit a screen.
_COLUMNS = {
    "record_index": "#", "record_type": "type", "service": "service", "direction": "dir",
    "imsi": "imsi", "msisdn": "msisdn", "other_party": "other party", "started_at": "start, UTC",
    "duration_s": "s", "volume_up_bytes": "up", "volume_down_bytes": "down",
    "partner_charge_micros": "micros", "partner_currency": "cur",
}


def profile_of(home: Home, file: Path, partner: str | None) -> Profile | None:
    """The named profile, else that of the folder the file is in, else the one matching glob."""
    profiles: Mapping[str, Profile] = home.profiles()
    if partner is not None:
        return profiles.get(partner)
    by_folder = [p for name, p in profiles.items() if name in file.absolute().parts]
    by_glob = [p for p in profiles.values() if p.collect.glob != "*" and file.match(p.collect.glob)]
    for found in (by_folder, by_glob):
        if len(found) == 1:
            return found[0]
    return None


def show_reading(data: bytes, file: Path, profile: Profile, limit: int, *, as_json: bool) -> None:
    """Print header, usage and rejects, at most `limit` of each."""
    now = datetime.now(UTC).replace(tzinfo=None)
    ctx = FileContext(profile.name, sha256(data).hexdigest(), file.name, now)
    decode, normalize = FORMATS[profile.format.kind]
    decoded = decode(data, profile, ctx)
    outcome = normalize(decoded, profile, ctx)
    rejected = pl.concat([decoded.rejects, outcome.rejects]).sort("record_index")
    usage, rejects, header = outcome.passed.head(limit), rejected.head(limit), decoded.header
    if as_json:
        shown = {"header": asdict(header), "usage": usage.rows(named=True),
                 "rejects": rejects.drop("raw").rows(named=True)}
        out.print_json(msgspec.json.encode(shown).decode())
        return
    out.print(f"{file.name} as {profile.title}", style="bold", markup=False, soft_wrap=True)
    for name, value in asdict(header).items():
        if value not in (None, (), ""):
            out.print(f"  {name:<24} {value}", markup=False)
    out.print(f"\n{outcome.passed.height:,} records read, {rejected.height:,} turned away")
    out.print(plain_table(list(_COLUMNS.values()), usage.select(*_COLUMNS).rows()))
    for r in rejects.rows(named=True):
        out.print(f"  record {r['record_index']}: {r['code']}: {r['detail']}", markup=False)
