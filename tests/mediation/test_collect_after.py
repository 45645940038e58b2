"""Sub-folders, markers, and what becomes of files at their source once they are registered."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
import msgspec
import pytest

from mediation.collect import Fetched
from mediation.collect_limits import LIMITS
from mediation.profile import Collect
from ratemill.partner_server import PartnerServer

sys.path.insert(0, str(Path(__file__).parent))

from collect_scene import NOW, Run, profile


class _OpenServer(PartnerServer):
    """The partner's server where we may change everything in our folder."""

    def _session(self, channel: Any) -> asyncssh.SFTPServer:
        home = self.root / channel.get_extra_info("username")
        return asyncssh.SFTPServer(channel, chroot=bytes(home))


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[Run]:
    with _OpenServer(tmp_path / "root", tmp_path / "keys") as server:
        yield Run(server, tmp_path / "archive")


class _Register:
    """What arrivals.py does for collect(): the files known so far, and the way there."""

    def __init__(self) -> None:
        self.known: set[tuple[str, int, datetime]] = set()

    def __call__(self, fetched: Fetched) -> None:
        self.known.add((fetched.remote_path, fetched.size_bytes, fetched.modified_at))

    def seen(self, *file: Any) -> bool:
        return file in self.known


def _there(run: Run) -> list[str]:
    """Everything below the partner's folder that is a file."""
    home = run.outgoing.parent
    return sorted(str(p.relative_to(home)) for p in home.rglob("*") if p.is_file())


def _put_below(run: Run, path: str, content: bytes) -> None:
    (run.outgoing / path).parent.mkdir(parents=True, exist_ok=True)
    run.put(path, content)


def test_sub_folders_in_path_order(run: Run) -> None:
    for path in ("CD1", "b/CD1", "a/CD2", "a/deep/CD1", ".hid/CD3", "a/CD4.tmp"):
        _put_below(run, path, path.encode())
    (run.outgoing / "b" / "round").symlink_to("..")
    report = run.go(profile(recursive=True, glob="CD*"))
    assert [f.remote_path for f in report.fetched] == [
        "outgoing/CD1", "outgoing/a/CD2", "outgoing/a/deep/CD1", "outgoing/b/CD1"
    ]
    assert {f.name for f in report.fetched} == {"CD1", "CD2"}
    assert report.failed == {}
    assert [f.remote_path for f in run.go().fetched] == ["outgoing/CD1"]


def test_folders_too_deep_and_entries_too_many(run: Run) -> None:
    for path in ("CD1", "a/CD2", "a/b/CD3"):
        _put_below(run, path, path.encode())
    report = run.go(profile(recursive=True), limits=replace(LIMITS, depth=1))
    assert [f.name for f in report.fetched] == ["CD1", "CD2"]
    assert report.failed == {"a/b": "a folder more than 1 levels down"}
    with pytest.raises(Exception, match="holds more than 3 entries"):
        run.go(profile(recursive=True), limits=replace(LIMITS, listed=3))


def test_unreadable_sub_folder_costs_only_itself(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in ("CD1", "a/CD2", "b/CD3"):
        _put_below(run, path, path.encode())
    scan = asyncssh.SFTPServer.scandir

    def guarded(self: asyncssh.SFTPServer, path: bytes) -> Any:
        if path.endswith(b"/a"):
            raise asyncssh.SFTPPermissionDenied("no")
        return scan(self, path)

    monkeypatch.setattr(asyncssh.SFTPServer, "scandir", guarded)
    report = run.go(profile(recursive=True))
    assert [f.name for f in report.fetched] == ["CD1", "CD3"]
    assert report.failed == {"a/": "permission denied"}


def test_marker_makes_ready_and_is_not_fetched(run: Run) -> None:
    young = NOW - timedelta(seconds=1)
    for name in ("CD1", "CD1.done", "CD2", "CD3.done", ".done"):
        run.put(name, name.encode(), young)
    report = run.go(profile(marker="{name}.done"))
    assert [f.name for f in report.fetched] == ["CD1"]
    assert (report.unmarked, run.slept) == (("CD2",), [])
    run.put("CD2.done", b"")
    assert [f.name for f in run.go(profile(marker="{name}.done")).fetched] == ["CD1", "CD2"]


@pytest.mark.parametrize(
    ("after", "left"),
    [
        ({"after": "leave"}, ["outgoing/CD1", "outgoing/sub/CD1"]),
        ({"after": "delete"}, []),
        ({"after": "rename", "after_to": ".ok"}, ["outgoing/CD1.ok", "outgoing/sub/CD1.ok"]),
        ({"after": "move", "after_to": "old/got"}, ["old/got/CD1", "old/got/sub/CD1"]),
        ({"after": "move", "after_to": "outgoing/got"},
         ["outgoing/got/CD1", "outgoing/got/sub/CD1"]),
    ],
)
@pytest.mark.parametrize("marker", ["", "{name}.done"])
def test_registered_files_are_put_away(
    owned: Run, after: dict[str, str], left: list[str], marker: str
) -> None:
    for path in ("CD1", "sub/CD1"):
        _put_below(owned, path, path.encode())
        if marker:
            _put_below(owned, f"{path}.done", b"")
    register = _Register()
    rule = profile(recursive=True, marker=marker, **after)
    report = owned.go(rule, seen=register.seen, deliver=register)
    assert (len(report.fetched), report.notes) == (2, {})
    end = after.get("after_to", "") if after["after"] == "rename" else ""
    markers = [p.removesuffix(end) + ".done" + end for p in left if marker]
    assert _there(owned) == sorted(left + markers)
    again = owned.go(rule, seen=register.seen, deliver=register)
    assert (again.fetched, again.unmarked, again.notes) == ((), (), {})
    assert _there(owned) == sorted(left + markers)


@pytest.mark.parametrize("marker", ["", "{name}.done"])
def test_run_ended_between_registration_and_move_is_caught_up(owned: Run, marker: str) -> None:
    rule = profile(after="move", after_to="old", marker=marker)
    owned.put("CD1", b"one")
    if marker:
        owned.put("CD1.done", b"")
    register = _Register()

    def deliver(fetched: Fetched) -> None:
        register(fetched)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        owned.go(rule, seen=register.seen, deliver=deliver)
    assert "outgoing/CD1" in _there(owned)
    if marker:
        (owned.outgoing / "CD1.done").unlink()
    report = owned.go(rule, seen=register.seen)
    assert (report.fetched, report.seen, owned.delivered) == ((), 1, [])
    assert _there(owned) == ["old/CD1"]


def test_taken_place_is_never_overwritten(owned: Run) -> None:
    (owned.outgoing.parent / "old").mkdir()
    (owned.outgoing.parent / "old" / "CD1").write_bytes(b"of yesterday")
    owned.put("CD1", b"of today")
    owned.put("CD2", b"two")
    report = owned.go(profile(after="move", after_to="old"))
    assert report.notes == {"CD1": "old/CD1 exists already"}
    assert [f.name for f in report.fetched] == ["CD1", "CD2"]
    assert _there(owned) == ["old/CD1", "old/CD2", "outgoing/CD1"]
    assert (owned.outgoing.parent / "old" / "CD1").read_bytes() == b"of yesterday"


def test_file_that_stays_keeps_its_marker(owned: Run) -> None:
    (owned.outgoing.parent / "old").mkdir()
    (owned.outgoing.parent / "old" / "CD1").write_bytes(b"of yesterday")
    owned.put("CD1", b"of today")
    owned.put("CD1.done", b"")
    report = owned.go(profile(after="move", after_to="old", marker="{name}.done"))
    assert list(report.notes) == ["CD1"]
    assert _there(owned) == ["old/CD1", "outgoing/CD1", "outgoing/CD1.done"]


def test_refused_deletion_is_a_note(run: Run) -> None:
    run.put("CD1", b"one")
    report = run.go(profile(after="delete"))
    assert report.notes == {"CD1": "permission denied"}
    assert [f.name for f in run.delivered] == ["CD1"]


def test_file_changed_after_registration_is_not_deleted(owned: Run) -> None:
    path = owned.put("CD1", b"one")
    report = owned.go(
        profile(after="delete"), deliver=lambda _: path.write_bytes(b"another") and None
    )
    assert report.notes == {"CD1": "changed after it was fetched"}
    assert path.read_bytes() == b"another"


@pytest.mark.parametrize("again", [False, True])
def test_file_replaced_in_the_moment_of_its_move_goes_back(
    owned: Run, monkeypatch: pytest.MonkeyPatch, *, again: bool
) -> None:
    path = owned.put("CD1", b"one")
    rename: Callable[..., None] = asyncssh.SFTPServer.rename
    renamed: list[bytes] = []

    def late(self: asyncssh.SFTPServer, old: bytes, new: bytes) -> None:
        renamed.append(old)
        if len(renamed) == 1:
            path.write_bytes(b"another")
        rename(self, old, new)
        if again and len(renamed) == 1:
            path.write_bytes(b"a third")

    monkeypatch.setattr(asyncssh.SFTPServer, "rename", late)
    report = owned.go(profile(after="move", after_to="old"))
    if again:
        assert report.notes == {"CD1": "changed when it was moved; what was there is at old/CD1"}
        assert (owned.outgoing.parent / "old" / "CD1").read_bytes() == b"another"
        assert path.read_bytes() == b"a third"
    else:
        assert report.notes == {"CD1": "changed after it was fetched"}
        assert (_there(owned), path.read_bytes()) == (["outgoing/CD1"], b"another")


@pytest.mark.parametrize("before", [False, True])
def test_connection_lost_while_moving(
    owned: Run, monkeypatch: pytest.MonkeyPatch, *, before: bool
) -> None:
    owned.put("CD1", b"one")
    rename: Callable[..., None] = asyncssh.SFTPServer.rename
    lost: list[bytes] = []

    def losing(self: asyncssh.SFTPServer, old: bytes, new: bytes) -> None:
        if lost or not before:
            rename(self, old, new)
        if not lost:
            lost.append(old)
            self.channel.get_connection().abort()

    monkeypatch.setattr(asyncssh.SFTPServer, "rename", losing)
    report = owned.go(profile(after="move", after_to="old"))
    assert (len(lost), report.notes, len(report.fetched)) == (1, {}, 1)
    assert _there(owned) == ["old/CD1"]


def test_several_sessions_deliver_in_path_order(run: Run) -> None:
    contents = {f"CD{i:02}": os.urandom(200_000 if i % 5 == 0 else 50) for i in range(40)}
    for name, content in contents.items():
        run.put(name, content)
    report = run.go(profile(sessions=4))
    assert [f.name for f in run.delivered] == sorted(contents)
    assert all(f.path.read_bytes() == contents[f.name] for f in run.delivered)
    assert report.notes == {}


def test_fewer_sessions_than_asked_for_are_enough(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CD1", "CD2", "CD3"):
        run.put(name, name.encode())
    from ratemill import partner_server

    made: list[object] = []
    greet = partner_server._Door.connection_made

    def greet_two(self: Any, conn: Any) -> None:
        made.append(conn)
        greet(self, conn)
        if len(made) > 2:
            conn.abort()

    monkeypatch.setattr(partner_server._Door, "connection_made", greet_two)
    report = run.go(profile(sessions=3))
    assert [f.name for f in report.fetched] == ["CD1", "CD2", "CD3"]
    assert list(report.notes) == ["sessions"]
    assert report.notes["sessions"].startswith("2 of 3 sessions: sftp://nordtel@")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"folder": "in", "connection": "sftp_x"}, "exactly one of connection and folder"),
        ({"after": "move"}, "give after_to"),
        ({"after_to": "old"}, "give after_to"),
        ({"after": "rename", "after_to": "old/x"}, "holds no '/'"),
        ({"after": "move", "after_to": "outgoing/"}, "stay where they are"),
        ({"marker": "{name}"}, "names the file itself"),
        ({"marker": "done"}, "matching regex"),
        ({"sessions": 9}, "<= 8"),
    ],
)
def test_rules_that_cannot_work_are_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        profile(**fields)


def test_place_of_the_files_must_be_given() -> None:
    with pytest.raises(msgspec.ValidationError, match="exactly one of connection and folder"):
        msgspec.convert({}, Collect)
