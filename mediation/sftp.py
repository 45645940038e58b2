"""A session with a partner's SFTP server: pinned host key, time-outs, errors that know retries."""

import base64
import logging
import stat
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Self, cast

import paramiko
from paramiko.sftp import CMD_READ

from mediation.collect_limits import CollectLimits
from mediation.endpoint import DEFAULT_PORT, Endpoint
from mediation.source import (
    ConnectError,
    FileError,
    HostKeyChanged,
    MissingError,
    RemoteFile,
    StalledError,
)

# Whatever paramiko logs as an error we raise; without a handler it would land on stderr as well.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class SftpSession:
    """An authenticated session, a Source; every wait in it is bounded."""

    def __init__(self, endpoint: Endpoint, limits: CollectLimits) -> None:
        self.where = endpoint.where
        self._limits = limits
        self._client = connect(endpoint, limits)
        try:
            self._sftp = self._open_channel()
        except BaseException:
            self._client.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def files(
        self, folder: str, *, recursive: bool = False
    ) -> tuple[list[RemoteFile], dict[str, str]]:
        """The regular files in path order, and path below the folder → reason of unusable ones."""
        found: dict[str, RemoteFile] = {}
        unusable: dict[str, str] = {}
        folders = [""]
        entries = 0
        while folders:
            below = folders.pop()
            try:
                inside = self._entries(folder, below, self._limits.listed - entries)
            except FileError as error:
                unusable[below] = str(error)
                continue
            entries += len(inside)
            for entry in inside:
                name = below + str(entry.filename)
                try:
                    found |= {f.path: f for f in self._regular(folder, below, entry)}
                    if recursive and _is_folder(entry):
                        folders.append(self._deeper(name))
                except FileError as error:
                    unusable[name] = str(error)
        return sorted(found.values(), key=lambda f: f.path), unusable

    def look(self, path: str) -> tuple[int, datetime]:
        """Size in bytes and modification time of a file as they are now; FileError."""
        with self._errors():
            found = self._sftp.stat(path)
        return _size_and_time(found)

    def chunks(self, file: RemoteFile, start: int = 0) -> Generator[bytes, None, None]:
        """The file's bytes from start on, one more than size_bytes when it grew. FileError."""
        with self._errors(), self._sftp.open(file.path, "rb") as handle:
            for spans in _blocks(start, file.size_bytes, self._limits):
                # Not prefetch(): its thread never ends when a file is given up half-way.
                for (_, length), data in zip(spans, handle.readv(spans), strict=True):
                    yield data
                    if len(data) < length:
                        return
            handle.seek(file.size_bytes)
            yield handle.read(1)

    def rename(self, path: str, to: str) -> None:
        """Nothing; the file is at `to`. FileError, also when `to` exists."""
        with self._errors():
            self._sftp.rename(path, to)

    def remove(self, path: str) -> None:
        """Nothing; the file is gone. FileError."""
        with self._errors():
            self._sftp.remove(path)

    def put(self, data: bytes, to: str) -> None:
        """Nothing; a file of these octets is at `to`, whole at once, in place of what was there.

        FileError.
        """
        folder, _, name = to.rpartition("/")
        part = f"{folder}/.{name}.part"
        with self._errors():
            with self._sftp.open(part, "wb") as handle:
                handle.set_pipelined(True)
                handle.write(data)
            if self._sftp.stat(part).st_size != len(data):
                raise FileError("another size arrived than was sent")
            self._sftp.posix_rename(part, to)

    def make_folder(self, path: str) -> None:
        """Nothing; the folder and those above it are there. FileError."""
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            above = "/".join(parts[:depth]) or "/"
            if not self._is_there(above):
                try:
                    with self._errors():
                        self._sftp.mkdir(above)
                except FileError:
                    # Another session may have been quicker.
                    if not self._is_there(above):
                        raise

    def _is_there(self, path: str) -> bool:
        """Whether there is something at `path`."""
        try:
            with self._errors():
                self._sftp.stat(path)
        except MissingError:
            return False
        return True

    def _entries(self, folder: str, below: str, most: int) -> list[paramiko.SFTPAttributes]:
        """What a folder holds, in no order; ConnectError for the listed folder itself."""
        path = _joined(folder, below.rstrip("/"))
        entries: list[paramiko.SFTPAttributes] = []
        try:
            with self._errors():
                # One answer at a time, so that a folder without end is noticed at its limit.
                for entry in self._sftp.listdir_iter(path, read_aheads=1):
                    if len(entries) == most:
                        raise ConnectError(
                            self.where,
                            f"folder {folder!r} holds more than {self._limits.listed} entries",
                            "ask the partner to clear it", retryable=False,
                        )
                    entries.append(entry)
        except UnicodeDecodeError as error:
            raise ConnectError(
                self.where, f"folder {path!r} holds a file name that is not UTF-8",
                "ask the partner to rename it", retryable=False,
            ) from error
        except FileError as error:
            if below and not isinstance(error, StalledError):
                raise
            raise ConnectError(
                self.where, f"folder {folder!r}: {error}",
                "correct collect.path in the profile, or ask the partner to create it and let "
                "our user read it",
                retryable=not isinstance(error.__cause__, (FileNotFoundError, PermissionError)),
            ) from error
        return sorted(entries, key=lambda e: str(e.filename))

    def _deeper(self, name: str) -> str:
        """A sub-folder as its files' names begin."""
        if name.count("/") >= self._limits.depth:
            raise FileError(f"a folder more than {self._limits.depth} levels down")
        return f"{name}/"

    def _regular(
        self, folder: str, below: str, entry: paramiko.SFTPAttributes
    ) -> list[RemoteFile]:
        """The entry as a file, links followed; nothing for folders and the like."""
        name = str(entry.filename)
        if "/" in name or not name.isprintable():
            raise FileError("its name holds control characters or a slash")
        path = _joined(folder, below + name)
        if entry.st_mode is None or stat.S_ISLNK(entry.st_mode):
            with self._errors():
                entry = self._sftp.stat(path)
        if entry.st_mode is not None and not stat.S_ISREG(entry.st_mode):
            return []
        return [RemoteFile(name, path, *_size_and_time(entry))]

    def _open_channel(self) -> paramiko.SFTPClient:
        """An SFTP channel whose every answer is awaited for reply_s at most."""
        transport = self._client.get_transport()
        if transport is None:
            raise self._gone("no SFTP channel (the connection was closed)")
        # The library waits for the first answers of a channel without a limit of its own. The
        # client's own close() is for one thread; that of the connection is for any.
        watch = threading.Timer(self._limits.reply_s, transport.close)
        watch.daemon = True
        watch.start()
        try:
            sftp = _Client.from_transport(transport)
        except (paramiko.SSHException, paramiko.SFTPError, EOFError, OSError) as error:
            raise self._gone(f"no SFTP channel ({_reason(error)})") from error
        finally:
            watch.cancel()
        sftp.get_channel().settimeout(self._limits.reply_s)
        return sftp

    def _gone(self, what: str) -> ConnectError:
        return ConnectError(
            self.where, what, "try again; if it stays so, ask the partner", retryable=True
        )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turns what paramiko raises into FileError (this file) or ConnectError (all of them)."""
        try:
            yield
        except TimeoutError as error:
            # The late answer would be taken for the next one's: this channel is spent.
            self._sftp.close()
            self._sftp = self._open_channel()
            raise StalledError(f"no answer within {self._limits.reply_s:g} s") from error
        except (paramiko.SSHException, paramiko.SFTPError) as error:
            raise self._gone(f"connection lost ({_reason(error)})") from error
        except EOFError as error:
            # The server's own end-of-file status carries its text; a channel that closed, none.
            if not error.args:
                raise self._gone("connection lost (the server closed it)") from error
            raise FileError("ended early") from error
        except OSError as error:
            transport = self._client.get_transport()
            if transport is None or not transport.is_active():
                raise self._gone(f"connection lost ({_reason(error)})") from error
            kind = MissingError if isinstance(error, FileNotFoundError) else FileError
            raise kind(_reason(error)) from error


class _Client(paramiko.SFTPClient):  # type: ignore[misc]  # mypy skips paramiko
    """The library's client, whose threads that ask ahead end without a word."""

    def _async_request(self, *request: object) -> int | None:
        """The request's number; nothing for a read that cannot be sent: its reader learns why."""
        try:
            return cast("int", super()._async_request(*request))
        except (OSError, EOFError):
            if request[1] != CMD_READ:
                raise
            return None


def connect(endpoint: Endpoint, limits: CollectLimits) -> paramiko.SSHClient:
    """A logged-in client; ConnectError, or HostKeyChanged before anything of ours was sent."""
    client = paramiko.SSHClient()
    name = endpoint.host if endpoint.port == DEFAULT_PORT else f"[{endpoint.host}]:{endpoint.port}"
    pinned = _pinned_key(endpoint)
    client.get_host_keys().add(name, pinned.get_name(), pinned)
    key = _private_key(endpoint)
    try:
        client.connect(
            endpoint.host, endpoint.port, endpoint.user, endpoint.password, key,
            allow_agent=False, look_for_keys=False, timeout=limits.connect_s,
            banner_timeout=limits.connect_s, auth_timeout=limits.connect_s,
            channel_timeout=limits.connect_s,
        )
        client.get_transport().set_keepalive(limits.keepalive_s)
    except (paramiko.SSHException, EOFError, OSError) as error:
        client.close()
        raise _connect_error(endpoint, error) from error
    return client


def _connect_error(endpoint: Endpoint, error: Exception) -> ConnectError:
    """Why there is no session, and whether trying again can change that."""
    where = endpoint.where
    if isinstance(error, paramiko.BadHostKeyException):
        return HostKeyChanged(
            where,
            f"the server shows host key {error.key.fingerprint}, pinned is "
            f"{error.expected_key.fingerprint}",
            "ask the partner, by another way than mail, whether their key changed; only then "
            "put the new one into host_key of the connection",
            retryable=False,
        )
    if isinstance(error, paramiko.AuthenticationException):
        # The library has one class for "refused" and "no answer"; only its text tells them apart.
        lost = "timeout" in str(error) or "EOF" in str(error)
        return ConnectError(
            where, f"login refused ({_reason(error)})",
            "give the partner the public part of key_file, or correct user and password",
            retryable=lost,
        )
    if isinstance(error, paramiko.IncompatiblePeer):
        return ConnectError(
            where, f"no common algorithm ({_reason(error)})",
            "ask the partner to update their server", retryable=False,
        )
    return ConnectError(
        where, f"cannot connect ({_reason(error)})",
        "check host, port and firewall; or the server is down for a while", retryable=True,
    )


def _pinned_key(endpoint: Endpoint) -> paramiko.PKey:
    """The server's expected public key."""
    kind, data = endpoint.host_key.split()
    try:
        return paramiko.PKey.from_type_string(kind, base64.b64decode(data))
    except (paramiko.SSHException, paramiko.UnknownKeyType, ValueError) as error:
        raise ConnectError(
            endpoint.where, f"host_key of type {kind} cannot be used ({_reason(error)})",
            "pin the server's ed25519, ecdsa or rsa key", retryable=False,
        ) from error


def _private_key(endpoint: Endpoint) -> paramiko.PKey | None:
    """Our key, or nothing when the login is by password."""
    if endpoint.key_file is None:
        return None
    try:
        return paramiko.PKey.from_path(endpoint.key_file)
    except (
        OSError, TypeError, ValueError, paramiko.SSHException, paramiko.UnknownKeyType
    ) as error:
        raise ConnectError(
            endpoint.where, f"key_file {endpoint.key_file} cannot be used ({_reason(error)})",
            "it must be a private key without a passphrase that this user may read",
            retryable=False,
        ) from error


def _joined(folder: str, name: str) -> str:
    """The path of something in a folder, or of the folder itself."""
    return f"{folder.rstrip('/')}/{name}" if name else folder


def _is_folder(entry: paramiko.SFTPAttributes) -> bool:
    """Whether it is a folder itself: a link to one could lead in circles."""
    return entry.st_mode is not None and stat.S_ISDIR(entry.st_mode)


def _blocks(
    begin: int, size_bytes: int, limits: CollectLimits
) -> Iterator[list[tuple[int, int]]]:
    """(offset, length) of the read requests, in groups that are under way together."""
    step, block = limits.request_bytes, limits.request_bytes * limits.requests
    for start in range(begin, size_bytes, block):
        stop = min(start + block, size_bytes)
        yield [(at, min(step, stop - at)) for at in range(start, stop, step)]


def _size_and_time(found: paramiko.SFTPAttributes) -> tuple[int, datetime]:
    """Size and naive UTC modification time of a stat answer."""
    if found.st_size is None or found.st_mtime is None:
        raise FileError("the server tells no size or no modification time")
    return found.st_size, datetime.fromtimestamp(found.st_mtime, UTC).replace(tzinfo=None)


def _reason(error: Exception) -> str:
    """The error in words."""
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if isinstance(error, PermissionError):
        return "permission denied"
    return str(error) or type(error).__name__
