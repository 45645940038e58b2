"""Which of a partner's files are ready, as the watch over his folder sees them."""

import sys
from datetime import datetime
from pathlib import Path

import pytest

from mediation.endpoint import EndpointError
from mediation.source import ConnectError
from ratemill.arrivals import collect
from ratemill.partner_source import ready_files, source_of

sys.path.insert(0, str(Path(__file__).parent))

from collected_files import PROFILE, with_profile

FOLDER = """folder = "drop"
marker = "{name}.done"
after = "move"
after_to = "upload/old"
settle_s = 0"""


@pytest.fixture
def dropped(small):
    """A home whose partner writes to a drop folder of ours, and that folder."""
    home = with_profile(small)
    text = PROFILE.replace('connection = "sftp_alpenfon"', FOLDER)
    (home.root / "partners" / "alpenfon.toml").write_text(text)
    folder = home.root / "drop" / "alpenfon" / "upload"
    folder.mkdir(parents=True)
    return home, folder


def names(home):
    profile = home.profiles()["alpenfon"]
    return [file.path for file in ready_files(home, profile, {})]


def test_files_are_ready_once_their_marker_is_there_until_they_are_collected(dropped):
    home, folder = dropped
    for name in ("a.csv", "b.csv", "b.csv.done", "c.part", "c.part.done"):
        (folder / name).write_text("x")
    assert names(home) == ["upload/b.csv"]
    (folder / "a.csv.done").touch()
    assert names(home) == ["upload/a.csv", "upload/b.csv"]
    now = datetime.fromisoformat("2026-12-01")
    assert len(collect(home, "alpenfon", now=now, environ={})) == 1  # the same bytes twice
    assert names(home) == []
    assert sorted(path.name for path in (folder / "old").iterdir()) == [
        "a.csv", "a.csv.done", "b.csv", "b.csv.done",
    ]


def test_a_place_that_cannot_be_used_says_so(dropped):
    home, folder = dropped
    folder.rmdir()
    with pytest.raises(ConnectError, match="upload"):
        names(home)
    profile = with_connection(home)
    with pytest.raises(EndpointError, match="AIRFLOW_CONN_SFTP_ALPENFON is not set"):
        source_of(home, profile, {})


def with_connection(home):
    """The profile of a partner who has a server."""
    from mediation.profile import load_profile

    path = home.root / "partners" / "alpenfon.toml"
    path.write_text(PROFILE)
    return load_profile(path)
