"""An archive rolled back: every file that it brought, and none that had come before."""

import io
import json
import os
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ratemill import pipeline
from ratemill.lake import Lake
from ratemill.rollback import brought_by, find_file
from ratemill.settings import clock

sys.path.insert(0, str(Path(__file__).parent))

from collected_files import HEAD, PROFILE, with_profile
from corrected_home import prove

SENT = datetime(2026, 11, 30, tzinfo=UTC).timestamp()
LINE = "MOC;232990000000001;0664123456;AUTRM;2026-11-10 1{}:00;60;0.10"


def of_hours(*hours):
    return "\n".join([HEAD, *map(LINE.format, hours), ""]).encode()


@pytest.fixture
def dropped(small):
    with_profile(small)
    profile = small.root / "partners" / "alpenfon.toml"
    profile.write_text(PROFILE.replace('connection = "sftp_alpenfon"', 'folder = "incoming"'))
    (small.root / "incoming" / "alpenfon" / "upload").mkdir(parents=True)
    return small


@pytest.fixture
def home(dropped, begun):
    def made():
        bring(dropped, "A_0.csv", of_hours(0))
        bring(dropped, "NOV.zip", packed(**{"1.csv": of_hours(1, 2), "2.csv": of_hours(3)}))
        bring(dropped, "NOV.zip", packed(**{
            "0.csv": of_hours(0), "2.csv": of_hours(3), "3.csv": of_hours(4), "README": b"none",
        }), SENT + 3600)

    begun(dropped, "rollback archive", made)
    return dropped


def packed(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def bring(home, name, data, sent=SENT):
    """The file put into the partner's drop folder, collected, and run to its end."""
    path = home.root / "incoming" / "alpenfon" / "upload" / name
    path.write_bytes(data)
    os.utime(path, (sent, sent))
    now = clock(home.settings)
    refs = pipeline.collect(home, "alpenfon", now=now, environ={})
    pipeline.mediate(home, refs)
    pipeline.rate(home, refs, now=now)
    pipeline.post(home, refs, now=now)


def archives(home):
    """The ids of the archives, in order of arrival."""
    return Lake(home.lake).file_rows().filter(state="unpacked")["file_id"].to_list()


def states(home):
    rows = Lake(home.lake).file_rows()
    return dict(rows.select("name", "state").iter_rows())


def test_an_archive_brought_what_was_new_in_it(home):
    found = [[row["name"] for row in brought_by(home, find_file(home, one))]
             for one in archives(home)]
    assert found == [["NOV.zip/1.csv", "NOV.zip/2.csv"], ["NOV.zip/3.csv", "NOV.zip/README"]]
    assert brought_by(home, find_file(home, "A_0.csv")) == []


def test_all_that_an_archive_brought_is_rolled_back(home, ratemill):
    first, second = archives(home)
    before = states(home)
    shown = ratemill("rollback", first, "--why", "x", "--dry-run", home=home)
    assert (shown.returncode, shown.stdout.count("would be rolled back")) == (0, 2)
    assert states(home) == before
    done = json.loads(ratemill("rollback", first, "--why", "x", "--json", home=home).stdout)
    assert [(one["rollback"]["name"], one["done"], one["repeated"]) for one in done["files"]] == [
        ("NOV.zip/1.csv", True, False), ("NOV.zip/2.csv", True, False)]
    assert states(home) == before | {"NOV.zip/1.csv": "rolled_back",
                                     "NOV.zip/2.csv": "rolled_back"}
    prove(home)
    again = ratemill("rollback", first, "--why", "x", home=home).stdout
    assert again.count("was rolled back before") == 2
    ratemill("rollback", second, "--why", "x", home=home)
    assert states(home) == before | {f"NOV.zip/{n}.csv": "rolled_back" for n in (1, 2, 3)}
    prove(home)


def test_an_archive_of_which_nothing_is_posted_is_left(dropped, ratemill):
    bring(dropped, "X.zip", packed(a=b"none", b=b"nothing"))
    wrong = ratemill("rollback", "X.zip", "--why", "x", home=dropped)
    assert (wrong.returncode, "brought no file that is posted" in wrong.stderr) == (2, True)
