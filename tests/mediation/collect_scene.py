"""A partner's server on the loopback interface, an archive, and runs between the two."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec

from mediation.collect import CollectReport, Fetched, collect
from mediation.collect_limits import LIMITS, CollectLimits
from mediation.endpoint import Endpoint, endpoint_from_uri
from mediation.profile import Profile
from mediation.sftp import SftpSession
from ratemill.partner_server import PartnerServer

NOW = datetime.fromisoformat("2026-10-01T06:00:00")
OLD = NOW - timedelta(hours=1)


def profile(**collect_fields: object) -> Profile:
    place = {} if "folder" in collect_fields else {"connection": "sftp_nordtel"}
    fields = {
        "name": "nordtel", "title": "NordTel", "sender": "NORNT", "recipient": "AUTRM",
        "collect": {**place, **collect_fields},
        "format": {"kind": "tap"}, "identity": {},
    }
    return msgspec.convert(fields, Profile)


@dataclass
class Run:
    """One partner, one archive, and what a run was told and told us."""

    server: PartnerServer
    archive: Path
    delivered: list[Fetched] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    @property
    def outgoing(self) -> Path:
        return self.server.add("nordtel") / "outgoing"

    @property
    def endpoint(self) -> Endpoint:
        return endpoint_from_uri(self.server.uri("nordtel"))

    def put(self, name: str, content: bytes, at: datetime = OLD) -> Path:
        path = self.outgoing / name
        path.write_bytes(content)
        os.utime(path, (at.replace(tzinfo=UTC).timestamp(),) * 2)
        return path

    def go(
        self,
        rule: Profile | None = None,
        *,
        seen: Callable[[str, int, datetime], bool] = lambda *_: False,
        deliver: Callable[[Fetched], None] | None = None,
        sleep: Callable[[float], None] | None = None,
        endpoint: Endpoint | None = None,
        limits: CollectLimits = replace(LIMITS, together=1),  # noqa: B008 - it is frozen
    ) -> CollectReport:
        heard = deliver or self.delivered.append

        def one_by_one(files: Sequence[Fetched]) -> None:
            for file in files:
                heard(file)

        return collect(
            rule or profile(), partial(SftpSession, endpoint or self.endpoint, limits),
            self.archive, seen, lambda: NOW,
            one_by_one, sleep or self.slept.append, limits,
        )

    def stored(self) -> list[str]:
        """Every file of the archive but the lock, as paths below it."""
        found = (p for p in self.archive.rglob("*") if p.is_file() and p.name != ".lock")
        return sorted(str(p.relative_to(self.archive)) for p in found)


def place(content: bytes) -> str:
    file_id = hashlib.sha256(content).hexdigest()
    return f"nordtel/{file_id[:2]}/{file_id}"
