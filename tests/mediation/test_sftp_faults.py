"""Random runs against a server that fails: every file ends right, and none comes twice."""

import os
import random
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from mediation.collect import CollectReport, Fetched, collect
from mediation.collect_limits import LIMITS
from mediation.endpoint import endpoint_from_uri
from mediation.profile import Profile
from mediation.sftp import SftpSession
from mediation.source import CollectError

sys.path.insert(0, str(Path(__file__).parent))

from collect_scene import NOW, profile
from faulty_server import Faults, FaultyServer

_LIMITS = replace(
    LIMITS, reply_s=0.5, connect_s=5.0, pauses_s=(0.0, 0.0), request_bytes=4096, requests=8,
    ahead=2,
)
_SIZES = (0, 1, 4095, 4096, 4097, 32_768, 32_769, 70_000, 200_000)
_RUNS = 60


class _KilledError(Exception):
    """The run ends here, as by a signal."""


@dataclass
class _Partner:
    """What the partner has written: each complete content by path, the last one is there now."""

    rng: random.Random
    home: Path
    rule: Profile
    written: dict[str, list[bytes]] = field(default_factory=dict)
    last: dict[str, bytes] = field(default_factory=dict)
    """The content that a path got last, without those that were renamed away"""
    partial: dict[str, bytes] = field(default_factory=dict)
    clock: datetime = NOW - timedelta(days=1)

    def new(self, path: str) -> None:
        content = self.rng.randbytes(self.rng.choice(_SIZES))
        self._write(path, content)
        self._done(path, content)

    def begin(self, path: str) -> None:
        """Half a file: young, so that it has to settle, and without a marker."""
        self.partial[path] = self.rng.randbytes(5_000)
        self._write(path, self.partial[path][:2_500], NOW)

    def complete(self) -> None:
        """The other half of all of them."""
        for path, content in self.partial.items():
            self._write(path, content)
            self._done(path, content)
        self.partial.clear()

    def meddle(self) -> None:
        """Something happens to a file while we are looking."""
        there = [p for p in self.last if (self.home / p).exists()]
        if not there:
            return
        path = self.rng.choice(there)
        # A name may be used again in the moment of deletion, or between marker and file: then no
        # client of SFTP can tell.
        rule = self.rule.collect
        safe = rule.after == "leave" or (rule.after != "delete" and not rule.marker)
        if safe and self.rng.randrange(3):
            self.rng.choice((self.new, self._over))(path)
            return
        to = f"{path}n"
        (self.home / path).rename(self.home / to)
        self._done(to, self.last.pop(path))

    def _over(self, path: str) -> None:
        """Other content of the same size into the same file: a reader gets half of each."""
        content = self.rng.randbytes(len(self.last[path]))
        self.clock += timedelta(seconds=1)
        with (self.home / path).open("r+b") as file:
            file.write(content)
        os.utime(self.home / path, (self.clock.replace(tzinfo=UTC).timestamp(),) * 2)
        self._done(path, content)

    def _done(self, path: str, content: bytes) -> None:
        self.written.setdefault(path, []).append(content)
        self.last[path] = content
        if self.rule.collect.marker:
            self._write(f"{path}.done", b"")

    def _write(self, path: str, content: bytes, at: datetime | None = None) -> None:
        # Each file gets a second of its own: that is all that SFTP tells of a time.
        self.clock += timedelta(seconds=1)
        target = self.home / path
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(".new")
        new.write_bytes(content)
        os.utime(new, ((at or self.clock).replace(tzinfo=UTC).timestamp(),) * 2)
        new.rename(target)


@dataclass
class _Office:
    """What we have registered, and runs until nothing is left to do."""

    rng: random.Random
    archive: Path
    rule: Profile
    server: FaultyServer
    known: dict[tuple[str, int, datetime], str] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)

    def deliver(self, files: Sequence[Fetched]) -> None:
        for fetched in files:
            self.register(fetched)

    def register(self, fetched: Fetched) -> None:
        if not self.rng.randrange(25):
            raise _KilledError
        key = (fetched.remote_path, fetched.size_bytes, fetched.modified_at)
        assert key not in self.known, f"{key} came twice"
        self.known[key] = fetched.file_id
        self.order.append(fetched.remote_path)
        if not self.rng.randrange(25):
            raise _KilledError

    def run(self, sleep: Callable[[float], None]) -> CollectReport | None:
        endpoint = endpoint_from_uri(self.server.uri("nordtel"))
        self.order.clear()
        try:
            return collect(
                self.rule, partial(SftpSession, endpoint, _LIMITS), self.archive,
                lambda *key: key in self.known, lambda: NOW, self.deliver, sleep, _LIMITS,
            )
        except _KilledError:
            return None
        except CollectError as error:
            if not error.retryable:
                raise
            return None
        finally:
            assert self.order == sorted(self.order)


def _rule(rng: random.Random) -> Profile:
    after = rng.choice((
        {"after": "leave"}, {"after": "delete"}, {"after": "rename", "after_to": ".ok"},
        {"after": "move", "after_to": "old/got"},
    ))
    return profile(
        **after, recursive=True, sessions=rng.randint(1, 3), settle_s=5,
        marker=rng.choice(("", "{name}.done")),
    )


def _until_quiet(office: _Office, partner: _Partner) -> int:
    """Runs until one of them finds nothing more to do; how many it took."""

    def sleep(seconds: float) -> None:
        if seconds:
            partner.complete()

    for number in range(_RUNS):
        report = office.run(sleep)
        if number == 1:
            partner.complete()
        if report and not (
            report.fetched or report.unmarked or report.unsettled or report.failed
            or report.notes or report.postponed or office.server.faults.left
        ):
            return number
        # What nobody has asked for yet does not keep the runs going.
        office.server.faults.left = max(0, office.server.faults.left - 1)
    raise AssertionError(f"{_RUNS} runs were not enough: {report}")


def _prove(office: _Office, partner: _Partner) -> None:
    """Every complete content is ours once, nothing else is, and all is put away."""
    ours: dict[str, list[str]] = {}
    for (path, _, _), file_id in office.known.items():
        ours.setdefault(path, []).append(file_id)
        stored = office.archive / "nordtel" / file_id[:2] / file_id
        assert sha256(stored.read_bytes()).hexdigest() == file_id
    theirs = {p: [sha256(c).hexdigest() for c in cs] for p, cs in partner.written.items()}
    for path, file_ids in ours.items():
        assert set(file_ids) <= set(theirs[path]), path
    everywhere = {file_id for file_ids in ours.values() for file_id in file_ids}
    for path, content in partner.last.items():
        assert sha256(content).hexdigest() in everywhere, path
    if office.rule.collect.after != "leave":
        home = partner.home
        left = [p for p in (home / "outgoing").rglob("*") if p.is_file()]
        assert not [p for p in left if p.suffix not in (".ok", ".done")]
    assert not list(office.archive.rglob(".part-*"))


def _play(seed: int, folder: Path) -> list[str]:
    """One random partner, collected to the end; the faults that it took."""
    rng = random.Random(seed)
    faults = Faults(random.Random(seed + 1), left=rng.randint(1, 12))
    rule = _rule(rng)
    with FaultyServer(folder / "root", folder / "keys", faults) as server:
        partner = _Partner(rng, server.add("nordtel"), rule)
        office = _Office(random.Random(seed + 2), folder / "archive", rule, server)
        for number in range(rng.randint(1, 8)):
            sub = rng.choice(("", "", "a/", "b/c/"))
            partner.new(f"outgoing/{sub}CD{number}")
        if rng.randrange(2):
            partner.begin("outgoing/CDhalf")
        faults.under_way = partner.meddle
        _until_quiet(office, partner)
        _prove(office, partner)
    return faults.happened


@pytest.mark.parametrize("seed", range(15))
def test_every_file_ends_right_and_none_twice(seed: int, tmp_path: Path) -> None:
    _play(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.seeds
@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(1000, 1300, 50))
def test_every_file_ends_right_in_fifty_more_runs(first: int, tmp_path: Path) -> None:
    # A run waits for answers that do not come most of the time.
    with ThreadPoolExecutor(4) as some_at_once:
        runs = some_at_once.map(
            lambda seed: _play(seed, tmp_path / str(seed)), range(first, first + 50)
        )
        happened = [fault for run in runs for fault in run]
    kinds = {fault.partition(" ")[2] for fault in happened}
    assert kinds == {
        "drop", "stall", "refuse", "fail", "change", "cut", "few", "end", "lie"
    }
    assert len(happened) > 50
