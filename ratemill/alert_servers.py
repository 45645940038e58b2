"""Mail server and webhook as Airflow connections describe them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

from ratemill.errors import SettingsError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Server:
    """A server of a connection; secrets stay out of its text."""

    kind: str
    """the connection's type"""
    host: str
    port: int | None
    login: str
    password: str = field(repr=False)
    path: str = field(repr=False)
    """of an address: it may be all the secret that a webhook has"""
    extra: Mapping[str, object] = field(repr=False)

    @classmethod
    def of_text(cls, name: str, text: str) -> Self:
        """The server in a connection's URI or JSON form; SettingsError says what is wrong."""
        return cls._of_json(name, text) if text.strip().startswith("{") else cls._of_uri(name, text)

    @classmethod
    def _of_json(cls, name: str, text: str) -> Self:
        found = _object(name, text)
        extra = found.get("extra") or {}
        within = extra if isinstance(extra, dict) else _object(name, str(extra))
        return cls.of_fields(
            kind=found.get("conn_type"), host=found.get("host"), port=found.get("port"),
            login=found.get("login"), password=found.get("password"), schema=found.get("schema"),
            extra=within,
        )

    @classmethod
    def _of_uri(cls, name: str, text: str) -> Self:
        try:
            parts = urlsplit(text.strip())
            port = parts.port
        except ValueError:
            # the text may hold a password
            raise SettingsError(name, "is no connection URI") from None
        query = dict(parse_qsl(parts.query))
        nested = _object(name, query.pop("__extra__", "{}"))
        return cls.of_fields(
            kind=parts.scheme, host=unquote(parts.hostname or ""), port=port,
            login=unquote(parts.username or ""), password=unquote(parts.password or ""),
            schema=unquote(parts.path.removeprefix("/")), extra={**query, **nested},
        )

    @classmethod
    def of_fields(
        cls, *, kind: object, host: object, port: object, login: object, password: object,
        schema: object, extra: Mapping[str, object],
    ) -> Self:
        """The server of the fields as Airflow names them."""
        # the host may be written as an address; the field schema is a scheme or a path
        scheme, _, place = str(host or "").rpartition("://")
        name, _, path = place.partition("/")
        below = "" if schema in {"http", "https"} else schema
        return cls(
            scheme or str(schema if schema == "https" else kind or ""), name,
            int(str(port)) if port else None, str(login or ""), str(password or ""),
            str(extra.get("path") or path or below or ""), extra,
        )

    def says(self, name: str) -> bool:
        """Whether the extra of that name is true, however it is written."""
        return str(self.extra.get(name, "")).lower() in {"true", "1", "yes"}


def from_environ(name: str, environ: Mapping[str, str]) -> Server | None:
    """The connection in AIRFLOW_CONN_<NAME in capitals>; None where that is not set."""
    variable = f"AIRFLOW_CONN_{name.upper()}"
    text = environ.get(variable, "").strip()
    return Server.of_text(variable, text) if text else None


def _object(name: str, text: str) -> dict[str, object]:
    """A JSON object; the text may hold a password and stays out of the message."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise SettingsError(name, f"is not JSON: {error.msg} at character {error.pos}") from None
    if not isinstance(found, dict):
        raise SettingsError(name, "is not a JSON object")
    return found
