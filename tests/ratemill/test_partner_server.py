"""The demo partner's server, as its clients and its operator see it."""

import os
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from mediation.collect_limits import LIMITS
from mediation.endpoint import endpoint_from_uri, endpoint_of
from mediation.sftp import SftpSession, connect
from mediation.source import ConnectError
from ratemill.partner_server import PartnerServer


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PartnerServer]:
    with PartnerServer(tmp_path / "root", tmp_path / "keys") as running:
        yield running


def _client(server: PartnerServer, user: str) -> Any:
    return connect(endpoint_from_uri(server.uri(user)), LIMITS)


def test_outgoing_is_read_only_and_incoming_is_not(server: PartnerServer) -> None:
    home = server.add("nordtel")
    (home / "outgoing" / "a").write_text("a")
    with _client(server, "nordtel") as client, client.open_sftp() as sftp:
        with sftp.open("incoming/receipt", "wb") as out:
            out.write(b"thanks")
        sftp.rename("incoming/receipt", "incoming/receipt.txt")
        assert (home / "incoming" / "receipt.txt").read_bytes() == b"thanks"
        for refused in (
            lambda: sftp.open("outgoing/a", "ab"),
            lambda: sftp.open("incoming/../outgoing/b", "wb"),
            lambda: sftp.remove("outgoing/a"),
            lambda: sftp.rename("incoming/receipt.txt", "outgoing/a"),
            lambda: sftp.posix_rename("outgoing/a", "incoming/a"),
            lambda: sftp.utime("outgoing/a", (0, 0)),
            lambda: sftp.mkdir("new"),
            lambda: sftp.rmdir("outgoing"),
            lambda: sftp.symlink("/outgoing/a", "incoming/link"),
        ):
            with pytest.raises(PermissionError):
                refused()
        sftp.remove("incoming/receipt.txt")
    assert (home / "outgoing" / "a").read_text() == "a"
    assert sorted(p.name for p in home.rglob("*")) == ["a", "incoming", "outgoing"]


def test_users_are_apart(server: PartnerServer) -> None:
    (server.add("nordtel") / "outgoing" / "secret").write_text("s")
    with _client(server, "alpenfon") as client, client.open_sftp() as sftp:
        assert sorted(sftp.listdir("/")) == ["incoming", "outgoing"]
        with pytest.raises(FileNotFoundError):
            sftp.stat("../nordtel/outgoing/secret")


def test_unknown_user_and_shell_are_refused(server: PartnerServer) -> None:
    uri = server.uri("nordtel").replace("nordtel@", "stranger@")
    with pytest.raises(ConnectError, match="login refused"):
        SftpSession(endpoint_from_uri(uri), LIMITS)
    with _client(server, "nordtel") as client, pytest.raises(paramiko.SSHException):
        client.exec_command("id", timeout=5)


def test_keys_are_made_once_and_private(server: PartnerServer, tmp_path: Path) -> None:
    before = server.environ({"sftp_nordtel": "nordtel"})
    private = [p for p in (tmp_path / "keys").iterdir() if p.suffix != ".pub"]
    assert sorted(p.name for p in private) == ["client_nordtel", "host_ed25519"]
    assert {stat.S_IMODE(p.stat().st_mode) for p in private} == {0o600}
    again = PartnerServer(tmp_path / "root", tmp_path / "keys", server.port)
    assert again.users == ["nordtel"]
    assert again.environ({"sftp_nordtel": "nordtel"}) == before


def test_bad_user_name_and_use_before_start(tmp_path: Path) -> None:
    idle = PartnerServer(tmp_path / "root", tmp_path / "keys")
    with pytest.raises(ValueError, match="no partner name"):
        idle.add("../nordtel")
    with pytest.raises(RuntimeError, match="no port yet"):
        idle.uri("nordtel")


def test_port_is_free_after_exit_even_with_a_client_left(tmp_path: Path) -> None:
    with PartnerServer(tmp_path / "root", tmp_path / "keys") as first:
        client = _client(first, "nordtel")
    with PartnerServer(tmp_path / "root", tmp_path / "keys", first.port) as second:
        assert second.port == first.port
        with pytest.raises(OSError, match="in use"), PartnerServer(
            tmp_path / "root", tmp_path / "keys", first.port
        ):
            pass
    client.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_foreground_process(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "root" / "nordtel" / "outgoing").mkdir(parents=True)
    (tmp_path / "root" / "nordtel" / "outgoing" / "f").write_text("f")
    process = subprocess.Popen(
        [sys.executable, "-m", "ratemill.partner_server", "--root", str(tmp_path / "root"),
         "--keys", str(tmp_path / "keys"), "--port", "0"],
        cwd=Path(__file__).parents[2], env={**os.environ, "TZ": "UTC"}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        name, value = shlex.split(process.stdout.readline())[1].split("=", 1)
        endpoint = endpoint_of("sftp_nordtel", {name: value})
        with SftpSession(endpoint, LIMITS) as session:
            assert [f.name for f in session.files("outgoing")[0]] == ["f"]
        process.send_signal(number)
        assert process.communicate(timeout=10) == ("", "")
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()
