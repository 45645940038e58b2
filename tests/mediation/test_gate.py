"""The batch gate: a partner's own limits, the totals that a file states, and the check kept."""

import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.decoded import FileHeader
from mediation.file_context import FileContext
from mediation.gate import CHECKS, Check, Gate, Verdict
from mediation.gate_figures import Figures
from mediation.gate_limits import Limit, times
from mediation.profile import Profile

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
            "history": {"files": 0},
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


def failed(figures: Figures, header: FileHeader = STATED, profile: Profile = PROFILE) -> list[str]:
    return list(Gate(None).check(profile, CTX, header, figures).failed)


def test_a_file_within_all_limits_passes() -> None:
    assert Gate(None).check(PROFILE, CTX, STATED, GOOD) == Verdict()
    assert failed(GOOD, FileHeader()) == []
    assert failed(Figures(0, 0, 0, 0, 0, 0), FileHeader(declared_records=0)) == []


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
def test_a_figure_outside_a_limit_is_found_and_named(figures: Figures, finding: str) -> None:
    found = failed(figures)
    assert len(found) == 1
    assert finding in found[0]


def test_what_could_not_be_read_may_be_missing_from_the_sum() -> None:
    assert failed(replace(GOOD, charge_micros=1, charges_unread=1)) == []


def test_totals_are_compared_exactly_where_floats_would_not() -> None:
    total = (1 << 60) + 1
    header = FileHeader(declared_charge_micros=total)
    assert failed(replace(GOOD, charge_micros=total), header) == []
    assert len(failed(replace(GOOD, charge_micros=total - 1), header)) == 1


def test_totals_beyond_64_bits_are_judged() -> None:
    assert len(failed(GOOD, FileHeader(declared_charge_micros=10**30))) == 1


def test_every_broken_limit_is_named() -> None:
    assert len(failed(replace(GOOD, records=5, rejected=5, charge_micros=0))) == 3


def test_a_share_is_meant_as_it_is_written() -> None:
    loose = msgspec.structs.replace(
        PROFILE, gate=msgspec.structs.replace(PROFILE.gate, reject_share_max=0.29)
    )
    of_hundred = replace(GOOD, records=100, rejected=29)
    assert 0.29 * 100 < 29
    assert failed(of_hundred, FileHeader(), loose) == []
    assert len(failed(replace(of_hundred, rejected=30), FileHeader(), loose)) == 1


@given(st.integers(0, 10**6), st.integers(0, 1000))
def test_times_is_exact_for_decimals(value: int, thousandths: int) -> None:
    assert times(value, thousandths / 1000) == value * thousandths // 1000


def test_a_check_is_kept_and_the_newest_of_a_file_counts(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    header = FileHeader(declared_charge_micros=10**30)
    gate.check(PROFILE, CTX, header, replace(GOOD, rejected=10))
    verdict = gate.check(PROFILE, CTX, header, GOOD)
    (path,) = (p for p in (tmp_path / CHECKS).rglob("*") if p.is_file())
    assert path == tmp_path / "checks" / "nordtel" / f"{CTX.file_id}.json"
    kept = msgspec.json.decode(path.read_bytes(), type=Check)
    assert kept.findings == verdict.failed
    assert [limit.kept for limit in kept.limits] == [True, True, True, False]
    assert kept.limits[-1] == Limit(
        "charge_found_less_stated_micros", 5000 - 10**30, 0, 0, verdict.failed[0]
    )


def test_a_check_takes_a_fraction_of_a_millisecond(tmp_path: Path) -> None:
    gate = Gate(tmp_path)
    gate.check(PROFILE, CTX, STATED, GOOD)
    begin = time.process_time()
    for number in range(100):
        gate.check(PROFILE, replace(CTX, file_id=f"{number:064d}"), STATED, GOOD)
    each = (time.process_time() - begin) / 100
    assert each < 0.005, f"one check took {each:.4f} s"


def test_the_gate_judges_without_great_expectations(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_gate as t; from pathlib import "
        "Path; t.Gate(Path(sys.argv[2])).check(t.PROFILE, t.CTX, t.STATED, t.GOOD); "
        "sys.exit('great_expectations' in sys.modules)"
    )
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", code, here, str(tmp_path)], check=False)
    assert done.returncode == 0
    assert list(tmp_path.rglob("*.json"))
