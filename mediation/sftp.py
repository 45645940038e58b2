"""A session with a partner's SFTP server: pinned host key, time-outs, errors that know retries."""

import base64
import logging
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Self

import paramiko

from mediation.collect_limits import CollectLimits
from mediation.endpoint import DEFAULT_PORT, Endpoint

# Whatever paramiko logs as an error we raise; without a handler it would land on stderr as well.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class CollectError(Exception):
    """Nothing more can be collected now: where, what, hint, and whether a retry can help."""

    def __init__(self, where: str, what: str, hint: str, *, retryable: bool) -> None:
        super().__init__(where, what, hint)
        self.where, self.what, self.hint, self.retryable = where, what, hint, retryable

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.hint}"

    def __reduce__(self) -> tuple[Any, ...]:
        # A task runner carries errors between processes; plain pickling drops the keyword.
        build = partial(type(self), retryable=self.retryable)
        return build, (self.where, self.what, self.hint)


class ConnectError(CollectError):
    """The partner's server or its folder cannot be reached or read."""


class HostKeyChanged(ConnectError):
    """The server showed another key than the pinned one; nothing was sent to it."""


class FileError(Exception):
    """One remote file cannot be fetched; the others can. The text is the reason."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One regular file in the partner's folder; modified_at is naive UTC, in whole seconds."""

    name: str
    path: str
    size_bytes: int
    modified_at: datetime


class SftpSession:
    """An authenticated session; a context manager. Every wait in it is bounded."""

    def __init__(self, endpoint: Endpoint, limits: CollectLimits) -> None:
        self._where = endpoint.where
        self._limits = limits
        self._stalls = 0
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

    def files(self, folder: str) -> tuple[list[RemoteFile], dict[str, str]]:
        """The regular files of a folder in name order, and name → reason of unusable entries."""
        try:
            with self._errors():
                entries = self._sftp.listdir_attr(folder)
        except FileError as error:
            raise ConnectError(
                self._where, f"folder {folder!r}: {error}",
                "correct collect.path in the profile, or ask the partner to create it and let "
                "our user read it",
                retryable=not isinstance(error.__cause__, (FileNotFoundError, PermissionError)),
            ) from error
        except UnicodeDecodeError as error:
            raise ConnectError(
                self._where, f"folder {folder!r} holds a file name that is not UTF-8",
                "ask the partner to rename it", retryable=False,
            ) from error
        if len(entries) > self._limits.listed:
            raise ConnectError(
                self._where, f"folder {folder!r} holds {len(entries)} entries",
                f"more than {self._limits.listed} are not read: ask the partner to clear it",
                retryable=False,
            )
        found: list[RemoteFile] = []
        unusable: dict[str, str] = {}
        for entry in sorted(entries, key=lambda e: str(e.filename)):
            try:
                found += self._regular(folder, entry)
            except FileError as error:
                unusable[str(entry.filename)] = str(error)
        return found, unusable

    def look(self, path: str) -> tuple[int, datetime]:
        """Size in bytes and modification time of a file as they are now; FileError."""
        with self._errors():
            found = self._sftp.stat(path)
        return _size_and_time(found)

    def chunks(self, file: RemoteFile) -> Generator[bytes, None, None]:
        """The file's bytes, at most size_bytes of them; fewer when it shrank. FileError."""
        with self._errors(), self._sftp.open(file.path, "rb") as handle:
            for spans in _blocks(file.size_bytes, self._limits):
                # Not prefetch(): its thread never ends when a file is given up half-way.
                for (_, length), data in zip(spans, handle.readv(spans), strict=True):
                    yield data
                    if len(data) < length:
                        return

    def _regular(self, folder: str, entry: paramiko.SFTPAttributes) -> list[RemoteFile]:
        """The entry as a file, links followed; nothing for folders and the like."""
        name = str(entry.filename)
        if "/" in name or not name.isprintable():
            raise FileError("its name holds control characters or a slash")
        path = f"{folder.rstrip('/')}/{name}"
        if entry.st_mode is None or stat.S_ISLNK(entry.st_mode):
            with self._errors():
                entry = self._sftp.stat(path)
        if entry.st_mode is not None and not stat.S_ISREG(entry.st_mode):
            return []
        return [RemoteFile(name, path, *_size_and_time(entry))]

    def _open_channel(self) -> paramiko.SFTPClient:
        """An SFTP channel whose every answer is awaited for reply_s at most."""
        try:
            sftp = self._client.open_sftp()
        except (paramiko.SSHException, paramiko.SFTPError, EOFError, OSError) as error:
            raise self._gone(f"no SFTP channel ({_reason(error)})") from error
        sftp.get_channel().settimeout(self._limits.reply_s)
        return sftp

    def _gone(self, what: str) -> ConnectError:
        return ConnectError(
            self._where, what, "try again; if it stays so, ask the partner", retryable=True
        )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turns what paramiko raises into FileError (this file) or ConnectError (all of them)."""
        try:
            yield
        except TimeoutError as error:
            self._stalls += 1
            if self._stalls >= self._limits.stalls:
                raise self._gone(f"{self._stalls} answers did not come") from error
            # The late answer would be taken for the next one's: this channel is spent.
            self._sftp.close()
            self._sftp = self._open_channel()
            raise FileError(f"no answer within {self._limits.reply_s:g} s") from error
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
            raise FileError(_reason(error)) from error


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


def _blocks(size_bytes: int, limits: CollectLimits) -> Iterator[list[tuple[int, int]]]:
    """(offset, length) of the read requests, in groups that are under way together."""
    step, block = limits.request_bytes, limits.request_bytes * limits.requests
    for start in range(0, size_bytes, block):
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
