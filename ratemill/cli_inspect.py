"""`ratemill inspect`: what is inside one file, before any stage."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path

import msgspec
import polars as pl

from asn1.tap import identify
from asn1.tree import tree
from mediation.file_context import FileContext
from mediation.mediate import FORMATS
from mediation.profile import Profile
from mediation.unpack import UnpackError, unpack
from ratemill.errors import RatemillError
from ratemill.home import Home
from ratemill.screen import out, plain_table, tlv_text

# usage column to its heading: thirteen full names do not fit a screen.
_COLUMNS = {
    "record_index": "#", "record_type": "type", "service": "service", "direction": "dir",
    "imsi": "imsi", "msisdn": "msisdn", "other_party": "other party", "started_at": "start, UTC",
    "duration_s": "s", "volume_up_bytes": "up", "volume_down_bytes": "down",
    "partner_charge_micros": "micros", "partner_currency": "cur",
}


def inspect_command(
    file: Path, path: Path | None, environ: Mapping[str, str], partner: str | None, limit: int,
    *, as_json: bool,
) -> int:
    """Print the file's structure; exit code 0, RatemillError when it cannot be read."""
    try:
        data = unpack(file.read_bytes())
    except OSError as error:
        raise RatemillError(str(file), f"cannot be read: {error.strerror}") from error
    except UnpackError as error:
        raise RatemillError(str(file), str(error), "the archive is damaged or a bomb") from error
    if identify(data) is not None and partner is None:
        return _show_tree(data, limit, as_json=as_json)
    home = Home.find(path, environ)
    profile = _profile(home, file, partner)
    return _show_reading(data, file, profile, limit, as_json=as_json)


def _show_tree(data: bytes, limit: int, *, as_json: bool) -> int:
    lines = list(islice(tree(data), limit + 1))
    if as_json:
        out.print_json(msgspec.json.encode(lines[:limit]).decode())
        return 0
    for line in lines[:limit]:
        out.print(tlv_text(line), markup=False, soft_wrap=True)
    if len(lines) > limit:
        out.print(f"… {len(data):,} octets in all; --limit shows more")
    return 0


def _profile(home: Home, file: Path, partner: str | None) -> Profile:
    """The named profile, else that of the folder the file is in, else the one matching glob."""
    profiles = home.profiles()
    if partner is not None and partner in profiles:
        return profiles[partner]
    if partner is None:
        by_folder = [p for name, p in profiles.items() if name in file.absolute().parts]
        by_glob = [p for p in profiles.values()
                   if p.collect.glob != "*" and file.match(p.collect.glob)]
        for found in (by_folder, by_glob):
            if len(found) == 1:
                return found[0]
    raise RatemillError(str(file), "no BER, and no profile to read it by",
                        f"--partner takes one of {', '.join(profiles)}")


def _show_reading(data: bytes, file: Path, profile: Profile, limit: int, *, as_json: bool) -> int:
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
        return 0
    out.print(f"[bold]{file.name}[/] as {profile.title}")
    for name, value in asdict(header).items():
        if value not in (None, (), ""):
            out.print(f"  {name:<24} {value}", markup=False)
    out.print(f"\n{outcome.passed.height:,} records read, {rejected.height:,} turned away")
    out.print(plain_table(list(_COLUMNS.values()), usage.select(*_COLUMNS).rows()))
    for r in rejects.rows(named=True):
        out.print(f"  record {r['record_index']}: {r['code']}: {r['detail']}", markup=False)
    return 0
