"""A real Airflow with its users: who may do what, what listens where, and no secret in anything."""

import base64
import configparser
import hashlib
import hmac
import json
import os
import re
import secrets
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from ratemill.airflow_stack import REPOSITORY, AirflowStack, environment, free_port, passwords
from ratemill.demo import partners_online, prepare_home
from ratemill.home import Home

sys.path.insert(0, str(Path(__file__).parent))

from secret_search import named, secrets_in

pytestmark = [pytest.mark.airflow, pytest.mark.slow, pytest.mark.timeout(1200)]

WORD = "Wq7markedsftpword"
KEPT, INNER = "Cn3markedconnection", "Ky5markedprivatekey"
NEW_SETTINGS = """
from airflow.configuration import write_default_airflow_configuration_if_needed as write
write()
"""
RUN_S = 600
BUSY_TRIES = 4


@dataclass(frozen=True)
class Installed:
    """A running stack: where it is, and how to log in."""

    url: str
    home: Home
    airflow_home: Path
    words: dict[str, str]
    refused: str
    """The partner whose server does not let us in"""
    processes: list[psutil.Process]

    def ask(
        self, method: str, path: str, token: str = "", body: object = None
    ) -> tuple[int, str]:
        """Status and text of an answer; a busy database is asked again (docs/operators.md)."""
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(
            self.url + path, method=method, headers=headers,
            data=None if body is None else json.dumps(body).encode(),
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        status, text = 0, ""
        for _ in range(BUSY_TRIES):
            try:
                with opener.open(request, timeout=30) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                status, text = error.code, error.read().decode()
                if status != 500:
                    break
        return status, text

    def login(self, user: str, word: str) -> tuple[int, str]:
        """Status, and the token where there is one."""
        status, text = self.ask("POST", "/auth/token", body={"username": user, "password": word})
        return status, json.loads(text).get("access_token", "") if status < 300 else ""

    def token(self, user: str) -> str:
        """A token of the user."""
        status, token = self.login(user, self.words[user])
        assert status == 201, user
        return token


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """Airflow over the example home, with marked passwords in the connections of its partners."""
    root = tmp_path_factory.mktemp("roles")
    home, airflow_home = prepare_home(root / "home"), root / "airflow"
    airflow_home.mkdir(mode=0o700)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "RATEMILL"))}
    words = passwords(airflow_home, lambda: secrets.token_urlsafe(12))
    with partners_online(home, clean) as online:
        marked = {
            key: value.replace("@", f":{WORD}@", 1) if key.startswith("AIRFLOW_CONN_") else value
            for key, value in online.items()
        }
        refused = next(iter(home.profiles()))
        variable = f"AIRFLOW_CONN_{home.profiles()[refused].collect.connection.upper()}"
        # A password alone is refused, at once and for good.
        marked[variable] = re.sub(r"key_file=[^&]*&", "", marked[variable])
        environ = environment(marked, airflow_home, home.root, free_port(28080))
        with AirflowStack(environ) as stack:
            stack.prepare()
            stack.start_components()
            yield Installed(
                stack.url, home, airflow_home, words, refused,
                [psutil.Process(process.pid) for process in stack.processes.values()],
            )


def test_all_ports_are_on_the_loopback_interface(installed: Installed) -> None:
    living = [*installed.processes, psutil.Process()]
    family = living + [child for one in living for child in one.children(recursive=True)]
    listening = {
        port.laddr for one in family if one.is_running()
        for port in one.net_connections("inet") if port.status == psutil.CONN_LISTEN
    }
    assert int(installed.url.rpartition(":")[2]) in {port for _, port in listening}
    assert {address for address, _ in listening} <= {"127.0.0.1", "::1"}


def test_nobody_gets_in_without_a_password(installed: Installed) -> None:
    for path in ("dags", "connections", "variables", "dags/publish/dagRuns", "eventLogs"):
        assert installed.ask("GET", f"/api/v2/{path}")[0] == 401, path
    trigger = {"logical_date": None, "conf": {}}
    assert installed.ask("POST", "/api/v2/dags/publish/dagRuns", body=trigger)[0] == 401
    for user in installed.words:
        for wrong in ("", user, "admin", installed.words[user][:-1]):
            assert installed.login(user, wrong)[0] in {400, 401}
    assert installed.login("root", installed.words["admin"])[0] == 401


def forged(token: str, key: str, **changed: object) -> str:
    """The token with other claims, signed with a key."""
    def encoded(part: bytes) -> str:
        return base64.urlsafe_b64encode(part).decode().rstrip("=")

    head, body, _ = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    signed = f"{head}.{encoded(json.dumps(claims | changed).encode())}"
    return f"{signed}.{encoded(hmac.digest(key.encode(), signed.encode(), hashlib.sha512))}"


def settings_of(airflow_home: Path) -> dict[str, str]:
    """The keys that an installation drew for itself."""
    parser = configparser.RawConfigParser()
    parser.read(airflow_home / "airflow.cfg")
    return {
        "secret_key": parser["api"]["secret_key"], "jwt_secret": parser["api_auth"]["jwt_secret"],
        "fernet_key": parser["core"]["fernet_key"],
    }


def test_each_installation_draws_its_own_keys(installed: Installed, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", NEW_SETTINGS], check=True, timeout=120, cwd=REPOSITORY,
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path)},
    )
    ours, others = settings_of(installed.airflow_home), settings_of(tmp_path)
    for name, key in ours.items():
        assert len(key) >= 20, name
        assert key != others[name], name
    assert stat.S_IMODE((installed.airflow_home / "airflow.cfg").stat().st_mode) == 0o600
    token = installed.token("viewer")
    # The own key, to see that a forgery is made as it has to be.
    assert installed.ask("GET", "/api/v2/connections", forged(token, ours["jwt_secret"],
                                                              role="admin"))[0] == 200
    assert installed.ask("GET", "/api/v2/connections", forged(token, others["jwt_secret"],
                                                              role="admin"))[0] in {401, 403}


RIGHTS: list[tuple[str, str, Any, int, int, int]] = [
    # method, path below /api/v2, body, and what a viewer, an operator and an admin are told
    ("GET", "dags", None, 200, 200, 200),
    ("GET", "dags/publish/dagRuns", None, 200, 200, 200),
    ("GET", "dags/publish/tasks", None, 200, 200, 200),
    ("POST", "dags/publish/dagRuns", {"logical_date": None, "conf": {}}, 403, 200, 200),
    ("POST", "dags/rerun/dagRuns", {"logical_date": None, "conf": {}}, 403, 400, 400),
    ("POST", "dags/publish/clearTaskInstances", {"dry_run": True, "only_failed": False},
     403, 200, 200),
    ("PATCH", "dags/publish?update_mask=is_paused", {"is_paused": False}, 403, 200, 200),
    ("DELETE", "dags/publish/dagRuns/none", None, 403, 404, 404),
    ("GET", "connections", None, 403, 200, 200),
    ("GET", "variables", None, 403, 200, 200),
    ("POST", "variables", {"key": "a", "value": "b"}, 403, 201, 409),
    ("DELETE", "pools/none", None, 403, 404, 404),
    ("GET", "config", None, 403, 403, 403),
]


@pytest.mark.parametrize("right", RIGHTS, ids=lambda right: f"{right[0]} {right[1]}")
def test_each_role_may_do_what_is_its_own(installed: Installed, right: tuple[Any, ...]) -> None:
    method, path, body, *expected = right
    told = [
        installed.ask(method, f"/api/v2/{path}", installed.token(user), body)[0]
        for user in ("viewer", "operator", "admin")
    ]
    assert told == expected


def test_no_role_reads_a_secret(installed: Installed) -> None:
    body = {
        "connection_id": "marked", "conn_type": "sftp", "host": "h", "login": "u",
        "password": KEPT, "extra": json.dumps({"private_key": INNER, "host_key": "public"}),
    }
    operator = installed.token("operator")
    status, text = installed.ask("POST", "/api/v2/connections", operator, body)
    assert status == 201, text
    answers = [text]
    for user in ("operator", "admin"):
        for path in ("connections/marked", "connections"):
            status, text = installed.ask("GET", f"/api/v2/{path}", installed.token(user))
            assert status == 200
            assert "public" in text
            answers.append(text)
    answers.append(installed.ask("GET", "/api/v2/eventLogs", installed.token("admin"))[1])
    for answer in answers:
        assert named(answer, {"password": KEPT, "key": INNER}) == []
    assert secrets_in(installed.airflow_home, {"password": KEPT, "key": INNER}) == []


def ended(installed: Installed, dag: str) -> list[str]:
    """How the DAG's runs ended so far."""
    status, text = installed.ask("GET", f"/api/v2/dags/{dag}/dagRuns", installed.token("viewer"))
    assert status == 200
    return [run["state"] for run in json.loads(text)["dag_runs"]
            if run["state"] in {"success", "failed"}]


def test_runs_in_the_real_scheduler_leave_no_secret(installed: Installed) -> None:
    dags = [f"mediation_{name}" for name in installed.home.profiles()]
    # The watch starts the others; where the server lets nobody in it has nothing to see.
    status, text = installed.ask(
        "POST", f"/api/v2/dags/mediation_{installed.refused}/dagRuns",
        installed.token("operator"), {"logical_date": None, "conf": {}},
    )
    assert status == 200, text
    end = time.monotonic() + RUN_S
    states = {dag: ended(installed, dag) for dag in dags}
    while not ("failed" in states[f"mediation_{installed.refused}"]
               and any("success" in found for found in states.values())):
        assert time.monotonic() < end, states
        time.sleep(3)
        states = {dag: ended(installed, dag) for dag in dags}
    keys = {
        path.name: path.read_text().splitlines()[-3]
        for path in (installed.home.root / "keys").iterdir() if path.suffix != ".pub"
    }
    marks = {"word": WORD, **keys}
    logs = list((installed.airflow_home / "logs").rglob("*.log"))
    assert any("mediation" in str(path) for path in logs)
    assert secrets_in(installed.airflow_home, marks) == []
    assert secrets_in(installed.home.root, marks, [installed.home.root / "keys"]) == []
    users = {f"password of {user}": word for user, word in installed.words.items()}
    assert secrets_in(installed.airflow_home, users) == [
        f"password of {user}: passwords.json" for user in installed.words
    ]
