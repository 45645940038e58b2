"""The batch gate over the real Great Expectations."""

import socket
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from mediation.decoded import FileHeader
from mediation.file_context import FileContext
from mediation.gate import Figures, Gate, GateError, Limit
from mediation.profile import Profile

# Great Expectations takes some ten seconds to import.
pytestmark = pytest.mark.slow

PROFILE = msgspec.convert(
    {
        "name": "nordtel",
        "title": "NordTel",
        "sender": "NORNT",
        "recipient": "AUTRM",
        "collect": {"connection": "sftp_nordtel"},
        "format": {"kind": "tap"},
        "identity": {},
        "gate": {
            "reject_share_max": 0.2,
            "charge_max_micros": 1000,
            "file_charge_max_micros": 1 << 60,
        },
    },
    Profile,
)
CTX = FileContext("nordtel", "ab" * 32, "CDNORNTAUTRM00001", datetime(2026, 10, 1))
GOOD = Figures(
    records=10,
    rejected=2,
    charge_micros=5000,
    charges_unread=0,
    accepted_charge_micros=4000,
    record_charge_max_micros=1000,
)
STATED = FileHeader(declared_records=10, declared_charge_micros=5000)


@pytest.fixture(scope="module")
def gate() -> Gate:
    return Gate(None)


def test_a_file_within_all_limits_passes(gate: Gate) -> None:
    assert gate.check(PROFILE, CTX, STATED, GOOD) == []
    assert gate.check(PROFILE, CTX, FileHeader(), GOOD) == []
    empty = Figures(0, 0, 0, 0, 0, 0)
    assert gate.check(PROFILE, CTX, FileHeader(declared_records=0), empty) == []


@pytest.mark.parametrize(
    ("figures", "finding"),
    [
        (replace(GOOD, rejected=3), "3 of 10 records (30.0%) were rejected"),
        (replace(GOOD, record_charge_max_micros=1001), "a record charges 1001"),
        (replace(GOOD, accepted_charge_micros=1 << 61), "the accepted records charge"),
        (replace(GOOD, records=11), "the file states 10 records, 11 were found"),
        (replace(GOOD, charge_micros=4999), "its records add up to 4999"),
        (replace(GOOD, charge_micros=5001), "its records add up to 5001"),
        (replace(GOOD, charge_micros=5001, charges_unread=1), "without 1 unread"),
    ],
)
def test_a_figure_outside_a_limit_is_found_and_named(
    gate: Gate, figures: Figures, finding: str
) -> None:
    found = gate.check(PROFILE, CTX, STATED, figures)
    assert len(found) == 1
    assert finding in found[0]


def test_what_could_not_be_read_may_be_missing_from_the_sum(gate: Gate) -> None:
    assert gate.check(PROFILE, CTX, STATED, replace(GOOD, charge_micros=1, charges_unread=1)) == []


def test_totals_are_compared_exactly_where_floats_would_not(gate: Gate) -> None:
    total = (1 << 60) + 1
    header = FileHeader(declared_charge_micros=total)
    assert gate.check(PROFILE, CTX, header, replace(GOOD, charge_micros=total)) == []
    assert len(gate.check(PROFILE, CTX, header, replace(GOOD, charge_micros=total - 1))) == 1


def test_totals_beyond_64_bits_are_judged(gate: Gate) -> None:
    header = FileHeader(declared_charge_micros=10**30)
    assert len(gate.check(PROFILE, CTX, header, GOOD)) == 1


def test_every_broken_limit_is_named(gate: Gate) -> None:
    bad = replace(GOOD, records=5, rejected=5, charge_micros=0)
    assert len(gate.check(PROFILE, CTX, STATED, bad)) == 3


def test_limits_follow_the_profile_of_each_check(gate: Gate) -> None:
    strict = msgspec.structs.replace(
        PROFILE, gate=msgspec.structs.replace(PROFILE.gate, reject_share_max=0.1)
    )
    assert gate.check(PROFILE, CTX, STATED, GOOD) == []
    assert len(gate.check(strict, CTX, STATED, GOOD)) == 1
    assert gate.check(PROFILE, CTX, STATED, GOOD) == []


def test_data_docs_show_checks_of_several_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the gate went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    Gate(tmp_path / "quality").check(PROFILE, CTX, STATED, GOOD)
    second = Gate(tmp_path / "quality")
    odd = replace(CTX, name="../CD 00002", file_id="cd" * 32)
    second.check(PROFILE, odd, STATED, replace(GOOD, rejected=10))
    second.check(PROFILE, odd, STATED, replace(GOOD, rejected=9))
    index = second.build_docs()
    text = index.read_text()
    assert index == tmp_path / "quality" / "docs" / "index.html"
    assert "CDNORNTAUTRM00001-abababababab" in text
    assert ".._CD_00002-cdcdcdcdcdcd" in text
    assert len(list((tmp_path / "quality" / "checks").rglob("*.json"))) == 2


def test_a_fault_of_the_gate_is_not_blamed_on_the_file(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Limit("broken", "text", None, 0, "")  # type: ignore[arg-type]
    monkeypatch.setattr("mediation.gate._of_file", lambda *_: [broken])
    with pytest.raises(GateError, match="could not judge"):
        gate.check(PROFILE, CTX, STATED, GOOD)


def test_data_docs_need_a_folder(gate: Gate) -> None:
    with pytest.raises(GateError, match="with a root"):
        gate.build_docs()


def test_a_check_is_quick_once_the_suite_exists(gate: Gate) -> None:
    gate.check(PROFILE, CTX, STATED, GOOD)
    took = []
    for _ in range(5):
        start = time.perf_counter()
        gate.check(PROFILE, CTX, STATED, GOOD)
        took.append(time.perf_counter() - start)
    assert min(took) < 0.5, f"one check took {min(took):.3f} s"


def test_importing_the_gate_is_light() -> None:
    code = "import sys, mediation.gate; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
