"""Log lines: a line for each file and stage with its ids, JSON where asked for, never a secret."""

import io
import json
from datetime import datetime

import pytest
import structlog

from ratemill import pipeline
from ratemill.errors import SettingsError
from ratemill.home import Home
from ratemill.logs import configure, secrets_of
from tests.ratemill.collected_files import collected, with_profile

NOW = datetime.fromisoformat("2026-12-01T06:00")
GOOD = "MOC;232990000000002;+4791234567;NORNT;2026-11-30 12:00;60;0.10"
PASSWORD = "Mark3d/passw0rd"
HOST_KEY = "ssh-ed25519%20AAAAC3NzaC1lZDI1NTE5AAAAIJ5F2lSrZmVqz7v5Wq0nD5jX0j2m8oT2kq0W0V1uQ3bY"
CONNECTION = f"sftp://us:{PASSWORD.replace('/', '%2F')}@127.0.0.1:1/?host_key={HOST_KEY}"


@pytest.fixture(autouse=True)
def _unconfigured():
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def written(environ, *events):
    """What is written of the events, as one text."""
    stream = io.StringIO()
    configure(environ, stream)
    for event, fields in events:
        structlog.get_logger("x").warning(event, **fields)
    return stream.getvalue()


@pytest.fixture
def lonely(small, monkeypatch):
    """A home whose partner cannot be reached, with a file of his that came before."""
    with_profile(small)
    path = small.root / "ratemill.toml"
    path.write_text(path.read_text().partition("[demo]")[0])
    monkeypatch.setenv("AIRFLOW_CONN_SFTP_ALPENFON", CONNECTION)
    monkeypatch.setenv("RATEMILL_RUN_ID", "run-7")
    collected(small, "a.csv", GOOD, GOOD)
    return Home.find(small.root, {})


def test_each_stage_of_each_file_has_a_line(lonely, ratemill, monkeypatch, unpublished):
    monkeypatch.setenv("RATEMILL_LOG", "json")
    shown = ratemill("run", home=lonely)
    assert shown.returncode == 3
    told = lines(shown.stderr)
    done = [line for line in told if line["event"] == "stage done"]
    assert [line["stage"] for line in done] == ["mediate", "rate", "post"]
    assert {line["file"] for line in done} == {"a.csv"}
    assert {line["run_id"] for line in told} == {"run-7"}
    assert all(line["timestamp"].endswith("Z") for line in told)
    ref, = pipeline.find(lonely)
    assert {f"{line['partner']}/{line['file_id']}" for line in done} == {ref}
    last = done[-1]
    assert (last["state"], last["records"], last["posted"], last["duplicate"]) == (
        "posted", 2, 1, 1)
    assert [line["level"] for line in told if "alpenfon" in line["event"]] == ["error"]


def test_people_see_no_line_a_file(lonely, ratemill, unpublished):
    shown = ratemill("run", home=lonely)
    assert shown.returncode == 3
    assert "stage done" not in shown.stderr + shown.stdout
    assert "alpenfon" in shown.stderr


def test_no_secret_is_in_any_line_or_file(lonely, ratemill, monkeypatch, unpublished):
    for form in ("json", "text"):
        monkeypatch.setenv("RATEMILL_LOG", form)
        shown = ratemill("run", home=lonely)
        for text in (shown.stdout, shown.stderr):
            assert "Mark3d" not in text
            assert "passw0rd" not in text
    for path in lonely.root.rglob("*"):
        if path.is_file():
            assert b"Mark3d" not in path.read_bytes(), path.name


def test_a_fault_of_a_command_is_a_line_too(small, ratemill, monkeypatch):
    monkeypatch.setenv("RATEMILL_LOG", "json")
    monkeypatch.setenv("RATEMILL_RUN_ID", "run-8")
    shown = ratemill("run", "--partner", "nobody", home=with_profile(small))
    (line,) = lines(shown.stderr)
    assert (line["level"], line["exit_code"], line["run_id"]) == ("error", 2, "run-8")
    assert "no profile of nobody" in line["event"]


def test_a_form_that_is_none(small, ratemill, monkeypatch):
    monkeypatch.setenv("RATEMILL_LOG", "xml")
    monkeypatch.setenv("RATEMILL_RUN_ID", "run-9")
    shown = ratemill("status", home=small)
    assert shown.returncode == 2
    assert "RATEMILL_LOG: 'xml' is neither json nor text" in shown.stderr
    with pytest.raises(SettingsError):
        configure({"RATEMILL_LOG": "xml"}, io.StringIO())


def test_who_prints_his_own_result_is_not_disturbed(small, capfd):
    with_profile(small)
    pipeline.mediate(small, [collected(small, "a.csv", GOOD)])
    assert capfd.readouterr() == ("", "")


def test_lines_within_airflow_name_its_run(small, monkeypatch):
    with_profile(small)
    ref = collected(small, "a.csv", GOOD)
    for name, value in (("DAG_ID", "mediation_alpenfon"), ("DAG_RUN_ID", "manual__1"),
                        ("TASK_ID", "mediate")):
        monkeypatch.setenv(f"AIRFLOW_CTX_{name}", value)
    with structlog.testing.capture_logs() as told:
        pipeline.mediate(small, [ref])
    (line,) = [line for line in told if line["event"] == "stage done"]
    assert (line["dag_id"], line["run_id"], line["task_id"]) == (
        "mediation_alpenfon", "manual__1", "mediate")


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("login with Mark3d/passw0rd failed", {}),
        ("at sftp://us:Mark3d%2Fpassw0rd@host/x", {}),
        ("at postgresql://us:0therMark3d@host/x", {}),
        ("said", {"password": "Mark3d"}),
        ("said", {"deep": {"list": ["x", {"client_secret": "Mark3d"}]}}),
        ("said", {"error": ValueError("of Mark3d/passw0rd")}),
        ("said", {"key": "-----BEGIN OPENSSH PRIVATE KEY-----\nMark3d\n-----END OPENSSH PRIVATE "
                         "KEY-----"}),
        ("hook said JsonMark3d", {}),
        ("token is BearerMark3d", {}),
    ],
)
@pytest.mark.parametrize("form", ["json", "text"])
def test_secrets_are_masked_by_value_name_and_form(form, event, fields):
    environ = {
        "RATEMILL_LOG": form, "AIRFLOW_CONN_SFTP_X": CONNECTION,
        "AIRFLOW_CONN_HOOK": '{"conn_type": "http", "password": "JsonMark3d"}',
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=BearerMark3d",
    }
    told = written(environ, (event, fields))
    assert "Mark3d" not in told
    assert "***" in told


def test_secrets_of_an_environment():
    assert secrets_of({
        "AIRFLOW_CONN_A": "sftp://u:p%40ss@h/?__extra__=%7B%22private_key%22%3A%22k1%22%7D",
        "AIRFLOW_CONN_B": json.dumps({"password": "pb", "extra": '{"token": "t1", "host": "h"}'}),
        "AIRFLOW_CONN_C": "sftp://u@[broken", "AIRFLOW_CONN_D": "{broken",
        "RATEMILL_LEDGER": "postgresql://role:pl@h/db", "PATH": "/usr/bin",
        "AIRFLOW__API_AUTH__JWT_SECRET": "jwt",
    }) == {"p%40ss", "p@ss", "k1", "pb", "t1", "pl", "jwt"}


def test_short_words_are_not_masked():
    assert "false" in written({"RATEMILL_LOG": "json", "SOME_TOKEN": "false"}, ("false", {}))


def test_what_a_partner_writes_steers_no_terminal():
    assert "\x1b" not in written({}, ("name \x1b[2J", {}))
    told = lines(written({"RATEMILL_LOG": "json"}, ("two\nlines", {"file": "a\nb"})))
    assert [line["file"] for line in told] == ["a\nb"]
