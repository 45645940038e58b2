"""What we install: hashes in the locks, the audit's verdicts, and libraries that stay silent."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from ratemill.airflow_stack import REPOSITORY

PACKAGE = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)


@pytest.mark.parametrize("lock", ["requirements.lock", "bootstrap.lock"])
def test_every_locked_package_has_its_hash(lock: str) -> None:
    entries = re.split(r"\n(?=\S)", (REPOSITORY / lock).read_text())
    packages = [entry for entry in entries if not entry.startswith("#")]
    assert packages
    for entry in packages:
        assert PACKAGE.match(entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry


def audited(folder: Path, script: str, **more: str) -> subprocess.CompletedProcess[str]:
    """What .ci/audit says where pip-audit is this script."""
    fake = folder / "pip-audit"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    return subprocess.run(
        [REPOSITORY / ".ci" / "audit"], env={**os.environ, "PIP_AUDIT": str(fake), **more},
        capture_output=True, text=True, check=False, timeout=60,
    )


def test_no_known_hole_passes_the_audit(tmp_path: Path) -> None:
    passed = audited(tmp_path, 'echo "$@" >&2; echo "No known vulnerabilities found" >&2')
    assert passed.returncode == 0
    assert "No known vulnerabilities found" in passed.stdout
    assert "NOT AUDITED" not in passed.stdout
    for word in ("requirements.lock", "bootstrap.lock", "--require-hashes"):
        assert word in passed.stdout


def test_a_known_hole_fails_the_audit(tmp_path: Path) -> None:
    failed = audited(
        tmp_path, 'echo "Found 1 known vulnerability" >&2; echo "jinja2 2.0 PYSEC-1"; exit 1'
    )
    assert failed.returncode == 1
    assert "jinja2 2.0 PYSEC-1" in failed.stdout


@pytest.mark.parametrize(("more", "code"), [({}, 0), ({"AUDIT_MUST": "1"}, 3)])
def test_an_audit_that_could_not_ask_says_so(
    tmp_path: Path, more: dict[str, str], code: int
) -> None:
    silent = audited(
        tmp_path, 'echo "requests.exceptions.ConnectionError: no route" >&2; exit 1', **more
    )
    assert silent.returncode == code
    assert "NOT AUDITED" in silent.stdout
    assert "no route" in silent.stdout


def test_an_audit_that_is_at_fault_is_no_pass(tmp_path: Path) -> None:
    broken = audited(tmp_path, 'echo "ERROR: no such option" >&2; exit 1')
    assert broken.returncode == 2
    assert "no such option" in broken.stdout


@pytest.mark.slow
def test_the_real_audit_reads_our_locks_and_says_when_it_cannot_ask() -> None:
    # A port nobody listens on stands for the network, so nothing is asked for in truth.
    nowhere = "http://127.0.0.1:9"
    said = subprocess.run(
        [REPOSITORY / ".ci" / "audit"], capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "HTTPS_PROXY": nowhere, "https_proxy": nowhere, "NO_PROXY": ""},
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert "NOT AUDITED" in said.stdout


def test_libraries_are_told_not_to_report() -> None:
    text = (REPOSITORY / "Makefile").read_text()
    for line in ("export GX_ANALYTICS_ENABLED := false", "export DO_NOT_TRACK := 1",
                 "export AIRFLOW__USAGE_DATA_COLLECTION__ENABLED := False"):
        assert line in text
