"""Messages over a real mail server and to a real web server."""

import datetime as dt
import ssl
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ratemill.alert_channels import Mail, Webhook, channels
from ratemill.alert_servers import Server, from_environ
from ratemill.alerts import Alarm, Message
from ratemill.errors import RatemillError, SettingsError
from ratemill.home import Home

sys.path.insert(0, str(Path(__file__).parent))

from alert_receivers import Hook, MailBox, serving

ALARM = Alarm(kind="gap", about="nordtel", what="3 missing", same="3", records=7)
MESSAGE = Message("Roamwell, Österreich: Files are missing", "Zwölf Dateien.\n.\nEnde\n", [ALARM])
PLAIN = "smtp://{login}127.0.0.1:{port}/?disable_ssl=true&disable_tls=true"


def mail(port, login="", uri=PLAIN):
    server = Server.of_text("smtp", uri.format(port=port, login=login))
    return Mail(server, "ratemill@example.org", ["a@example.org", "b@example.org"])


def hook(port, path="", login=""):
    return Webhook(Server.of_text("hook", f"http://{login}127.0.0.1:{port}/{path}"))


def test_mail_arrives_as_it_was_written():
    with serving(MailBox()) as box:
        mail(box.port).send(MESSAGE)
    (got,) = box.mails
    assert (got["Subject"], got["From"], got["To"]) == (
        MESSAGE.subject, "ratemill@example.org", "a@example.org, b@example.org"
    )
    assert got.get_content().replace("\r\n", "\n") == MESSAGE.text
    assert got["Auto-Submitted"] == "auto-generated"
    assert box.logins == []


def test_mail_logs_in():
    with serving(MailBox()) as box:
        mail(box.port, "ops:s%40cret@").send(MESSAGE)
    assert box.logins == [["ops", "s@cret"]]
    assert len(box.mails) == 1


@pytest.mark.parametrize(
    ("refuse", "words", "retryable"),
    [("login", "refuses the login", False), ("recipient", "refuses a@example.org", False),
     ("later", "451 come again", True)],
)
def test_mail_server_that_refuses(refuse, words, retryable):
    with serving(MailBox(refuse)) as box, pytest.raises(RatemillError, match=words) as error:
        mail(box.port, "ops:geheim@").send(MESSAGE)
    assert error.value.retryable is retryable
    assert "geheim" not in str(error.value)
    assert box.mails == []


def test_mail_server_that_is_down():
    with serving(MailBox()) as box:
        port = box.port
    with pytest.raises(RatemillError, match="cannot be used") as error:
        mail(port).send(MESSAGE)
    assert error.value.retryable


def test_password_does_not_go_in_clear_text():
    server = Server.of_text("smtp", "smtp://ops:x@192.0.2.1/?disable_ssl=true&disable_tls=true")
    with pytest.raises(SettingsError, match="clear text"):
        Mail(server, "a@b", ["a@b"]).send(MESSAGE)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Path of a certificate of localhost with its key, which nobody else trusts."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name)
        .public_key(key.public_key()).serial_number(1).not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


STARTTLS = "smtp://{login}localhost:{port}/?disable_ssl=true"


def test_starttls_with_a_trusted_certificate(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    with serving(MailBox(tls=tls)) as box:
        mail(box.port, "ops:geheim@", STARTTLS).send(MESSAGE)
    assert box.encrypted == [True]
    assert box.logins == [["ops", "geheim"]]


def test_a_certificate_nobody_trusts_gets_neither_password_nor_message(certificate):
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    with (
        serving(MailBox(tls=tls)) as box,
        pytest.raises(RatemillError, match="certificate") as error,
    ):
        mail(box.port, "ops:geheim@", STARTTLS).send(MESSAGE)
    assert not error.value.retryable
    assert (box.logins, box.mails) == ([], [])


def test_a_server_without_starttls_gets_nothing():
    with serving(MailBox()) as box, pytest.raises(RatemillError, match="STARTTLS"):
        mail(box.port, "ops:geheim@", STARTTLS).send(MESSAGE)
    assert (box.logins, box.mails) == ([], [])


def test_webhook_gets_text_and_alarms():
    with serving(Hook()) as web:
        hook(web.port, "services/T0/B1", ":geheim@").send(MESSAGE)
    ((path, headers, body),) = web.posts
    assert path == "/services/T0/B1"
    assert headers["Authorization"] == "Bearer geheim"
    assert body["text"].startswith(MESSAGE.subject)
    assert body["alarms"][0]["about"] == "nordtel"


@pytest.mark.parametrize(("status", "retryable"), [(404, False), (429, True), (503, True)])
def test_webhook_that_refuses(status, retryable):
    with serving(Hook(status)) as web, pytest.raises(RatemillError, match=str(status)) as error:
        hook(web.port, "secret-path").send(MESSAGE)
    assert error.value.retryable is retryable
    assert "secret-path" not in str(error.value)


def test_webhook_follows_no_redirection():
    with serving(Hook(307)) as web, pytest.raises(RatemillError, match="307"):
        hook(web.port, "first").send(MESSAGE)
    assert [path for path, *_ in web.posts] == ["/first"]


@pytest.mark.parametrize(
    ("text", "kind", "address"),
    [
        ("https://hooks.example.org/a/b", "https", ("hooks.example.org", None, "a/b")),
        ("http://https%3A%2F%2Fhooks.example.org%2Fa:8443/", "https",
         ("hooks.example.org", 8443, "a")),
        ('{"conn_type": "http", "host": "h", "schema": "https", "extra": {"path": "/x"}}', "https",
         ("h", None, "/x")),
        ('{"conn_type": "http", "host": "h", "port": 80, "extra": "{\\"path\\": \\"y\\"}"}', "http",
         ("h", 80, "y")),
    ],
)
def test_forms_of_a_connection(text, kind, address):
    server = Server.of_text("c", text)
    assert server.kind == kind
    assert (server.host, server.port, server.path) == address


@pytest.mark.parametrize(
    "text", ['{"password": "geheim"', "smtp://geheim:x@h:port/", '{"extra": "geheim"}']
)
def test_a_connection_that_cannot_be_read_keeps_its_secret(text):
    with pytest.raises(SettingsError) as error:
        Server.of_text("AIRFLOW_CONN_X", text)
    assert "geheim" not in str(error.value)


def test_secrets_are_not_in_the_text_of_a_server():
    server = Server.of_text("c", "https://u:geheim@h/privat?token=heimlich")
    assert not {"geheim", "privat", "heimlich"} & set(str(server).replace("'", " ").split())


def test_channels_of_a_home(tmp_path):
    (tmp_path / "ratemill.toml").write_text("""
        operator = "AUTRM"
        title = "Small"
        zone = "UTC"
        [alerts]
        email_to = ["a@example.org"]
        webhook = "hook"
        """)
    environ = {"AIRFLOW_CONN_SMTP_RATEMILL": "smtp://h/?from_email=r%40example.org",
               "AIRFLOW_CONN_HOOK": "https://h/x"}
    found = channels(Home.find(tmp_path, {}), lambda name: from_environ(name, environ))
    assert list(found) == ["e-mail", "webhook"]
    assert found["e-mail"].sender == "r@example.org"
    environ["AIRFLOW_CONN_SMTP_RATEMILL"] = "smtp://h"
    with pytest.raises(SettingsError, match="email_from"):
        channels(Home.find(tmp_path, {}), lambda name: from_environ(name, environ))
