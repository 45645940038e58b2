"""The one-command stack's own parts, without Airflow: ports, password, environment, stopping."""

import json
import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from ratemill.airflow_stack import AirflowStack, StackError, environment, free_port, passwords

# A component whose task leads its own process group and does not care for SIGTERM.
STUBBORN = """
import os, signal, sys, time
if os.fork() == 0:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(os.getpid(), flush=True)
time.sleep(60)
"""


def test_a_port_in_use_is_passed_over() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        taken = busy.getsockname()[1]
        assert free_port(taken) > taken


def test_passwords_are_made_once_and_private(tmp_path: Path) -> None:
    made = iter(["first", "second", "third"])
    words = {"admin": "first", "operator": "second", "viewer": "third"}
    assert passwords(tmp_path, lambda: next(made)) == words
    assert passwords(tmp_path, lambda: "another") == words
    path = tmp_path / "passwords.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == words
    assert [file.name for file in tmp_path.iterdir()] == ["passwords.json"]


def test_who_had_a_password_keeps_it_when_users_are_added(tmp_path: Path) -> None:
    (tmp_path / "passwords.json").write_text('{"admin": "of old"}')
    words = passwords(tmp_path, lambda: "new")
    assert words == {"admin": "of old", "operator": "new", "viewer": "new"}
    assert stat.S_IMODE((tmp_path / "passwords.json").stat().st_mode) == 0o600


def test_every_user_has_one_role_of_airflow(tmp_path: Path) -> None:
    environ = environment({}, tmp_path, tmp_path, 8123)
    assert environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == (
        "admin:admin,operator:op,viewer:viewer"
    )


def test_preferences_may_be_set_but_not_the_place(tmp_path: Path) -> None:
    inherited = {
        "AIRFLOW__CORE__PARALLELISM": "9", "AIRFLOW_HOME": "/elsewhere",
        "AIRFLOW__API__HOST": "0.0.0.0", "AIRFLOW__CORE__LOAD_EXAMPLES": "True",
    }
    environ = environment(inherited, tmp_path / "af", tmp_path / "home", 8123)
    assert environ["AIRFLOW__CORE__PARALLELISM"] == "9"
    assert environ["AIRFLOW_HOME"] == str(tmp_path / "af")
    assert environ["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environ["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert environ["RATEMILL_HOME"] == str(tmp_path / "home")


def test_stop_ends_processes_that_left_their_group(tmp_path: Path) -> None:
    with AirflowStack(environment({}, tmp_path, tmp_path, 8123)) as stack:
        leader = subprocess.Popen(
            [sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True
        )
        stack.processes["fake"] = leader
        assert leader.stdout
        child = psutil.Process(int(leader.stdout.readline()))
        assert os.getpgid(child.pid) == child.pid
    assert leader.returncode is not None
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    leader.stdout.close()


def test_a_component_that_ends_is_named_with_its_log(tmp_path: Path) -> None:
    environ = environment({"PATH": os.environ["PATH"]}, tmp_path, tmp_path, 8123)
    with AirflowStack(environ) as stack:
        stack.processes["scheduler"] = subprocess.Popen(["false"])
        stack.processes["scheduler"].wait()
        with pytest.raises(StackError, match=r"scheduler ended with 1: see .*scheduler\.log"):
            stack.check()


def test_a_command_is_given_up_when_stopping(tmp_path: Path) -> None:
    environ = environment({"PATH": os.environ["PATH"]}, tmp_path, tmp_path, 8123)
    begun = time.monotonic()
    with AirflowStack(environ) as stack:
        stack.prepare(stopping=lambda: True)
        assert stack.processes == {}
    assert time.monotonic() - begun < 5
