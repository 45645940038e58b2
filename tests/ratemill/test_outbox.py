"""The outbox: what is for a partner reaches his folder whole and once, and holds up nobody else."""

import sys
from pathlib import Path

import pytest

from mediation.sftp import SftpSession
from ratemill.outbox import send
from ratemill.partner_server import PartnerServer

sys.path.insert(0, str(Path(__file__).parent))

from collected_files import PROFILE, with_profile

DELIVER = '\n[deliver]\nconnection = "sftp_alpenfon"\n'


@pytest.fixture
def server(tmp_path):
    with PartnerServer(tmp_path / "root", tmp_path / "keys") as running:
        running.add("alpenfon")
        yield running


@pytest.fixture
def home(small):
    with_profile(small)
    profile = small.root / "partners" / "alpenfon.toml"
    profile.write_text(PROFILE + DELIVER)
    outbox = small.outbox / "alpenfon"
    outbox.mkdir(parents=True)
    for name in ("aa.receipt.json", "aa.receipt.txt", "RCAUTRMCZECL00001"):
        (outbox / name).write_text(f"{name}: {'x' * 100_000}")
    (outbox / ".RCAUTRMCZECL00002.1.part").write_text("half")
    return small


def reached(server):
    """What stands in the partner's folder, hidden files too."""
    folder = server.root / "alpenfon" / "incoming"
    return {path.name: path.read_text() for path in folder.iterdir()}


def online(server):
    return server.environ({"sftp_alpenfon": "alpenfon"})


def test_all_that_waits_is_put_on_the_server_once(home, server):
    sent, deaf = send(home, ["alpenfon"], environ=online(server))
    names = ["RCAUTRMCZECL00001", "aa.receipt.json", "aa.receipt.txt"]
    assert ([path.name for path in sent], deaf) == (names, [])
    assert reached(server) == {
        name: (home.outbox / "alpenfon" / name).read_text() for name in names
    }
    for name in names:
        (server.root / "alpenfon" / "incoming" / name).unlink()  # the partner took it
    assert send(home, ["alpenfon"], environ=online(server)) == ([], [])
    assert reached(server) == {}


def test_what_was_made_anew_takes_the_place_of_the_old(home, server):
    send(home, ["alpenfon"], environ=online(server))
    (home.outbox / "alpenfon" / "aa.receipt.txt").write_text("as it is now")
    sent, _ = send(home, ["alpenfon"], environ=online(server))
    assert [path.name for path in sent] == ["aa.receipt.txt"]
    assert reached(server)["aa.receipt.txt"] == "as it is now"
    assert len(reached(server)) == 3


def test_what_was_made_anew_and_is_the_same_is_not_sent_again(home, server):
    send(home, ["alpenfon"], environ=online(server))
    receipt = home.outbox / "alpenfon" / "aa.receipt.txt"
    text = receipt.read_text()
    receipt.unlink()
    receipt.write_text(text)
    assert send(home, ["alpenfon"], environ=online(server)) == ([], [])


def test_what_changes_while_it_is_sent_is_sent_again(home, server, monkeypatch):
    receipt, put = home.outbox / "alpenfon" / "aa.receipt.txt", SftpSession.put

    def changing(self, data, to):
        put(self, data, to)
        if to.endswith(receipt.name):
            receipt.write_text("as it is now")

    with monkeypatch.context() as patch:
        patch.setattr(SftpSession, "put", changing)
        send(home, ["alpenfon"], environ=online(server))
    sent, _ = send(home, ["alpenfon"], environ=online(server))
    assert [path.name for path in sent] == [receipt.name]
    assert reached(server)[receipt.name] == "as it is now"


def test_receipts_may_stay_here(home, server):
    profile = home.root / "partners" / "alpenfon.toml"
    profile.write_text(PROFILE + DELIVER + "receipts = false\n")
    sent, _ = send(home, ["alpenfon"], environ=online(server))
    assert [path.name for path in sent] == ["RCAUTRMCZECL00001"]


def test_a_partner_without_delivery_keeps_his_outbox(home, server):
    (home.root / "partners" / "alpenfon.toml").write_text(PROFILE)
    assert send(home, ["alpenfon"], environ=online(server)) == ([], [])


def test_a_server_that_is_away_is_named_and_tried_again(home, server):
    environ = online(server)
    away = {name: uri.replace(f":{server.port}/", ":1/") for name, uri in environ.items()}
    sent, (deaf,) = send(home, ["alpenfon"], environ=away)
    assert (sent, deaf.retryable) == ([], True)
    sent, (deaf,) = send(home, ["alpenfon"], environ={})
    assert (sent, deaf.retryable) == ([], False)
    assert len(send(home, ["alpenfon"], environ=environ)[0]) == 3


def test_a_folder_that_takes_nothing_is_named(home, server):
    profile = home.root / "partners" / "alpenfon.toml"
    profile.write_text(PROFILE + DELIVER + 'path = "nowhere"\n')
    sent, (deaf,) = send(home, ["alpenfon"], environ=online(server))
    assert sent == []
    assert "folder 'nowhere' takes no file" in str(deaf)


def test_killed_before_it_is_noted_the_same_is_sent_over_itself(home, server, monkeypatch):
    put, calls = SftpSession.put, []

    def once(self, data, to):
        put(self, data, to)
        calls.append(to)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(SftpSession, "put", once)
    with pytest.raises(KeyboardInterrupt):
        send(home, ["alpenfon"], environ=online(server))
    assert len(reached(server)) == 1
    send(home, ["alpenfon"], environ=online(server))
    assert calls[0] == calls[1]
    assert len(reached(server)) == 3
