"""A partner's SFTP server for demos and tests: loopback, key login, one closed folder per user."""

import argparse
import asyncio
import logging
import posixpath
import re
import shlex
import signal
import sys
import threading
from collections.abc import Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn, Self, TypeVar
from urllib.parse import quote, urlencode

import asyncssh
from asyncssh.misc import MaybeAwait

HOST = "127.0.0.1"
_INCOMING = b"/incoming"
_FOLDERS = ("outgoing", "incoming")
_USER = re.compile(r"[a-z][a-z0-9_]{1,30}")
_START_S = 10.0
_END_S = 1.0
_Result = TypeVar("_Result")


class PartnerServer:
    """A running SFTP server; a context manager with its own thread, on a free port by default.

    Each user sees root/<user> as `/`: outgoing/ to read from, incoming/ to read and write. keys
    holds the server's key and each user's key pair, made at first use.
    """

    def __init__(self, root: Path, keys: Path, port: int = 0) -> None:
        self.root, self.keys, self.port = root.resolve(), keys.resolve(), port
        self._host_key = _key_pair(self.keys / "host_ed25519")
        self._users: dict[str, Path] = {}
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self.root.mkdir(parents=True, exist_ok=True)
        for folder in sorted(self.root.iterdir()):
            if folder.is_dir() and _USER.fullmatch(folder.name):
                self.add(folder.name)

    @property
    def users(self) -> list[str]:
        """The users that may log in, in name order."""
        return sorted(self._users)

    def add(self, user: str) -> Path:
        """The user's folder, made together with a key pair when new; the user may log in."""
        if not _USER.fullmatch(user):
            raise ValueError(f"{user!r} is no partner name; use a-z, 0-9 and _, 2 to 31 of them")
        home = self.root / user
        for folder in _FOLDERS:
            (home / folder).mkdir(parents=True, exist_ok=True)
        _key_pair(self._client_key(user))
        self._users[user] = self._client_key(user).with_suffix(".pub")
        return home

    def uri(self, user: str) -> str:
        """The user's login as an Airflow connection URI, with key_file and pinned host_key."""
        if not self.port:
            raise RuntimeError("the server has no port yet; enter its context first")
        self.add(user)
        kind, data = self._host_key.export_public_key().decode().split()[:2]
        query = urlencode(
            {"key_file": self._client_key(user), "host_key": f"{kind} {data}"}, quote_via=quote,
            safe="",
        )
        return f"sftp://{user}@{HOST}:{self.port}/?{query}"

    def environ(self, connections: Mapping[str, str]) -> dict[str, str]:
        """Environment variables that hold the connections, given as connection id to user."""
        return {f"AIRFLOW_CONN_{c.upper()}": self.uri(user) for c, user in connections.items()}

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            self._acceptor = self._run(self._listen())
        except BaseException:
            self._stop_loop()
            raise
        self.port = self._acceptor.get_port()
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._stop_loop()

    def _client_key(self, user: str) -> Path:
        return self.keys / f"client_{user}"

    async def _listen(self) -> asyncssh.SSHAcceptor:
        # It reports every refused login and lost connection; its users see those at their end.
        logging.getLogger("asyncssh").setLevel(logging.CRITICAL)
        return await asyncssh.create_server(
            lambda: _Door(self._users, self._connections), HOST, self.port,
            server_host_keys=[self._host_key], sftp_factory=self._session, allow_scp=False,
            agent_forwarding=False, reuse_address=True, gss_host=None,
        )

    def _session(self, channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        return _Folder(channel, self.root / channel.get_extra_info("username"))

    async def _close(self) -> None:
        self._acceptor.close()
        for connection in list(self._connections):
            connection.abort()
        await self._acceptor.wait_closed()
        # Sessions close their files on the way out; a loop that just stops would not let them.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            _, stuck = await asyncio.wait(left, timeout=_END_S)
            for task in stuck:
                task.cancel()

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_S)

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Door(asyncssh.SSHServer):  # type: ignore[misc]  # mypy skips asyncssh
    """Lets known users in by their key, and nobody else."""

    def __init__(
        self, users: Mapping[str, Path], connections: set[asyncssh.SSHServerConnection]
    ) -> None:
        self._users, self._connections = users, connections

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncssh names it
        self._connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        if username in self._users:
            self._connection.set_authorized_keys(str(self._users[username]))
        return True

    def public_key_auth_supported(self) -> bool:
        return True


class _Folder(asyncssh.SFTPServer):  # type: ignore[misc]  # mypy skips asyncssh
    """One user's folder, seen as `/`, of which only incoming/ may be changed."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], home: Path) -> None:
        super().__init__(channel, chroot=bytes(home))

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> MaybeAwait[object]:
        """The opened file."""
        if pflags & ~asyncssh.FXF_READ:
            _may_change(path)
        return super().open(path, pflags, attrs)

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> MaybeAwait[None]:
        """Nothing; times and modes are set."""
        _may_change(path)
        return super().setstat(path, attrs)

    def remove(self, path: bytes) -> MaybeAwait[None]:
        """Nothing; the file is gone."""
        _may_change(path)
        return super().remove(path)

    def rename(self, oldpath: bytes, newpath: bytes) -> MaybeAwait[None]:
        """Nothing; the file is renamed, and never replaces another."""
        _may_change(oldpath, newpath)
        return super().rename(oldpath, newpath)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> MaybeAwait[None]:
        """Nothing; the file is renamed, and may replace another."""
        _may_change(oldpath, newpath)
        return super().posix_rename(oldpath, newpath)

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> MaybeAwait[None]:
        """Nothing; the folder exists."""
        _may_change(path)
        return super().mkdir(path, attrs)

    def rmdir(self, path: bytes) -> MaybeAwait[None]:
        """Nothing; the folder is gone."""
        _may_change(path)
        return super().rmdir(path)

    def fsetstat(self, *_: object, **__: object) -> NoReturn:
        """Never: a file open for reading would let it change outgoing/."""
        raise asyncssh.SFTPPermissionDenied("set times and modes by path")

    def lsetstat(self, *_: object, **__: object) -> NoReturn:
        """Never."""
        raise asyncssh.SFTPPermissionDenied("no links here")

    def symlink(self, *_: object, **__: object) -> NoReturn:
        """Never: a link could lead out of incoming/."""
        raise asyncssh.SFTPPermissionDenied("no links here")

    def link(self, *_: object, **__: object) -> NoReturn:
        """Never: a link could lead out of incoming/."""
        raise asyncssh.SFTPPermissionDenied("no links here")


def _may_change(*paths: bytes) -> None:
    for path in paths:
        if not posixpath.normpath(posixpath.join(b"/", path)).startswith(_INCOMING + b"/"):
            raise asyncssh.SFTPPermissionDenied("only files in incoming/ may be changed")


def _key_pair(path: Path) -> asyncssh.SSHKey:
    """The private key in a file, made with its public part beside it when absent."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        key = asyncssh.generate_private_key("ssh-ed25519", comment=path.name)
        key.write_private_key(new)
        key.write_public_key(path.with_suffix(".pub"))
        # Last, so that a key in place always has its public part.
        new.rename(path)
    return asyncssh.read_private_key(path)


def serve_forever(root: Path, keys: Path, port: int) -> None:
    """Serves every folder below root to the user of that name, until SIGTERM or SIGINT.

    Prints the connections as shell assignments, AIRFLOW_CONN_SFTP_<USER>, once it listens. Call
    it in the main thread.
    """
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        with PartnerServer(root, keys, port) as server:
            _announce(server.environ({f"sftp_{user}": user for user in server.users}).items())
            stop.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _announce(variables: Iterable[tuple[str, str]]) -> None:
    for name, value in variables:
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    sys.stdout.flush()


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ratemill.partner_server", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="one folder per user")
    parser.add_argument("--keys", type=Path, required=True, help="folder of the key pairs")
    parser.add_argument("--port", type=int, default=2222, help="0: any free one")
    given = parser.parse_args()
    serve_forever(given.root, given.keys, given.port)


if __name__ == "__main__":
    _main()
