"""Deliveries: archives of several files, drop folders, and what a repeat finds."""

import hashlib
import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from mediation.schema import ARRIVAL, FILE, REJECT
from ratemill import arrivals, pipeline, taken_apart
from ratemill.errors import PartnerUnreachable
from ratemill.funnel import file_status, totals
from ratemill.lake import Lake
from ratemill.run import run
from ratemill.settings import clock

sys.path.insert(0, str(Path(__file__).parent))

from collected_files import HEAD, PROFILE

SENT = datetime(2026, 11, 30, tzinfo=UTC).timestamp()
DROP = PROFILE.replace('connection = "sftp_alpenfon"', 'folder = "incoming"')


class Unwatched:
    """A progress that nobody watches."""

    def step(self, *_):
        return nullcontext(lambda: None)


@pytest.fixture
def home(small):
    (small.root / "partners").mkdir()
    (small.root / "partners" / "alpenfon.toml").write_text(DROP)
    (small.root / "incoming" / "alpenfon" / "upload").mkdir(parents=True)
    return small


def lines(*seconds, start="2026-11-30 10:00"):
    rows = [f"MOC;232990000000001;431234;AUTRM;{start};{s};0.10" for s in seconds]
    return "\n".join([HEAD, *rows, ""]).encode()


def zip_of(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/"), data)
    return out.getvalue()


def drop(home, name, data):
    path = home.root / "incoming" / "alpenfon" / "upload" / name
    path.write_bytes(data)
    os.utime(path, (SENT, SENT))
    return path


def collected(home):
    return pipeline.collect(home, "alpenfon", now=clock(home.settings), environ={})


def ran(home):
    return run(home, ["alpenfon"], now=clock(home.settings), environ={}, progress=Unwatched())


def files(home):
    """Name and state of each file in order of arrival."""
    return Lake(home.lake).file_rows("collect").select("name", "state").rows()


def arrived(home):
    return Lake(home.lake).arrivals().sort("file_number").select("name", "copy_of").rows()


def test_a_drop_folder_is_collected_as_a_server_is(home):
    drop(home, "CD1.csv", lines(60))
    drop(home, "CD2.csv.part", b"not yet")
    assert collected(home) == ["alpenfon/" + hashlib.sha256(lines(60)).hexdigest()]
    assert arrived(home) == [("CD1.csv", None)]
    assert Lake(home.lake).arrivals()["remote_path"].to_list() == ["upload/CD1.csv"]
    assert collected(home) == []


def test_a_drop_folder_may_be_anywhere(home, tmp_path):
    elsewhere = tmp_path / "srv" / "alpenfon"
    (elsewhere / "in").mkdir(parents=True)
    (elsewhere / "in" / "CD1.csv").write_bytes(lines(60))
    (home.root / "partners" / "alpenfon.toml").write_text(
        DROP.replace('"incoming"', f'"{elsewhere}"\npath = "in"\nsettle_s = 0'))
    assert len(collected(home)) == 1


def test_a_drop_folder_that_is_not_there_costs_only_its_partner(home):
    (home.root / "incoming" / "alpenfon" / "upload").rmdir()
    with pytest.raises(PartnerUnreachable, match="folder 'upload': does not exist"):
        collected(home)
    (home.root / "incoming" / "alpenfon").rmdir()
    with pytest.raises(PartnerUnreachable, match="the drop folder cannot be opened") as caught:
        collected(home)
    assert not caught.value.retryable


def test_each_file_of_an_archive_is_a_file(home):
    one, two = lines(60, 90), lines(30, start="2026-11-30 11:00")
    drop(home, "NOV.zip", zip_of(**{"b__CD2.csv": two, "CD1.csv": one, "a.tmp": b"no"}))
    refs = collected(home)
    assert files(home) == [
        ("NOV.zip/CD1.csv", "collected"), ("NOV.zip/b/CD2.csv", "collected"),
        ("NOV.zip", "unpacked"),
    ]
    for ref, data in zip(refs, (one, two), strict=False):
        file_id = hashlib.sha256(data).hexdigest()
        assert ref == f"alpenfon/{file_id}"
        assert home.archived("alpenfon", file_id).read_bytes() == data
    rows = Lake(home.lake).arrivals().sort("file_number")
    assert rows["remote_path"].to_list() == [
        "upload/NOV.zip/CD1.csv", "upload/NOV.zip/b/CD2.csv", "upload/NOV.zip"]
    assert rows["size_bytes"].to_list()[:2] == [len(one), len(two)]
    archive = Lake(home.lake).file_rows("collect").filter(name="NOV.zip")
    assert archive["notes"].item() == (
        "archive of 3 files; 2 became files of their own\nleft out by collect.exclude: a.tmp")
    assert collected(home) == []


def test_an_archive_and_its_files_go_all_the_way(home):
    drop(home, "NOV.zip", zip_of(**{
        "CD1.csv": lines(60, 90), "CD2.csv": lines(60, 30), "README": b"\0\1\2"}))
    result = ran(home)
    assert not result.unreachable
    assert len(result.finished) == len(result.new) == 4
    rows = {r.name: r for r in file_status(home)}
    assert {name: r.state for name, r in rows.items()} == {
        "NOV.zip/CD1.csv": "posted", "NOV.zip/CD2.csv": "posted", "NOV.zip/README": "refused",
        "NOV.zip": "unpacked",
    }
    assert rows["NOV.zip/CD2.csv"].duplicate == 1
    assert rows["NOV.zip"].received == 0
    sums = totals(list(rows.values()))
    assert (sums["received"], sums["posted"], sums["duplicate"]) == (4, 3, 1)
    assert pipeline.pending(home) == []
    receipts = list((home.outbox / "alpenfon").glob("*.txt"))
    assert sum("archive of 3 files" in path.read_text() for path in receipts) == 1
    again = ran(home)
    assert (again.new, again.finished) == ([], [])
    archive = Lake(home.lake).file_rows("post").filter(state="unpacked")["file_id"].item()
    pipeline.reset(home, [f"alpenfon/{archive}"], "mediate")
    ran(home)
    assert Lake(home.lake).file_rows("post").filter(state="unpacked").height == 1


def test_an_archive_of_one_file_stays_one(home):
    data = zip_of(**{"CD1.csv": lines(60)})
    drop(home, "CD1.zip", data)
    result = ran(home)
    assert result.new == ["alpenfon/" + hashlib.sha256(data).hexdigest()]
    assert [(r.name, r.state, r.posted) for r in file_status(home)] == [("CD1.zip", "posted", 1)]


@pytest.mark.parametrize(("spoil", "said"), [
    (lambda data: data[:-30], "broken or cut"),
    (lambda data: data + data, "octets before its first file"),
])
def test_an_archive_that_cannot_be_opened_is_one_refused_file(home, spoil, said):
    drop(home, "NOV.zip", spoil(zip_of(**{"CD1.csv": lines(60), "CD2.csv": lines(90)})))
    ran(home)
    assert [(r.name, r.state) for r in file_status(home)] == [("NOV.zip", "refused")]
    lake = Lake(home.lake)
    assert said in lake.read(REJECT, lake.files(REJECT))["detail"].item()


def test_files_that_came_before_are_copies_in_the_archive_too(home):
    drop(home, "CD1.csv", lines(60))
    drop(home, "NOV.zip", zip_of(**{"CD1.csv": lines(60), "CD2.csv": lines(90)}))
    drop(home, "NOV_again.zip", zip_of(**{"CD1.csv": lines(60), "CD2.csv": lines(90)}))
    new = collected(home)
    assert len(new) == 3
    assert sorted(arrived(home)) == [
        ("CD1.csv", None), ("NOV.zip", None), ("NOV.zip/CD1.csv", "CD1.csv"),
        ("NOV.zip/CD2.csv", None), ("NOV_again.zip", "NOV.zip"),
        ("NOV_again.zip/CD1.csv", "CD1.csv"), ("NOV_again.zip/CD2.csv", "NOV.zip/CD2.csv"),
    ]


class _Killed(BaseException):
    """Stands for the end of the process."""


def _picture(home):
    """All rows and stored octets that collection leaves."""
    lake = Lake(home.lake)
    rows = [lake.read(t, lake.files(t)).sort(pl.all()).rows() for t in (ARRIVAL, FILE)]
    return rows, sorted(p.name for p in (home.archive / "alpenfon").glob("*/*"))


def _killed_at(monkeypatch, moment):
    """Let the process end before the write of this number: a store of octets or a table."""
    left = iter(range(moment))

    def dying(call):
        def instead(*arguments):
            if next(left, None) is None:
                raise _Killed
            return call(*arguments)
        return instead

    monkeypatch.setattr(Path, "replace", dying(Path.replace))
    monkeypatch.setattr(taken_apart, "_stored", dying(taken_apart._stored))
    monkeypatch.setattr(arrivals, "register_files", dying(arrivals.register_files))


def other_home(small, root):
    """A home with the drop folder of alpenfon and nothing in it."""
    (root / "partners").mkdir(parents=True)
    (root / "partners" / "alpenfon.toml").write_text(DROP)
    (root / "ratemill.toml").write_bytes((small.root / "ratemill.toml").read_bytes())
    (root / "incoming" / "alpenfon" / "upload").mkdir(parents=True)
    return type(small).find(root, {})


def test_killed_between_any_two_writes_and_run_again(small, tmp_path, monkeypatch):
    pictures = []
    data = zip_of(**{f"CD{i}.csv": lines(60 + i) for i in range(3)}, copy=lines(60))
    for moment in range(100):
        home = other_home(small, tmp_path / f"home{moment}")
        drop(home, "NOV.zip", data)
        with monkeypatch.context() as patch:
            _killed_at(patch, moment)
            try:
                collected(home)
                ended = True
            except _Killed:
                ended = False
        assert len(collected(home)) == (0 if ended else 4)
        pictures.append(_picture(home))
        if ended:
            break
    assert moment > 12
    assert all(picture == pictures[-1] for picture in pictures)


_CHILD = """
import sys, pathlib
from ratemill import pipeline
from ratemill.home import Home
from ratemill.settings import clock
home = Home.find(pathlib.Path(sys.argv[1]), {})
pipeline.collect(home, "alpenfon", now=clock(home.settings), environ={})
"""


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.1, 0.5, 0.6, 0.95])
def test_a_killed_process_loses_and_doubles_nothing(small, tmp_path, share):
    data = zip_of(**{f"CD{i:02}.csv": lines(60 + i) for i in range(40)})
    undisturbed = other_home(small, tmp_path / "undisturbed")
    drop(undisturbed, "NOV.zip", data)
    collected(undisturbed)

    def outputs(home):
        tops = (home.archive, home.lake)
        return sum(1 for top in tops for p in top.rglob("*") if p.is_file())

    home = other_home(small, tmp_path / "killed")
    drop(home, "NOV.zip", data)
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(home.root)], cwd=Path(arrivals.__file__).parents[1],
    )
    threshold = share * outputs(undisturbed)
    deadline = time.monotonic() + 120
    while child.poll() is None and outputs(home) < threshold and time.monotonic() < deadline:
        time.sleep(0.002)
    child.kill()
    assert child.wait() == -signal.SIGKILL, "it ended before it could be killed"
    collected(home)
    assert _picture(home) == _picture(undisturbed)
    assert not list(home.archive.rglob(".part-*"))
