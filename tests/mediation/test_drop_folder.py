"""Drop folders of ours: collected as servers are, and never left, whatever is put there."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from mediation.collect import CollectReport, Fetched, collect
from mediation.collect_limits import LIMITS
from mediation.drop_folder import DropFolder
from mediation.profile import Profile
from mediation.source import ConnectError, FileError, MissingError, RemoteFile

sys.path.insert(0, str(Path(__file__).parent))

from collect_scene import NOW, profile

OLD = (NOW - timedelta(hours=1) - datetime(1970, 1, 1)).total_seconds()


def _profile(**collect_fields: object) -> Profile:
    return profile(**{"folder": "incoming"} | collect_fields)


@dataclass
class Drop:
    """A drop folder with its upload, an archive, and what was delivered."""

    root: Path
    archive: Path
    delivered: list[Fetched] = field(default_factory=list)

    def put(self, name: str, data: bytes, age_s: float = 3600) -> Path:
        path = self.root / "upload" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (OLD + 3600 - age_s,) * 2)
        return path

    def go(self, sleep: Callable[[float], None] = lambda _: None, **rule: object) -> CollectReport:
        seen = {(f.remote_path, f.size_bytes, f.modified_at) for f in self.delivered}
        return collect(
            _profile(**rule), partial(DropFolder, self.root, LIMITS), self.archive,
            lambda *key: key in seen, lambda: NOW, self.delivered.extend, sleep,
        )

    def names(self) -> list[str]:
        return [f.name for f in self.delivered]

    def left(self) -> list[str]:
        return sorted(str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.is_file())


@pytest.fixture
def drop(tmp_path: Path) -> Drop:
    (tmp_path / "incoming" / "upload").mkdir(parents=True)
    return Drop(tmp_path / "incoming", tmp_path / "archive")


def _source(drop: Drop) -> DropFolder:
    return DropFolder(drop.root, LIMITS)


def test_files_are_collected_once(drop: Drop) -> None:
    drop.put("CD1", b"one")
    drop.put("CD2", b"two")
    drop.put(".CD3.part", b"not yet")
    report = drop.go()
    assert [f.remote_path for f in report.fetched] == ["upload/CD1", "upload/CD2"]
    assert [f.path.read_bytes() for f in report.fetched] == [b"one", b"two"]
    again = drop.go()
    assert (again.fetched, again.seen) == ((), 2)


def test_the_folder_itself_may_be_the_place(drop: Drop) -> None:
    (drop.root / "CD1").write_bytes(b"one")
    os.utime(drop.root / "CD1", (OLD, OLD))
    assert [f.remote_path for f in drop.go(path=".").fetched] == ["CD1"]


def test_a_file_that_still_grows_waits(drop: Drop) -> None:
    path = drop.put("CD1", b"one", age_s=1)

    def more(_: float) -> None:
        with path.open("ab") as out:
            out.write(b"more")

    assert drop.go(sleep=more).unsettled == ("CD1",)
    assert drop.names() == []


def test_a_change_within_one_second_is_seen(drop: Drop) -> None:
    path = drop.put("CD1", b"one", age_s=1)
    now = path.stat().st_mtime_ns

    def other(_: float) -> None:
        path.write_bytes(b"two")
        os.utime(path, ns=(now, now + 1000))

    assert drop.go(sleep=other).unsettled == ("CD1",)


def test_markers_say_when_a_file_is_whole(drop: Drop) -> None:
    drop.put("CD1", b"one", age_s=0)
    drop.put("CD2", b"two", age_s=0)
    drop.put("CD2.done", b"")
    report = drop.go(marker="{name}.done")
    assert drop.names() == ["CD2"]
    assert report.unmarked == ("CD1",)


@pytest.mark.parametrize(("rule", "left"), [
    ({"after": "leave"}, ["upload/CD1", "upload/a/CD2"]),
    ({"after": "delete"}, []),
    ({"after": "rename", "after_to": ".fetched"},
     ["upload/CD1.fetched", "upload/a/CD2.fetched"]),
    ({"after": "move", "after_to": "upload/done"},
     ["upload/done/CD1", "upload/done/a/CD2"]),
])
def test_what_becomes_of_a_file_afterwards(
    drop: Drop, rule: dict[str, str], left: list[str]
) -> None:
    drop.put("CD1", b"one")
    drop.put("a/CD2", b"two")
    report = drop.go(recursive=True, **rule)
    assert (len(report.fetched), report.notes) == (2, {})
    assert drop.left() == left
    assert drop.go(recursive=True, **rule).fetched == ()


def test_nothing_is_overwritten(drop: Drop) -> None:
    drop.put("CD1", b"one")
    drop.put("done/CD1", b"older")
    report = drop.go(after="move", after_to="upload/done")
    assert report.notes == {"CD1": "upload/done/CD1 exists already"}
    assert (drop.root / "upload" / "done" / "CD1").read_bytes() == b"older"


def test_links_are_not_followed(drop: Drop, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "CD1").write_bytes(b"ours")
    (drop.root / "upload" / "CD1").symlink_to(secret / "CD1")
    (drop.root / "upload" / "sub").symlink_to(secret)
    report = drop.go(recursive=True)
    assert report.fetched == ()
    assert set(report.failed.values()) == {"a link; links are not followed in a drop folder"}
    with _source(drop) as source:
        for path in ("upload/CD1", "upload/sub/CD1"):
            with pytest.raises(FileError):
                list(source.chunks(RemoteFile("CD1", path, 4, NOW)))
        with pytest.raises(FileError):
            source.rename("upload/sub/CD1", "upload/CD2")
        with pytest.raises(FileError):
            source.remove("upload/sub/CD1")
        with pytest.raises(FileError):
            source.make_folder("upload/sub/deeper")
        with pytest.raises(ConnectError, match="folder 'upload/sub'"):
            source.files("upload/sub")
    assert (secret / "CD1").read_bytes() == b"ours"
    assert sorted(p.name for p in secret.iterdir()) == ["CD1"]


def test_a_file_exchanged_for_a_link_or_a_pipe_is_not_read(drop: Drop, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"ours")
    path = drop.put("CD1", b"mine")
    with _source(drop) as source:
        (listed,), _ = source.files("upload")
        path.unlink()
        path.symlink_to(tmp_path / "secret")
        with pytest.raises(FileError, match="symbolic link"):
            list(source.chunks(listed))
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(FileError, match="no regular file"):
            list(source.chunks(listed))


@pytest.mark.parametrize("path", ["../secret", "upload/../../secret", "/etc/passwd", "", "."])
def test_paths_never_lead_outside(drop: Drop, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret").write_bytes(b"ours")
    drop.put("CD1", b"one")
    with _source(drop) as source:
        for call in (
            source.look, source.remove, partial(source.rename, "upload/CD1"),
            partial(source.rename, to="upload/CD2"),
            lambda path: list(source.chunks(RemoteFile("x", path, 4, NOW))),
        ):
            with pytest.raises(FileError, match=r"leads out of|is the drop folder itself"):
                call(path)


def test_what_is_no_file_is_passed_over(drop: Drop) -> None:
    os.mkfifo(drop.root / "upload" / "pipe")
    (drop.root / "upload" / "a\nb").write_bytes(b"1")
    (drop.root / "upload" / os.fsdecode(b"\xff")).write_bytes(b"1")
    with _source(drop) as source:
        found, unusable = source.files("upload")
    assert found == []
    assert set(unusable) == {"a\nb", "\ufffd"}


def test_sub_folders_have_a_depth(drop: Drop) -> None:
    deep = "/".join("abcdefghij"[: LIMITS.depth])
    drop.put(f"{deep}/CD1", b"1")
    drop.put(f"{deep}/z/CD2", b"2")
    drop.put("CD3", b"3")
    with _source(drop) as source:
        found, unusable = source.files("upload", recursive=True)
        flat, _ = source.files("upload")
    assert [f.path for f in found] == ["upload/CD3", f"upload/{deep}/CD1"]
    assert [f.name for f in found] == ["CD3", "CD1"]
    assert unusable == {f"{deep}/z/": f"a folder more than {LIMITS.depth} levels down"}
    assert [f.path for f in flat] == ["upload/CD3"]


def test_an_overfull_folder_is_not_read(drop: Drop) -> None:
    drop.put("CD1", b"1")
    drop.put("CD2", b"2")
    with DropFolder(drop.root, replace(LIMITS, listed=1)) as source, \
            pytest.raises(ConnectError, match="more than 1 entries") as caught:
        source.files("upload")
    assert not caught.value.retryable


def test_missing_things_say_so(drop: Drop) -> None:
    with _source(drop) as source:
        with pytest.raises(MissingError):
            source.look("upload/CD1")
        with pytest.raises(MissingError):
            source.look("nowhere/CD1")
        with pytest.raises(ConnectError, match="folder 'nowhere': does not exist"):
            source.files("nowhere")
    with pytest.raises(ConnectError, match="cannot be opened"):
        DropFolder(drop.root / "nowhere", LIMITS)


def test_reading_goes_on_from_anywhere_and_shows_growth(drop: Drop) -> None:
    path = drop.put("CD1", b"0123456789")
    with _source(drop) as source:
        (listed,), _ = source.files("upload")
        assert b"".join(source.chunks(listed)) == b"0123456789"
        assert b"".join(source.chunks(listed, 7)) == b"789"
        path.write_bytes(b"0123456789abc")
        assert b"".join(source.chunks(listed)) == b"0123456789a"


def test_many_sessions_read_one_folder(drop: Drop) -> None:
    for number in range(20):
        drop.put(f"CD{number:02}", b"%d" % number)
    drop.go(sessions=4)
    assert drop.names() == [f"CD{number:02}" for number in range(20)]
