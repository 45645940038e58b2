"""`ratemill alarms`: what it prints, and what it tells people."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ratemill.alarms import alarms
from ratemill.alert_channels import channels
from ratemill.alert_servers import Server, from_environ
from ratemill.alerts import Alarm, tell
from ratemill.columns import columns, show
from ratemill.errors import SettingsError
from ratemill.home import Home
from ratemill.money import amounts_text
from ratemill.screen import out
from ratemill.settings import clock


def alarms_command(
    path: Path | None, environ: Mapping[str, str], *, tell: bool, as_json: bool
) -> int:
    """Print what is open, and tell what of it is new where that is asked for; exit code 0."""
    home = Home.find(path, environ)
    at = datetime.now(UTC).replace(tzinfo=None)
    found = alarms(home, clock(home.settings), at)
    told = _tell(home, found, environ, at) if tell else []
    if as_json:
        out.print_json(msgspec.json.encode({"alarms": found, "told": told}).decode())
        return 0
    if found:
        show("To see to", _lines(found))
    else:
        out.print("Nothing needs a person.")
    for name in told:
        out.print(f"\nTold what is new: {name}.", markup=False)
    return 0


def _tell(
    home: Home, found: Sequence[Alarm], environ: Mapping[str, str], at: datetime
) -> list[str]:
    """The channels that were told something."""

    def find(name: str) -> Server:
        server = from_environ(name, environ)
        if server is None:
            raise SettingsError(f"AIRFLOW_CONN_{name.upper()}", "is not set",
                                "docs/alarms.md says how")
        return server

    named = channels(home, find)
    if not named:
        raise SettingsError(str(home.root / "ratemill.toml"), "[alerts] names nobody to tell",
                            "set email_to or webhook")
    return list(tell(home, found, named, at, whole=True))


def _lines(found: Sequence[Alarm]) -> list[str]:
    rows = [
        (one.kind, one.about, one.what, f"{one.since:%Y-%m-%d %H:%M}" if one.since else "",
         f"{one.records:,}" if one.records else "", amounts_text(one.money_micros))
        for one in found
    ]
    heads = ("alarm", "about", "what", "since (UTC)", "records", "money")
    return list(columns(heads, rows, ("records", "money")))
