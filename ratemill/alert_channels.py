"""How a message leaves: by e-mail over SMTP, and as JSON to a webhook."""

import base64
import http.client
import logging
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from http import HTTPStatus
from typing import Final

import msgspec

from ratemill.alert_servers import LOOPBACK, Server
from ratemill.alerts import Channel, Message
from ratemill.errors import RatemillError, SettingsError
from ratemill.home import Home

log = logging.getLogger(__name__)

_WAIT_S: Final = 20
"""How long a server may take to answer: a callback of Airflow waits for it"""
_MAIL_PORT: Final = {"tls": 465, "starttls": 587, "plain": 25}
_PASSING: Final = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
Finder = Callable[[str], Server]
"""What gives the server of a connection; SettingsError where there is none of that name"""


@dataclass(frozen=True, slots=True)
class Mail:
    """E-mail to some addresses; TLS, unless the connection says disable_ssl and disable_tls."""

    server: Server
    sender: str
    to: list[str]

    def send(self, message: Message) -> None:
        """Hand the message to the mail server."""
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = message.subject, self.sender, ", ".join(self.to)
        mail["Date"] = formatdate()
        mail["Message-ID"] = make_msgid(domain=self.sender.rpartition("@")[2] or None)
        # mail programs answer what a machine wrote by itself otherwise
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        with _mail_faults(self._where), self._connected() as client:
            if self.server.login:
                client.login(self.server.login, self.server.password)
            refused = client.send_message(mail)
        if refused:
            # the others have it: to send it again would tell them twice
            log.warning("%s refuses %s", self._where, ", ".join(refused))

    @property
    def _where(self) -> str:
        return f"mail server {self.server.host}"

    def _connected(self) -> smtplib.SMTP:
        """A client, under TLS where that is not switched off."""
        how = "tls" if not self.server.says("disable_ssl") else (
            "plain" if self.server.says("disable_tls") else "starttls"
        )
        host, port = self.server.host, self.server.port or _MAIL_PORT[how]
        if how == "plain" and self.server.login and host not in LOOPBACK:
            raise SettingsError(self._where, "would get the password in clear text",
                                "leave disable_tls out of the connection")
        if how == "tls":
            trusted = ssl.create_default_context()
            return smtplib.SMTP_SSL(host, port, timeout=_WAIT_S, context=trusted)
        client = smtplib.SMTP(host, port, timeout=_WAIT_S)
        if how == "starttls":
            try:
                client.starttls(context=ssl.create_default_context())
            except (OSError, smtplib.SMTPException):
                client.close()
                raise
        return client


@contextmanager
def _mail_faults(where: str) -> Iterator[None]:
    """Faults of the mail server, and of the way to it, as ours."""
    try:
        yield
    except smtplib.SMTPAuthenticationError:
        raise RatemillError(where, "refuses the login", "mend the connection") from None
    except smtplib.SMTPRecipientsRefused as error:
        raise RatemillError(where, f"refuses {', '.join(error.recipients)}",
                            "email_to of [alerts] names them") from None
    except smtplib.SMTPResponseException as error:
        text = bytes(error.smtp_error).decode(errors="replace") if isinstance(
            error.smtp_error, bytes) else error.smtp_error
        raise RatemillError(where, f"answers {error.smtp_code} {text}",
                            retryable=error.smtp_code < 500) from None
    except (OSError, smtplib.SMTPException) as error:
        # a wrong certificate does not become right by waiting
        raise RatemillError(where, f"cannot be used: {error}",
                            retryable=not isinstance(error, ssl.SSLError)) from error


@dataclass(frozen=True, slots=True)
class Webhook:
    """JSON to an address: text, title, and the alarms one by one."""

    server: Server

    def send(self, message: Message) -> None:
        """Post the message."""
        body = {"text": f"{message.subject}\n\n{message.text}", "title": message.subject,
                "alarms": message.alarms}
        request = urllib.request.Request(  # noqa: S310 (the scheme is looked at below)
            self._address(), msgspec.json.encode(body), self._headers(), method="POST"
        )
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if self.server.host in LOOPBACK:
            handlers.append(urllib.request.ProxyHandler({}))
        try:
            urllib.request.build_opener(*handlers).open(request, timeout=_WAIT_S).close()
        except urllib.error.HTTPError as error:
            passing = error.code in _PASSING or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR
            error.close()
            raise RatemillError(self._where, f"answers {error.code}", retryable=passing) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise RatemillError(self._where, f"cannot be used: {reason}",
                                retryable=not isinstance(reason, ssl.SSLError)) from None

    @property
    def _where(self) -> str:
        """The host alone: the path may be the secret."""
        return f"webhook {self.server.host}"

    def _address(self) -> str:
        """SettingsError where a password would be sent in clear text."""
        scheme, host = self.server.kind, self.server.host
        if scheme not in {"http", "https"}:
            raise SettingsError(self._where, f"{scheme!r} is not http or https")
        if scheme == "http" and host not in LOOPBACK and self.server.password:
            raise SettingsError(self._where, "would get its password in clear text", "use https")
        port = f":{self.server.port}" if self.server.port else ""
        return f"{scheme}://{host}{port}/{self.server.path.removeprefix('/')}"

    def _headers(self) -> dict[str, str]:
        """A login goes as Basic, a password alone as a bearer token."""
        told = {"Content-Type": "application/json", "User-Agent": "ratemill"}
        if self.server.login:
            pair = f"{self.server.login}:{self.server.password}".encode()
            told["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        elif self.server.password:
            told["Authorization"] = f"Bearer {self.server.password}"
        return told


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: it would carry the message, and the secret, somewhere else."""

    def redirect_request(self, *_: object) -> None:
        """Nothing: the answer is an error."""


def channels(home: Home, find: Finder) -> Mapping[str, Channel]:
    """The channels of the home's [alerts], by name; SettingsError where one cannot be used."""
    alerts = home.settings.alerts
    found: dict[str, Channel] = {}
    if alerts.email_to:
        server = find(alerts.smtp)
        sender = alerts.email_from or str(server.extra.get("from_email") or "")
        if "@" not in sender:
            raise SettingsError("[alerts]", "names no sender of e-mail", "set email_from")
        found["e-mail"] = Mail(server, sender, alerts.email_to)
    if alerts.webhook:
        found["webhook"] = Webhook(find(alerts.webhook))
    return found
