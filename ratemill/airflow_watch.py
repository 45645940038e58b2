"""How a partner's DAG learns of new files: a watch over his server, and a schedule beside it."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetOrTimeSchedule, AssetWatcher, DeltaTriggerTimetable
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from mediation.calendar import span
from mediation.profile import Collect, ProfileError, load_profile
from ratemill.home import DEFAULT, Home

if TYPE_CHECKING:
    from mediation.source import RemoteFile


class PartnerFiles(BaseEventTrigger):  # type: ignore[misc]
    """Fires when there is a file at the partner's that was not there at the last look.

    It never ends: while the server, the profile or the home cannot be used it says so once and
    looks again. After a restart it fires for what is there, which may have come meanwhile.
    """

    def __init__(self, partner: str, watch_s: int) -> None:
        super().__init__()
        self.partner, self.watch_s = partner, watch_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and its arguments, as Airflow stores them; no secret is among them."""
        return f"{__name__}.PartnerFiles", {"partner": self.partner, "watch_s": self.watch_s}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """An event for each look that found something new: `partner`, `files` and the `first`."""
        before: frozenset[RemoteFile] = frozenset()
        said = ""
        while True:
            try:
                there = await asyncio.to_thread(_look, self.partner)
            except Exception as error:  # noqa: BLE001 -- Airflow starts no watch again that ended
                if str(error) != said:
                    said = str(error)
                    self.log.warning("%s cannot be looked at: %s", self.partner, said)
            else:
                new = sorted(file.path for file in there - before)
                before, said = there, ""
                if new:
                    yield TriggerEvent({
                        "partner": self.partner, "files": len(new), "first": new[0],
                    })
            await asyncio.sleep(self.watch_s)


def _look(partner: str) -> "frozenset[RemoteFile]":
    """The partner's files that are ready, collected or not."""
    # Here, as a DAG file that is parsed must not load an SFTP client.
    from ratemill.partner_source import ready_files

    home = Home.find(None, os.environ)
    profile = load_profile(home.root / "partners" / f"{partner}.toml")
    return frozenset(ready_files(home, profile, os.environ))


def arrivals(partner: str, environ: Mapping[str, str]) -> AssetOrTimeSchedule:
    """The schedule of a partner's DAG: files that arrive, and a look every so often in any case.

    A profile that cannot be used is left to the DAG's first task, which says what is wrong.
    """
    root = Path(environ.get("RATEMILL_HOME") or DEFAULT)
    try:
        rule = load_profile(root / "partners" / f"{partner}.toml").collect
    except ProfileError:
        rule = Collect(folder="-", watch_s=0)
    watchers = [AssetWatcher(name=f"{partner}_watch", trigger=PartnerFiles(partner, rule.watch_s))]
    files = Asset(
        name=f"files_{partner}", uri=f"ratemill://partner/{partner}/files", group="ratemill",
        watchers=watchers if rule.watch_s else [],
    )
    return on_event_or_every(span(rule.look_every), files)


def on_event_or_every(every: timedelta, asset: Asset) -> AssetOrTimeSchedule:
    """The schedule of a DAG that an asset's events start, and that a missed event costs minutes."""
    return AssetOrTimeSchedule(timetable=DeltaTriggerTimetable(every), assets=[asset])
