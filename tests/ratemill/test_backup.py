"""A home copied while it is at work, and made anew from the copy: the drill."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from textwrap import dedent

import msgspec
import pytest

from charging.ledger import Ledger
from ratemill.backup import back_up, restore
from ratemill.demo import prepare_home
from ratemill.errors import RatemillError
from ratemill.home import Home
from ratemill.ledger_check import check_home
from ratemill.settings import clock
from ratemill.sweep import sweep


@pytest.fixture
def copied(example, tmp_path):
    """A home of one's own, already run."""
    shutil.copytree(example.root, tmp_path / "home")
    return Home.find(tmp_path / "home", {})


def balances(home):
    with Ledger(home.ledger) as ledger:
        return ledger.balances().drop("postings").rows()


@pytest.fixture(params=["sqlite", "postgres"])
def ledgers(request, tmp_path):
    """The addresses of two ledgers that are not there yet."""
    if request.param == "sqlite":
        return tuple(str(tmp_path / f"{name}.db") for name in ("first", "second"))
    server = request.getfixturevalue("postgres_server")
    return tuple(server.url(server.empty()) for _ in range(2))


@pytest.mark.slow
def test_the_drill(example, runner, tmp_path, ledgers):
    """Half is run, the rest runs while the copy is made; the copy is run to the same end."""
    home = replace(prepare_home(tmp_path / "home"), ledger=ledgers[0])
    runner(home, ["nordtel", "fixline"])
    rest = threading.Thread(target=runner, args=(home,))
    rest.start()
    back_up(home, tmp_path / "copy", clock(home.settings))
    rest.join()
    again = Home(tmp_path / "again", ledgers[1])
    restore(again, tmp_path / "copy")
    assert check_home(again) == []
    runner(again)
    assert check_home(again) == []
    assert balances(again) == balances(home) == balances(example)
    assert not list(home.root.glob(".*part*"))


def test_a_copy_holds_what_a_home_is_and_nothing_that_is_made_anew(copied, tmp_path):
    backup = back_up(copied, tmp_path / "copy", clock(copied.settings))
    tops = {file.path.split("/")[1] for file in backup.files if file.path.startswith("home/")}
    assert {"archive", "catalog", "lake", "outbox", "partners", "ratemill.toml"} <= tops
    assert not tops & {"cache", "warehouse.duckdb", "ledger.db", "rating.lock"}
    written = {str(path.relative_to(tmp_path / "copy"))
               for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert written == {"manifest.json", *(file.path for file in backup.files)}


def test_a_folder_that_is_there_or_within_the_home_is_refused(copied, tmp_path):
    (tmp_path / "copy").mkdir()
    with pytest.raises(RatemillError, match="is there already"):
        back_up(copied, tmp_path / "copy", clock(copied.settings))
    with pytest.raises(RatemillError, match="is within the home"):
        back_up(copied, copied.root / "copy", clock(copied.settings))


def test_a_damaged_copy_is_refused_and_nothing_is_made(copied, tmp_path):
    folder = tmp_path / "copy"
    backup = back_up(copied, folder, clock(copied.settings))
    again = Home.find(tmp_path / "again", {})
    lost = folder / next(file.path for file in backup.files if "/posting/" in file.path)
    octets = lost.read_bytes()
    for change in (octets[:-1] + b"x", octets + b"x", None):
        lost.unlink()
        if change:
            lost.write_bytes(change)
        with pytest.raises(RatemillError, match="is not as it was written"):
            restore(again, folder)
    lost.write_bytes(octets)
    (folder / "manifest.json").rename(folder / "kept.json")
    with pytest.raises(RatemillError, match="was cut short"):
        restore(again, folder)
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(RatemillError, match="is not as it was written"):
        restore(again, folder)
    assert not again.root.exists()


def test_a_home_or_ledger_with_something_in_it_is_refused(copied, tmp_path):
    back_up(copied, tmp_path / "copy", clock(copied.settings))
    with pytest.raises(RatemillError, match="is not empty"):
        restore(copied, tmp_path / "copy")
    again = Home(tmp_path / "again", str(tmp_path / "elsewhere.db"))
    restore(again, tmp_path / "copy")
    assert check_home(again) == []
    shutil.rmtree(again.root)
    # cut short before the home took its name: the ledger has it all
    restore(again, tmp_path / "copy")
    assert check_home(again) == []


def test_a_file_replaced_meanwhile_is_taken_again(copied, tmp_path, monkeypatch):
    link, moved = os.link, []

    def replaced(path, place):
        link(path, place)
        if not moved and "/lake/file/" in str(path):
            moved.append(path)
            path.with_name("new").write_bytes(path.read_bytes())
            path.with_name("new").rename(path)

    monkeypatch.setattr(os, "link", replaced)
    back_up(copied, tmp_path / "copy", clock(copied.settings))
    assert moved
    again = Home.find(tmp_path / "again", {})
    restore(again, tmp_path / "copy")
    assert check_home(again) == []


KILLED = """
    import os, shutil, signal, sys
    from pathlib import Path
    from ratemill import backup
    from ratemill.home import Home
    from ratemill.settings import clock

    copy, left = shutil.copyfile, [{after}]

    def stop(*args):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return copy(*args)

    shutil.copyfile = stop
    home = Home(Path({root!r}), {ledger!r})
    {call}
    """


def killed(home, call, after):
    """End the process of a backup or restore at one of its files."""
    text = dedent(KILLED).format(
        after=after, root=str(home.root), ledger=home.ledger, call=call)
    done = subprocess.run([sys.executable, "-c", text], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 300])
def test_killed_in_the_middle_nothing_looks_whole(copied, tmp_path, after):
    folder, again = tmp_path / "copy", Home.find(tmp_path / "again", {})
    killed(copied, f"backup.back_up(home, Path({str(folder)!r}), clock(home.settings))", after)
    assert not folder.exists()
    with pytest.raises(RatemillError, match="has no"):
        restore(again, folder)
    sweep(copied)
    assert not list(copied.root.glob(".*part*"))
    back_up(copied, folder, clock(copied.settings))
    killed(again, f"backup.restore(home, Path({str(folder)!r}))", after)
    assert not again.root.exists()
    restore(again, folder)
    assert check_home(again) == []


def test_the_commands(copied, ratemill, tmp_path):
    shown = ratemill("ledger", "backup", tmp_path / "copy", "--json", home=copied)
    assert shown.returncode == 0, shown.stderr
    assert msgspec.json.decode(shown.stdout)["rows"]["posting"] > 0
    again = Home.find(tmp_path / "again", {})
    shown = ratemill("ledger", "restore", tmp_path / "copy", home=again)
    assert shown.returncode == 0, shown.stderr
    assert "✓ lake files: " in shown.stdout
    assert ratemill("ledger", "restore", tmp_path / "copy", home=again).returncode == 2
