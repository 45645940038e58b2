"""Collection from a real OpenSSH server, started here on the loopback interface."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from getpass import getuser
from pathlib import Path

import pytest

from mediation.collect import CollectReport, Fetched, collect
from mediation.collect_limits import LIMITS
from mediation.endpoint import Endpoint
from mediation.profile import Profile
from mediation.sftp import SftpSession
from mediation.source import HostKeyChanged

sys.path.insert(0, str(Path(__file__).parent))

from collect_scene import NOW, profile

_SSHD = shutil.which("sshd", path=os.pathsep.join((os.environ["PATH"], "/usr/sbin")))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(_SSHD is None, reason="no sshd here; install openssh-server"),
]


def _key(path: Path) -> str:
    """`type base64` of a new key pair."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True, timeout=30
    )
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def openssh(tmp_path: Path) -> Iterator[Endpoint]:
    """A server that lets us in; files are below tmp_path/partner."""
    if os.geteuid() == 0:
        # It wants this folder when root starts it.
        Path("/run/sshd").mkdir(exist_ok=True)
    host_key, ours = _key(tmp_path / "host"), _key(tmp_path / "client")
    (tmp_path / "authorized").write_text(f"{ours}\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {tmp_path / 'host'}\nPidFile none\n"
        f"AuthorizedKeysFile {tmp_path / 'authorized'}\nStrictModes no\nUsePAM no\n"
        f"PermitRootLogin prohibit-password\nPasswordAuthentication no\nMaxStartups 30\n"
        f"Subsystem sftp internal-sftp -d {tmp_path / 'partner'}\n"
    )
    assert _SSHD is not None
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen([_SSHD, "-D", "-e", "-f", tmp_path / "config"], stderr=log)
    try:
        deadline = time.monotonic() + 10
        while not _answers(port):
            assert server.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield Endpoint("127.0.0.1", port, getuser(), tmp_path / "client", None, host_key)
    finally:
        server.terminate()
        server.wait(timeout=10)


def _put(folder: Path, path: str, content: bytes) -> None:
    target = folder / "partner" / "outgoing" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    os.utime(target, (1_700_000_000, 1_700_000_000))


def _collect(
    folder: Path, endpoint: Endpoint, rule: Profile,
    known: set[tuple[str, int, datetime]] | None = None,
) -> CollectReport:
    known = set() if known is None else known

    def deliver(files: Sequence[Fetched]) -> None:
        known.update((f.remote_path, f.size_bytes, f.modified_at) for f in files)

    return collect(
        rule, partial(SftpSession, endpoint, LIMITS), folder / "archive",
        lambda *file: file in known, lambda: NOW, deliver,
    )


@pytest.mark.parametrize("sessions", [1, 4])
def test_openssh_files_arrive_whole(tmp_path: Path, openssh: Endpoint, sessions: int) -> None:
    contents = {f"{n % 3}/CD{n:02}": os.urandom(n * 40_000) for n in range(30)}
    for path, content in contents.items():
        _put(tmp_path, path, content)
    report = _collect(tmp_path, openssh, profile(recursive=True, sessions=sessions))
    got = {f.remote_path.removeprefix("outgoing/"): f.path.read_bytes() for f in report.fetched}
    assert got == contents
    assert list(got) == sorted(contents)
    assert (report.failed, report.notes, report.unsettled) == ({}, {}, ())


@pytest.mark.parametrize(
    ("after", "left"),
    [
        ({"after": "delete"}, []),
        ({"after": "rename", "after_to": ".ok"}, ["outgoing/a/CD1.done.ok", "outgoing/a/CD1.ok"]),
        ({"after": "move", "after_to": "old/x"}, ["old/x/a/CD1", "old/x/a/CD1.done"]),
    ],
)
def test_openssh_files_are_put_away(
    tmp_path: Path, openssh: Endpoint, after: dict[str, str], left: list[str]
) -> None:
    _put(tmp_path, "a/CD1", b"one")
    _put(tmp_path, "a/CD1.done", b"")
    rule = profile(recursive=True, marker="{name}.done", **after)
    known: set[tuple[str, int, datetime]] = set()
    report = _collect(tmp_path, openssh, rule, known)
    assert ([f.name for f in report.fetched], report.notes) == (["CD1"], {})
    home = tmp_path / "partner"
    assert sorted(str(p.relative_to(home)) for p in home.rglob("*") if p.is_file()) == left
    assert _collect(tmp_path, openssh, rule, known).fetched == ()


def test_openssh_rename_never_overwrites(tmp_path: Path, openssh: Endpoint) -> None:
    _put(tmp_path, "CD1", b"new")
    _put(tmp_path, "../old/CD1", b"old")
    with SftpSession(openssh, LIMITS) as session, pytest.raises(Exception, match="Failure"):
        session.rename("outgoing/CD1", "old/CD1")
    report = _collect(tmp_path, openssh, profile(after="move", after_to="old"))
    assert report.notes == {"CD1": "old/CD1 exists already"}
    assert (tmp_path / "partner" / "old" / "CD1").read_bytes() == b"old"


def test_openssh_with_another_key_is_refused(tmp_path: Path, openssh: Endpoint) -> None:
    _put(tmp_path, "CD1", b"one")
    other = _key(tmp_path / "other")
    with pytest.raises(HostKeyChanged):
        _collect(tmp_path, replace(openssh, host_key=other), profile())


def test_openssh_large_file_within_bounds(tmp_path: Path, openssh: Endpoint) -> None:
    size = 768 * 1024**2
    _put(tmp_path, "CD1", b"")
    large = tmp_path / "partner" / "outgoing" / "CD1"
    os.truncate(large, size)
    os.utime(large, (1_700_000_000, 1_700_000_000))
    program = (
        "import re, sys; sys.path[:0] = sys.argv[1:3]\n"
        "from pathlib import Path; import test_sftp_openssh as t\n"
        "from mediation.endpoint import Endpoint\n"
        "e = Endpoint('127.0.0.1', int(sys.argv[4]), sys.argv[5], Path(sys.argv[6]), None, "
        "sys.argv[7])\n"
        "r = t._collect(Path(sys.argv[3]), e, t.profile())\n"
        "assert r.fetched[0].size_bytes == 768 * 1024**2, r\n"
        # Not ru_maxrss: a new program keeps what the one before it in the process had.
        "peak = re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())\n"
        "print(int(peak[1]) // 1024)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program, root, Path(__file__).parent, tmp_path,
         str(openssh.port), openssh.user, tmp_path / "client", openssh.host_key],
        capture_output=True, text=True, timeout=250, check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 400, "MiB of memory"
