"""Who may open what is written: modes that do not depend on the umask."""

import os
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from charging.ledger import Ledger
from ratemill.airflow_stack import passwords
from ratemill.backup import back_up
from ratemill.demo import prepare_home
from ratemill.home import Home
from ratemill.partner_server import PartnerServer


@pytest.fixture
def open_umask() -> Iterator[None]:
    """A process that keeps nothing from anybody by itself."""
    before = os.umask(0)
    yield
    os.umask(before)


def for_others(path: Path) -> list[str]:
    """What of a folder, or which file, anybody but the owner may open; through closed folders
    nobody comes."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077 == 0:
        return []
    return [str(path)]


@pytest.mark.usefixtures("open_umask")
def test_what_is_secret_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    home = prepare_home(tmp_path / "home")
    with PartnerServer(home.root / "sftp", home.root / "keys"), Ledger(home.ledger) as ledger:
        with ledger.writing():
            beside = list(home.root.glob("ledger.db*"))
        assert len(beside) == 3, "the ledger with its log and the log's index"
        secret = [home.root, home.root / "keys", *beside]
        secret += [p for p in (home.root / "keys").iterdir() if p.suffix != ".pub"]
        assert len(secret) > 8
        assert [found for path in secret for found in for_others(path)] == []
    passwords(tmp_path, lambda: "word")
    assert for_others(tmp_path / "passwords.json") == []


@pytest.mark.usefixtures("open_umask")
def test_a_ledger_that_is_there_keeps_the_mode_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Ledger(path).close()
    path.chmod(0o640)
    Ledger(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.usefixtures("open_umask")
def test_a_backup_is_closed_to_others(tmp_path: Path) -> None:
    home: Home = prepare_home(tmp_path / "home")
    back_up(home, tmp_path / "copy", datetime(2026, 10, 1))
    assert for_others(tmp_path / "copy") == []


@pytest.mark.usefixtures("open_umask")
def test_others_are_told_apart(tmp_path: Path) -> None:
    open_one, closed = tmp_path / "open", tmp_path / "closed"
    open_one.touch(0o604)
    closed.touch(0o600)
    assert for_others(open_one) == [str(open_one)]
    assert for_others(closed) == []
