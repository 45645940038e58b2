"""Where a partner's SFTP server is and how we prove who we are, read from an Airflow connection."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

DEFAULT_PORT = 22
_SCHEMES = ("sftp", "ssh")
_EXAMPLE = (
    "sftp://user@host:22/?key_file=/path/to/key&host_key=ssh-ed25519%20AAAA… "
    "(percent-encode blanks, '+', '/' and '=')"
)


class EndpointError(Exception):
    """A connection that cannot be used; says what is missing and how to set it, never a secret."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One SFTP server and our login there; host_key is the pinned `type base64` public key."""

    host: str
    port: int
    user: str
    key_file: Path | None
    password: str | None = field(repr=False)
    host_key: str

    @property
    def where(self) -> str:
        """The server as messages name it, without secrets."""
        return f"sftp://{self.user}@{self.host}:{self.port}"


def endpoint_of(connection_id: str, environ: Mapping[str, str]) -> Endpoint:
    """The endpoint in AIRFLOW_CONN_<ID in capitals>; EndpointError when unset or unusable."""
    variable = f"AIRFLOW_CONN_{connection_id.upper()}"
    text = environ.get(variable, "").strip()
    if not text:
        raise EndpointError(f"{variable} is not set; set it to {_EXAMPLE}")
    try:
        return endpoint_from_uri(text)
    except EndpointError as error:
        raise EndpointError(f"{variable}: {error}") from error


def endpoint_from_uri(uri: str) -> Endpoint:
    """The endpoint in an Airflow connection: its URI form, or its JSON form."""
    text = uri.strip()
    fields = _from_json(text) if text.startswith("{") else _from_uri(text)
    for name in ("host", "user", "host_key"):
        if not fields[name]:
            raise EndpointError(f"no {_LABEL[name]}; set it as in {_EXAMPLE}")
    if not fields["key_file"] and not fields["password"]:
        hint = (
            "private_key inside a connection is not read: store it in a file, mode 0600, and name "
            "that as key_file"
            if fields["private_key"]
            else "add key_file=/path/to/key, or a password"
        )
        raise EndpointError(f"neither key_file nor password; {hint}")
    return Endpoint(
        host=fields["host"],
        port=_port(fields["port"]),
        user=fields["user"],
        key_file=Path(fields["key_file"]).expanduser() if fields["key_file"] else None,
        password=fields["password"] or None,
        host_key=_host_key(fields["host_key"]),
    )


_LABEL = {
    "host": "host",
    "user": "user (login)",
    "host_key": "host_key: the server's public key must be pinned, it is never taken on trust",
}
_EXTRAS = ("key_file", "host_key", "private_key")


def _from_uri(text: str) -> dict[str, str]:
    """Fields of the URI form, empty where absent."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise EndpointError(f"not a connection URI; write it as {_EXAMPLE}") from error
    if parts.scheme not in _SCHEMES:
        raise EndpointError(f"scheme {parts.scheme!r} is not sftp; write it as {_EXAMPLE}")
    return {
        "host": unquote(parts.hostname or ""),
        "port": str(port or DEFAULT_PORT),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        **_extras(_query(parts)),
    }


def _query(parts: SplitResult) -> Mapping[str, object]:
    """The query as extras; Airflow writes nested ones as JSON under `__extra__`."""
    query = dict(parse_qsl(parts.query))
    return _object(query["__extra__"], "__extra__") if "__extra__" in query else query


def _from_json(text: str) -> dict[str, str]:
    """Fields of the JSON form, empty where absent; `extra` may be an object or JSON text."""
    found = _object(text, "the connection")
    kind = found.get("conn_type")
    if kind not in _SCHEMES:
        raise EndpointError(f"conn_type {kind!r} is not sftp; set it to 'sftp'")
    extra = found.get("extra") or {}
    if isinstance(extra, str):
        extra = _object(extra, "extra")
    if not isinstance(extra, dict):
        raise EndpointError("extra is not a JSON object; set key_file and host_key in it")
    return {
        "host": _text(found, "host"),
        "port": _text(found, "port") or str(DEFAULT_PORT),
        "user": _text(found, "login"),
        "password": _text(found, "password"),
        **_extras(extra),
    }


def _object(text: str, label: str) -> dict[str, object]:
    """A JSON object; the text itself may hold a password and stays out of the message."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise EndpointError(
            f"{label} is not JSON: {error.msg} at character {error.pos}"
        ) from None
    if not isinstance(found, dict):
        raise EndpointError(f"{label} is not a JSON object")
    return found


def _extras(found: Mapping[str, object]) -> dict[str, str]:
    return {name: _text(found, name) for name in _EXTRAS}


def _text(found: Mapping[str, object], name: str) -> str:
    value = found.get(name)
    return "" if value is None else str(value)


def _port(text: str) -> int:
    """A TCP port."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise EndpointError(f"port {text!r} is not a number from 1 to 65535")
    return int(text)


def _host_key(text: str) -> str:
    """`type base64` without a comment, after proving that the key data is of that type."""
    words = text.split()
    if len(words) < 2:
        raise EndpointError(
            "host_key has not the form 'ssh-ed25519 AAAA…'; take it from the server's owner or "
            "from ssh-keyscan, and compare its fingerprint with theirs"
        )
    kind, data = words[:2]
    try:
        blob = base64.b64decode(data, validate=True)
    except binascii.Error:
        blob = b""
    if not blob.startswith(len(kind).to_bytes(4, "big") + kind.encode()):
        raise EndpointError(
            f"host_key is no {kind} key: its base64 text is damaged; in a URI write '+' as %2B"
        )
    return f"{kind} {data}"
