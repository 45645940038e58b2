"""The recipe of docs/collecting.md for drop folders, on a real OpenSSH server with chroot."""

import grp
import os
import pwd
import re
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
import paramiko
import pytest

from mediation.collect import CollectReport, Fetched, collect
from mediation.collect_limits import LIMITS
from mediation.drop_folder import DropFolder
from mediation.profile import Profile

_PAGE = Path(__file__).parents[2] / "docs" / "collecting.md"
_SSHD = shutil.which("sshd", path=os.pathsep.join((os.environ["PATH"], "/usr/sbin")))
_USER = "nobody"
"""Stands for the partner's account: every system has it, with no shell and no home"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(_SSHD is None, reason="no sshd here; install openssh-server"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may chroot"),
]


@dataclass
class Pushed:
    """A drop folder behind a server that runs the recipe, and the way in."""

    root: Path
    port: int
    key: Path
    archive: Path

    def client(self) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.WarningPolicy())
        client.load_host_keys(str(self.archive.parent / "known_hosts"))
        client.connect("127.0.0.1", self.port, _USER, key_filename=str(self.key),
                       allow_agent=False, look_for_keys=False, timeout=10)
        return client

    def collected(self, **rule: object) -> CollectReport:
        fields = {
            "name": "nordtel", "title": "NordTel", "sender": "NORNT", "recipient": "AUTRM",
            "collect": {"folder": str(self.root), **rule}, "format": {"kind": "tap"},
            "identity": {},
        }
        fetched: list[Fetched] = []
        return collect(
            msgspec.convert(fields, Profile), partial(DropFolder, self.root, LIMITS),
            self.archive, lambda *_: False, lambda: datetime.now(UTC).replace(tzinfo=None),
            fetched.extend,
        )


def _key(path: Path) -> str:
    """`type base64` of a new key pair."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path]
    subprocess.run(command, check=True, timeout=30)
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


def _recipe(place: Path) -> str:
    """The page's part of sshd_config with the places and the group of this test."""
    (block,) = re.findall(r"(?ms)^```\n(Match Group .*?)^```$", _PAGE.read_text())
    group = grp.getgrgid(pwd.getpwnam(_USER).pw_gid).gr_name
    block = block.replace("/srv/ratemill-drop/", f"{place}/drop/")
    block = block.replace("/etc/ssh/ratemill-push/", f"{place}/keys/")
    assert str(place / "drop") in block
    assert str(place / "keys") in block
    return block.replace("Match Group ratemill-push\n", f"Match Group {group}\n")


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def pushed(tmp_path: Path) -> Iterator[Pushed]:
    """A server that runs the recipe; sshd accepts no place below a folder all may write to."""
    assert _SSHD is not None
    Path("/run/sshd").mkdir(exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="ratemill-drop-", dir="/run"))
    place.chmod(0o755)
    root = place / "drop" / _USER
    for folder in (root / "upload" / "done", place / "keys"):
        folder.mkdir(parents=True)
    for folder in (root / "upload", root / "upload" / "done"):
        # Another group than the partner's own, as the recipe has it.
        os.chown(folder, pwd.getpwnam(_USER).pw_uid, 0)
        folder.chmod(0o2770)
    host_key, theirs = _key(place / "host"), _key(tmp_path / "client")
    (place / "keys" / _USER).write_text(f"{theirs}\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n")
    (place / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {place / 'host'}\nPidFile none\nUsePAM no\n"
        f"Subsystem sftp internal-sftp\n{_recipe(place)}"
    )
    subprocess.run([_SSHD, "-t", "-f", place / "config"], check=True, timeout=30)
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen([_SSHD, "-D", "-e", "-f", place / "config"], stderr=log)
    try:
        deadline = time.monotonic() + 10
        while not _listening(port):
            assert server.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield Pushed(root, port, tmp_path / "client", tmp_path / "archive")
    finally:
        server.terminate()
        server.wait(timeout=10)
        shutil.rmtree(place)


def test_what_a_partner_pushes_is_collected_and_put_away(pushed: Pushed) -> None:
    with pushed.client() as client, client.open_sftp() as sftp:
        assert sftp.normalize(".") == "/upload"
        with sftp.open("CD1.part", "wb") as out:
            out.write(b"one")
            out.flush()
            assert pushed.collected(settle_s=0).fetched == ()
        sftp.rename("CD1.part", "CD1")
        with sftp.open("CD2", "wb") as out:
            out.write(b"two")
        status = (pushed.root / "upload" / "CD1").stat()
        assert stat.S_IMODE(status.st_mode) == 0o660
        assert (status.st_uid, status.st_gid) == (pwd.getpwnam(_USER).pw_uid, 0)
        report = pushed.collected(settle_s=0, after="move", after_to="upload/done")
        assert [f.remote_path for f in report.fetched] == ["upload/CD1", "upload/CD2"]
        assert [f.path.read_bytes() for f in report.fetched] == [b"one", b"two"]
        assert report.notes == {}
        assert sorted(sftp.listdir(".")) == ["done"]
        assert sorted(sftp.listdir("done")) == ["CD1", "CD2"]


def test_a_partner_is_shut_into_his_folder(pushed: Pushed) -> None:
    with pushed.client() as client, client.open_sftp() as sftp:
        assert sftp.listdir("/") == ["upload"]
        assert sftp.normalize("../../..") == "/"
        with pytest.raises(FileNotFoundError):
            sftp.stat("/etc/passwd")
        with pytest.raises(PermissionError):
            sftp.open("/CD1", "wb")
        with pytest.raises(PermissionError):
            sftp.mkdir("/mine")
        with pytest.raises(OSError, match="Permission denied"):
            sftp.symlink("/etc/passwd", "CD1")
        with pytest.raises(OSError, match="Permission denied"):
            sftp.utime(".", None)
        assert sftp.listdir(".") == ["done"]


def test_a_partner_has_no_shell_and_no_tunnel(pushed: Pushed) -> None:
    with pushed.client() as client:
        transport = client.get_transport()
        assert transport is not None
        with pytest.raises(paramiko.ChannelException):
            transport.open_channel("direct-tcpip", ("127.0.0.1", pushed.port), ("127.0.0.1", 1))
        # Any command is answered by the SFTP server.
        stdin, stdout, _ = client.exec_command("id", timeout=5)
        stdin.close()
        assert b"uid" not in stdout.read()


@pytest.mark.skipif(shutil.which("sftp") is None, reason="no sftp here; install openssh-client")
def test_the_usual_program_may_push(pushed: Pushed, tmp_path: Path) -> None:
    (tmp_path / "CD1").write_bytes(b"one")
    command = [
        "sftp", "-b", "-", "-P", str(pushed.port), "-i", str(pushed.key),
        "-o", f"UserKnownHostsFile={tmp_path / 'known_hosts'}", "-o", "IdentitiesOnly=yes",
        "-F", "none", f"{_USER}@127.0.0.1",
    ]
    batch = f"put {tmp_path / 'CD1'} CD1.tmp\nrename CD1.tmp CD1\n"
    ran = subprocess.run(
        command, input=batch, capture_output=True, text=True, timeout=30, check=False
    )
    assert ran.returncode == 0, ran.stderr
    report = pushed.collected(settle_s=0)
    assert [(f.name, f.path.read_bytes()) for f in report.fetched] == [("CD1", b"one")]
