"""The gate's checks as Great Expectations judges and shows them."""

import random
import socket
from datetime import datetime

import pytest

from mediation.gate import Check
from mediation.gate_docs import GateError, judge
from mediation.gate_limits import Limit

# Great Expectations takes some ten seconds to import.
pytestmark = pytest.mark.slow


def check_of(number: int, *limits: Limit) -> Check:
    return Check("nordtel", f"{number:064x}", f"CD{number:05d}", datetime(2026, 10, 1), limits, ())


def limit(measure: str, observed: int, low: int | None, high: int | None) -> Limit:
    return Limit(measure, observed, low, high, f"{measure} is {observed}")


def drawn(seed: int) -> list[Check]:
    """Checks with limits about as often kept as not, some open, some absent, some very large."""
    rng = random.Random(seed)
    found = []
    for number in range(60):
        limits = []
        for measure in ("records", "charge_micros", "new_networks", "age_max_s"):
            if rng.random() < 0.3:
                continue
            scale = rng.choice([1, 10**3, 2**53, 10**30])
            low, high = (rng.choice([None, scale * rng.randrange(-2, 3) + rng.randrange(2)])
                         for _ in range(2))
            limits.append(limit(measure, scale * rng.randrange(-2, 3) + rng.randrange(2), low,
                                high))
        found.append(check_of(number, *limits))
    return found


@pytest.mark.parametrize("seed", range(5))
def test_great_expectations_judges_as_the_gate_did(seed: int) -> None:
    checks = drawn(seed)
    failed = {check.file_id for check in checks if check.findings}
    assert 0 < len(failed) < len(checks)
    assert judge("nordtel", checks).failed == failed


def test_the_page_names_the_file_and_what_was_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the gate went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    checks = [check_of(7, limit("records", 10_000, 200, 5000)),
              check_of(8, limit("records", 1000, 200, 5000), limit("rejected", 1, None, 2))]
    html = judge("nordtel", checks).html
    assert "CD00007 (00000000)" in html
    assert "CD00008" not in html
    assert "records at most" in html
    assert "rejected at most" in html


def test_checks_without_any_bound_are_judged() -> None:
    checks = [check_of(1, limit("records", 1, None, None)), check_of(2)]
    assert judge("nordtel", checks).failed == frozenset()


def test_a_fault_of_the_gate_is_not_blamed_on_the_file() -> None:
    broken = limit("records", "text", None, 0)  # type: ignore[arg-type]
    unlike = type("Unlike", (), {"findings": ()})
    kept = type("Kept", (unlike,), {
        "file_id": "ab", "name": "x", "limits": (broken,), "received_at": datetime(2026, 10, 1)})
    with pytest.raises(GateError, match="could not judge"):
        judge("nordtel", [kept()])


def test_a_verdict_that_differs_is_told() -> None:
    class Lenient(Check):
        @property
        def findings(self) -> tuple[str, ...]:
            return ()

    held = check_of(1, limit("records", 2, None, 1))
    lenient = Lenient(held.partner, held.file_id, held.name, held.received_at, held.limits, ())
    with pytest.raises(GateError, match="differ about 0000"):
        judge("nordtel", [lenient])
