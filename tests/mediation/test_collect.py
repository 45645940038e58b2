"""Collection against a real SFTP server on the loopback interface."""

import asyncio
import hashlib
import os
import pickle
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
import msgspec
import paramiko
import pytest

from mediation import collect as collect_module
from mediation.collect import Fetched
from mediation.collect_limits import LIMITS
from mediation.endpoint import endpoint_from_uri
from mediation.raw_store import ArchiveError
from mediation.source import ConnectError, HostKeyChanged
from ratemill.partner_server import PartnerServer

sys.path.insert(0, str(Path(__file__).parent))

from collect_scene import NOW, OLD, Run, place, profile


def test_files_arrive_whole_in_name_order(run: Run) -> None:
    large = os.urandom(5 * 1024 * 1024 + 7)
    for name, content in (("CD2", large), ("CD1", b"one"), ("CD3", b"")):
        run.put(name, content)
    report = run.go()
    assert [f.name for f in run.delivered] == ["CD1", "CD2", "CD3"]
    assert report.fetched == tuple(run.delivered)
    assert (report.seen, report.unsettled, report.failed, report.postponed) == (0, (), {}, 0)
    second = run.delivered[1]
    assert second == Fetched(
        "nordtel", "CD2", "outgoing/CD2", len(large), OLD, hashlib.sha256(large).hexdigest(),
        run.archive / place(large),
    )
    assert second.path.read_bytes() == large
    assert stat.S_IMODE(second.path.stat().st_mode) == 0o440
    assert run.stored() == sorted(map(place, (b"one", large, b"")))
    assert run.slept == []


def test_file_is_in_the_archive_before_it_is_delivered(run: Run) -> None:
    run.put("CD1", b"one")
    run.go(deliver=lambda f: run.slept.append(len(f.path.read_bytes())))
    assert run.slept == [3]


def test_failing_delivery_ends_the_run_and_the_next_one_repeats_it(run: Run) -> None:
    run.put("CD1", b"one")
    with pytest.raises(ZeroDivisionError):
        run.go(deliver=lambda _: 1 // 0)
    run.go()
    assert [f.name for f in run.delivered] == ["CD1"]
    assert run.stored() == [place(b"one")]


def test_seen_files_are_not_fetched(run: Run) -> None:
    run.put("CD1", b"one")
    run.put("CD2", b"two!")
    asked: list[tuple[str, int, datetime]] = []

    def seen(path: str, size_bytes: int, modified_at: datetime) -> bool:
        asked.append((path, size_bytes, modified_at))
        return path == "outgoing/CD1"

    report = run.go(seen=seen)
    assert asked == [("outgoing/CD1", 3, OLD), ("outgoing/CD2", 4, OLD)]
    assert (report.seen, [f.name for f in report.fetched]) == (1, ["CD2"])


def test_glob_exclude_folders_and_odd_names(run: Run) -> None:
    for name in ("CD1", "CD2.part", "CD3.tmp", ".CD4", "XD5", "CD6\n", "cd7"):
        run.put(name, name.encode())
    (run.outgoing / "CD8").mkdir()
    (run.outgoing / "CD9").symlink_to("CD1")
    report = run.go(profile(glob="[CT]D*"))
    assert [f.name for f in report.fetched] == ["CD1", "CD9"]
    assert report.failed == {"CD6\n": "its name holds control characters or a slash"}


def test_young_files_are_looked_at_twice(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[bytes] = []
    serve = asyncssh.SFTPServer.open

    def recording(self: asyncssh.SFTPServer, path: bytes, *rest: Any) -> Any:
        opened.append(path)
        return serve(self, path, *rest)

    monkeypatch.setattr(asyncssh.SFTPServer, "open", recording)
    run.put("CD1", b"old")
    run.put("CD2", b"still", NOW - timedelta(seconds=3))
    growing = run.put("CD3", b"grow", NOW - timedelta(seconds=3))
    run.put("CD4", b"clock ahead", NOW + timedelta(hours=2))

    def sleep(seconds: float) -> None:
        run.slept.append(seconds)
        growing.write_bytes(b"growing")

    report = run.go(profile(settle_s=7), sleep=sleep)
    assert run.slept == [7]
    assert [f.name for f in report.fetched] == ["CD1", "CD2", "CD4"]
    assert report.unsettled == ("CD3",)
    assert opened == [b"outgoing/CD1", b"outgoing/CD2", b"outgoing/CD4"]


@pytest.mark.parametrize("change", [os.utime, lambda path: os.truncate(path, 5)])
def test_file_changed_in_download_is_discarded(run: Run, change: Callable[[Path], None]) -> None:
    path = run.put("CD1", bytes(12 * 1024 * 1024))
    folder = run.archive / "nordtel"

    def meddle() -> None:
        while not any(p.stat().st_size for p in folder.glob(".part-*")):
            time.sleep(0.001)
        change(path)

    hand = threading.Thread(target=meddle, daemon=True)
    hand.start()
    report = run.go()
    hand.join(timeout=5)
    assert not hand.is_alive()
    assert (report.fetched, report.unsettled) == ((), ("CD1",))
    assert run.stored() == []


def test_vanished_file_costs_only_itself(run: Run) -> None:
    gone = run.put("CD1", b"gone")
    run.put("CD2", b"stays")

    def seen(*_: object) -> bool:
        gone.unlink(missing_ok=True)
        return False

    report = run.go(seen=seen)
    assert report.failed == {"CD1": "does not exist"}
    assert [f.name for f in report.fetched] == ["CD2"]


def test_same_bytes_under_another_name_are_kept_once_and_delivered_twice(run: Run) -> None:
    run.put("CD1", b"same")
    run.put("CD1.resent", b"same")
    report = run.go()
    assert [f.name for f in run.delivered] == ["CD1", "CD1.resent"]
    assert len({f.file_id for f in report.fetched}) == 1
    assert run.stored() == [place(b"same")]


def test_archived_bytes_are_never_touched_again(run: Run) -> None:
    run.put("CD1", b"same")
    first = run.go().fetched[0].path.stat()
    again = run.go().fetched[0].path.stat()
    assert (again.st_ino, again.st_mtime_ns) == (first.st_ino, first.st_mtime_ns)


def test_limits_of_size_and_number(run: Run) -> None:
    run.put("CD1", b"too long")
    for name in ("CD2", "CD3", "CD4"):
        run.put(name, name.encode())
    report = run.go(limits=replace(LIMITS, file_bytes=7, files=2))
    assert report.failed == {"CD1": "8 bytes are more than the limit 7"}
    assert [f.name for f in report.fetched] == ["CD2", "CD3"]
    assert report.postponed == 1


def test_folder_with_too_many_entries(run: Run) -> None:
    run.put("CD1", b"1")
    run.put("CD2", b"2")
    with pytest.raises(ConnectError, match="holds more than 1 entries") as caught:
        run.go(limits=replace(LIMITS, listed=1))
    assert not caught.value.retryable


def test_missing_folder(run: Run) -> None:
    with pytest.raises(ConnectError, match=r"'elsewhere': does not exist; correct") as missing:
        run.go(profile(path="elsewhere"))
    assert not missing.value.retryable


def test_changed_host_key_is_refused_before_login(run: Run, tmp_path: Path) -> None:
    other = PartnerServer(tmp_path / "root", tmp_path / "other", port=1)
    strange = endpoint_from_uri(other.uri("nordtel")).host_key
    with pytest.raises(HostKeyChanged, match=r"SHA256:.*pinned is SHA256:") as caught:
        run.go(endpoint=replace(run.endpoint, host_key=strange))
    assert not caught.value.retryable


def test_host_key_of_another_type_is_refused(run: Run) -> None:
    rsa = paramiko.RSAKey.generate(2048)
    pinned = f"ssh-rsa {rsa.get_base64()}"
    with pytest.raises(HostKeyChanged):
        run.go(endpoint=replace(run.endpoint, host_key=pinned))


def test_refused_logins_tell_no_secret(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("no key")
    strange = endpoint_from_uri(run.server.uri("alpenfon")).key_file
    for key_file, password, said in (
        (strange, None, "login refused"),
        (None, "geheim", "login refused"),
        (tmp_path / "bad", None, "key_file .*bad cannot be used"),
        (tmp_path / "absent", None, "key_file .*absent cannot be used"),
    ):
        with pytest.raises(ConnectError, match=said) as caught:
            run.go(endpoint=replace(run.endpoint, key_file=key_file, password=password))
        assert not caught.value.retryable
        assert "geheim" not in str(caught.value)


def test_unreachable_port_may_be_retried(run: Run) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(ConnectError, match="cannot connect") as caught:
        run.go(endpoint=replace(run.endpoint, port=port))
    assert caught.value.retryable


def test_silent_server_does_not_hang_us(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = replace(run.endpoint, port=silent.getsockname()[1])
        started = time.monotonic()
        with pytest.raises(ConnectError) as caught:
            run.go(endpoint=endpoint, limits=replace(LIMITS, connect_s=0.2))
    assert caught.value.retryable
    assert time.monotonic() - started < 5


def test_lost_connection_keeps_what_was_delivered(run: Run) -> None:
    run.put("CD1", b"one")
    run.put("CD2", b"two")

    def deliver(fetched: Fetched) -> None:
        run.delivered.append(fetched)
        run.server.__exit__()

    try:
        with pytest.raises(ConnectError, match="cannot connect") as caught:
            run.go(deliver=deliver)
    finally:
        run.server.__enter__()
    assert caught.value.retryable
    assert run.slept == list(LIMITS.pauses_s)
    assert [f.name for f in run.delivered] == ["CD1"]
    assert place(b"one") in run.stored()


def test_stalled_answers_cost_one_file_each_then_the_run(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CD1", "CD2", "CD3", "CD4"):
        run.put(name, name.encode())

    answer = asyncssh.SFTPServer.stat

    async def stat_or_stall(self: asyncssh.SFTPServer, path: bytes) -> Any:
        if path.endswith((b"CD1", b"CD3")):
            await asyncio.sleep(10)
        return answer(self, path)

    monkeypatch.setattr(asyncssh.SFTPServer, "stat", stat_or_stall)
    report = run.go(limits=replace(LIMITS, reply_s=0.2))
    assert report.failed == dict.fromkeys(("CD1", "CD3"), "no answer within 0.2 s")
    assert [f.name for f in report.fetched] == ["CD2", "CD4"]
    with pytest.raises(ConnectError, match="2 answers did not come") as caught:
        run.go(limits=replace(LIMITS, reply_s=0.2, stalls=2))
    assert caught.value.retryable


def test_two_runs_of_one_partner_exclude_each_other(run: Run) -> None:
    run.put("CD1", b"one")
    with pytest.raises(ArchiveError, match="another run") as caught:
        run.go(deliver=lambda _: run.go())
    assert caught.value.retryable


def test_archive_that_cannot_be_written(run: Run) -> None:
    run.archive.write_text("in the way")
    with pytest.raises(ArchiveError, match="cannot be written") as caught:
        run.go()
    assert caught.value.where.endswith("nordtel")


def test_errors_survive_the_way_to_another_process() -> None:
    error = HostKeyChanged("there", "it changed", "ask", retryable=False)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.retryable) == (HostKeyChanged, str(error), False)


_CHILD = """
import sys, pathlib, datetime, msgspec
from functools import partial
from mediation.collect import collect
from mediation.collect_limits import LIMITS
from mediation.endpoint import endpoint_from_uri
from mediation.profile import Profile
from mediation.sftp import SftpSession
collect(msgspec.json.decode(sys.argv[1], type=Profile),
        partial(SftpSession, endpoint_from_uri(sys.argv[2]), LIMITS),
        pathlib.Path(sys.argv[3]), lambda *_: False, lambda: datetime.datetime(2026, 10, 1),
        lambda _: None)
"""


def test_killed_download_leaves_nothing_that_looks_whole(run: Run) -> None:
    path = run.put("CD1", b"")
    os.truncate(path, 1024**3)
    os.utime(path, (0, 0))
    folder = run.archive / "nordtel"
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, msgspec.json.encode(profile()).decode(),
         run.server.uri("nordtel"), str(run.archive)],
        cwd=Path(collect_module.__file__).parents[1], stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 20
        while not any(p.stat().st_size for p in folder.glob(".part-*")):
            assert time.monotonic() < deadline, "the download never began"
            assert child.poll() is None, child.communicate()
            time.sleep(0.005)
    finally:
        child.kill()
        child.communicate()
    assert child.returncode == -signal.SIGKILL
    assert len(run.stored()) == 1
    assert run.stored()[0].startswith("nordtel/.part-")
    run.put("CD1", b"small now")
    run.go()
    assert run.stored() == [place(b"small now")]
