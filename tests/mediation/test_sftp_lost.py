"""Connections that are lost, never answer, or come back as another server's."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from mediation.collect import Fetched
from mediation.collect_limits import LIMITS
from mediation.source import ConnectError, HostKeyChanged
from ratemill.partner_server import PartnerServer

sys.path.insert(0, str(Path(__file__).parent))

from collect_scene import Run, place, profile

_LARGE = 3 * 1024 * 1024
_QUICK = replace(LIMITS, pauses_s=(0.0,), requests=8)


def _reading(monkeypatch: pytest.MonkeyPatch, instead: Callable[[Any, int], bool]) -> list[int]:
    """Offsets that were read; a read for which instead(server, offset) is true ends the line."""
    offsets: list[int] = []
    read = asyncssh.SFTPServer.read

    def losing(self: asyncssh.SFTPServer, file_obj: object, offset: int, size: int) -> Any:
        offsets.append(offset)
        if instead(self, offset):
            self.channel.get_connection().abort()
        return read(self, file_obj, offset, size)

    monkeypatch.setattr(asyncssh.SFTPServer, "read", losing)
    return offsets


def test_download_goes_on_where_it_stopped(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    content = os.urandom(_LARGE)
    run.put("CD1", content)
    dropped: list[int] = []

    def once(_: Any, offset: int) -> bool:
        if offset >= 2 * 1024 * 1024 and not dropped:
            dropped.append(offset)
            return True
        return False

    offsets = _reading(monkeypatch, once)
    report = run.go(limits=_QUICK)
    assert [f.path.read_bytes() for f in report.fetched] == [content]
    assert len(dropped) == 1
    # Some requests were under way when the line died; the first megabyte was safe by then.
    assert offsets.count(0) == 1
    assert sum(o < 1024 * 1024 for o in offsets) == 1024 * 1024 // LIMITS.request_bytes


def test_file_changed_while_the_line_was_down_starts_anew(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run.put("CD1", os.urandom(_LARGE))
    changed: list[int] = []

    def change(_: Any, offset: int) -> bool:
        if offset < 2 * 1024 * 1024 or changed:
            return False
        changed.append(offset)
        path.write_bytes(os.urandom(_LARGE))
        return True

    _reading(monkeypatch, change)
    report = run.go(limits=_QUICK)
    assert (report.fetched, report.unsettled) == ((), ("CD1",))
    assert run.stored() == []


def test_file_that_always_loses_the_line_costs_only_itself(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.put("CD1", bytes(_LARGE))
    run.put("CD2", b"two")
    _reading(monkeypatch, lambda _, offset: offset >= 1024 * 1024)
    report = run.go(limits=_QUICK)
    assert list(report.failed) == ["CD1"]
    assert report.failed["CD1"].startswith("lost too often: connection lost")
    assert [f.name for f in report.fetched] == ["CD2"]
    assert run.stored() == [place(b"two")]


def test_line_that_is_always_lost_ends_the_run(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CD1", "CD2", "CD3"):
        run.put(name, name.encode())
    opened: list[int] = []
    _reading(monkeypatch, lambda *_: not opened.append(1))
    with pytest.raises(ConnectError, match="connection lost") as caught:
        run.go(limits=replace(_QUICK, losses=6))
    assert caught.value.retryable
    assert len(opened) == 7


def test_server_that_lies_about_a_size_is_not_believed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.put("CD1", b"one")
    run.put("CD2", bytes(200_000))
    run.put("CD3", b"three")
    told = {"CD1": 2, "CD2": 163_840}
    as_told = asyncssh.SFTPAttrs.from_local

    def scan(self: asyncssh.SFTPServer, path: bytes) -> list[Any]:
        entries = []
        for found in sorted(Path(os.fsdecode(self.map_path(path))).iterdir()):
            attrs = as_told(found.stat())
            attrs.size = told.get(found.name, attrs.size)
            entries.append(asyncssh.SFTPName(found.name.encode(), attrs=attrs))
        return entries

    def stat(self: asyncssh.SFTPServer, path: bytes) -> Any:
        found = Path(os.fsdecode(self.map_path(path)))
        attrs = as_told(found.stat())
        attrs.size = told.get(found.name, attrs.size)
        return attrs

    monkeypatch.setattr(asyncssh.SFTPServer, "listdir", scan, raising=False)
    monkeypatch.setattr(asyncssh.SFTPServer, "stat", stat)
    report = run.go()
    assert report.unsettled == ("CD1", "CD2")
    assert [f.name for f in report.fetched] == ["CD3"]


def test_key_changed_while_the_line_was_down(run: Run, tmp_path: Path) -> None:
    run.put("CD1", b"one")
    run.put("CD2", b"two")
    other = PartnerServer(tmp_path / "root", tmp_path / "other", run.server.port)
    up = threading.Event()

    def deliver(fetched: Fetched) -> None:
        run.delivered.append(fetched)
        if len(run.delivered) == 1:
            run.server.__exit__()
            other.__enter__()
            up.set()

    try:
        # The deletion of the first file is what finds the other server.
        with pytest.raises(HostKeyChanged) as caught:
            run.go(profile(after="delete"), deliver=deliver, sleep=lambda _: up.wait(5) and None)
    finally:
        other.__exit__()
        run.server.__enter__()
    assert not caught.value.retryable
    assert sorted(p.name for p in run.outgoing.iterdir()) == ["CD1", "CD2"]


def test_channel_that_never_answers_does_not_hang_us(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: object) -> None:
        await asyncio.sleep(30)

    monkeypatch.setattr(asyncssh.sftp.SFTPServerHandler, "recv_packet", silent)
    started = time.monotonic()
    with pytest.raises(ConnectError, match="no SFTP channel") as caught:
        run.go(limits=replace(LIMITS, reply_s=0.5))
    assert caught.value.retryable
    assert time.monotonic() - started < 10


def test_folder_of_twenty_thousand_files(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    attrs = asyncssh.SFTPAttrs.from_local(run.put("CD00001", b"one").stat())

    def scan(self: asyncssh.SFTPServer, path: bytes) -> list[Any]:
        return [asyncssh.SFTPName(b"CD%05d" % n, attrs=attrs) for n in range(20_000)]

    monkeypatch.setattr(asyncssh.SFTPServer, "listdir", scan, raising=False)
    report = run.go(seen=lambda path, *_: path != "outgoing/CD00001")
    assert (report.seen, [f.name for f in report.fetched]) == (19_999, ["CD00001"])
