"""The batch gate against a partner's earlier files."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.gate_figures import Figures, Kind, Traffic
from mediation.gate_history import Past, of_history
from mediation.profile_gate import History

AT = datetime(2026, 10, 1)
RULE = History()
DAY = 86_400
TRAFFIC = Traffic(("NORNT",), ("sms_mo", "voice_mo"), ("43", "47"), DAY // 2, DAY, "EUR")
USUAL = Figures(1000, 10, 500_000_000, 0, 500_000_000, 2_000_000, TRAFFIC)


@dataclass
class Known:
    """Earlier files, the newest last, and the names in them."""

    files: list[Past]
    names: frozenset[str] = frozenset({"NORNT", "sms_mo", "voice_mo", "43", "47"})

    def newest(self, count: int, weekday: int | None = None) -> Sequence[Past]:
        fit = [x for x in self.files if weekday in (None, x.received_at.weekday())]
        return fit[::-1][:count]

    def named(self) -> int:
        return len(self.files)

    def unseen(self, _kind: Kind, names: Iterable[str]) -> list[str]:
        return [name for name in names if name not in self.names]


def past(**changes: Any) -> Past:
    return replace(Past(AT, 1000, 10, 500_000_000, "EUR", DAY // 2, DAY), **changes)


def told(
    figures: Figures, earlier: Known, rule: History = RULE, currency: str | None = "EUR"
) -> tuple[list[str], list[str]]:
    limits, notes = of_history(rule, earlier, figures, currency, AT)
    return [limit.finding for limit in limits if not limit.kept], notes


def noisy(seed: int, files: int = 30) -> Known:
    """A partner's earlier files with figures that vary by a quarter around the usual ones."""
    rng = random.Random(seed)
    found = []
    for _ in range(files):
        records = round(1000 * rng.uniform(0.75, 1.25))
        found.append(past(
            records=records, rejected=rng.randrange(20),
            charge_micros=round(records * 500_000 * rng.uniform(0.8, 1.2)),
            age_median_s=rng.randrange(DAY), age_max_s=DAY + rng.randrange(5 * DAY),
        ))
    return Known(found)


CASES = {
    "ten times the records": (
        replace(USUAL, records=10_000, charge_micros=5_000_000_000),
        ["10,000 records: the 30 accepted files before had",
         "5,000.00 charged in all: the 30 accepted files before had"]),
    "a tenth of the records": (
        replace(USUAL, records=100, rejected=0, charge_micros=50_000_000),
        ["100 records: the 30 accepted files before had",
         "50.00 charged in all: the 30 accepted files before had"]),
    "nothing": (
        Figures(0, 0, 0, 0, 0, 0),
        ["0 records: the 30 accepted files before had",
         "0.00 charged in all: the 30 accepted files before had"]),
    "double prices": (
        replace(USUAL, charge_micros=1_000_000_000),
        ["1.0000 charged a record: the 30 accepted files before had"]),
    "less than half of the prices": (
        replace(USUAL, charge_micros=220_000_000),
        ["0.2200 charged a record: the 30 accepted files before had"]),
    "many rejects": (
        replace(USUAL, rejected=150),
        ["15.0 % of the records rejected: the 30 accepted files before had"]),
    "old events": (
        replace(USUAL, traffic=replace(TRAFFIC, age_median_s=20 * DAY, age_max_s=21 * DAY)),
        ["20.0 days from event to arrival (median): the 30 accepted files before had"]),
    "one very old event": (
        replace(USUAL, traffic=replace(TRAFFIC, age_max_s=60 * DAY)),
        ["60.0 days from the oldest event to arrival: the 30 accepted files before had"]),
    "a new network": (
        replace(USUAL, traffic=replace(TRAFFIC, networks=("NORNT", "NORTE"))),
        ["networks that no accepted file had before: NORTE"]),
    "a new service": (
        replace(USUAL, traffic=replace(TRAFFIC, services=("vas_mo",))),
        ["services that no accepted file had before: vas_mo"]),
}


@pytest.mark.parametrize("case", CASES)
def test_an_odd_file_is_held_with_a_reason_that_can_be_read(case: str) -> None:
    figures, findings = CASES[case]
    found, notes = told(figures, noisy(1))
    assert len(found) == len(findings)
    for text, begin in zip(found, findings, strict=True):
        assert text.startswith(begin)
        assert "new" in case or text.endswith(" is expected")
    assert notes == []


def test_a_finding_says_what_was_usual_and_what_is_expected() -> None:
    found, _ = told(replace(USUAL, records=10_000, charge_micros=5_000_000_000),
                    Known([past(records=980), past(records=1051), *[past()] * 10]))
    assert found[0] == ("10,000 records: the 12 accepted files before had 980 to 1,051, 1,000 in "
                        "the middle; at most 5,000 is expected")


@given(st.integers(0, 10**6))
def test_steady_traffic_passes(seed: int) -> None:
    month = noisy(seed, 40)
    for at in range(10, 40, 5):
        now = month.files[at]
        figures = replace(
            USUAL, records=now.records, rejected=now.rejected, charge_micros=now.charge_micros,
            traffic=replace(TRAFFIC, age_median_s=now.age_median_s, age_max_s=now.age_max_s),
        )
        assert told(figures, Known(month.files[:at])) == ([], [])


def test_what_a_person_let_pass_may_come_again() -> None:
    tenfold = replace(USUAL, records=10_000, charge_micros=5_000_000_000)
    month = noisy(2)
    assert told(tenfold, month)[0]
    released = past(records=10_000, charge_micros=5_000_000_000)
    assert told(tenfold, Known([*month.files, released])) == ([], [])


def test_too_few_files_give_a_note_and_no_verdict() -> None:
    odd = replace(USUAL, records=10**6, traffic=replace(TRAFFIC, networks=("X",)))
    assert told(odd, Known([past()] * 9)) == ([], [
        "history: no verdict by earlier files (9 accepted, 10 needed)"])
    assert told(odd, Known([past()] * 10))[0] != []
    assert told(odd, Known([past()] * 10), History(files=0)) == ([], [])


def test_a_comparison_that_never_comes_to_a_verdict_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="files_min needs 10; 0 compares"):
        msgspec.convert({"files": 9}, History)
    assert msgspec.convert({"files": 0}, History).files == 0


def test_small_files_are_not_judged_by_counts_and_sums() -> None:
    small = Known([past(records=4 + at % 5, charge_micros=10**6 * at, rejected=0)
                   for at in range(30)])
    odd = replace(USUAL, records=60, rejected=12, charge_micros=10**9)
    assert told(odd, small) == ([], [])
    assert len(told(replace(odd, records=101), small)[0]) == 2
    assert len(told(odd, small, History(records_min=0))[0]) == 4


def test_money_is_compared_within_one_currency() -> None:
    dear = replace(USUAL, charge_micros=5_000_000_000_000)
    assert told(dear, noisy(3), currency="CZK") == ([], [])
    assert len(told(dear, noisy(3))[0]) == 2


def test_weekdays_can_be_compared_by_themselves() -> None:
    # thirty weeks: busy but for Sundays, on which a tenth comes
    days = [AT - timedelta(days=at) for at in range(210, 0, -1)]
    files = [past(received_at=day, records=100 if day.weekday() == 6 else 1000,
                  charge_micros=50_000_000 if day.weekday() == 6 else 500_000_000)
             for day in days]
    quiet = replace(USUAL, records=100, rejected=0, charge_micros=50_000_000)
    assert AT.weekday() == 3
    assert told(quiet, Known(files)) == ([], [])
    weekly = History(same_weekday=True)
    assert len(told(quiet, Known(files), weekly)[0]) == 2
    assert told(USUAL, Known(files), weekly) == ([], [])
    note = ("history: no verdict on records and charges (5 files accepted on a Thursday, "
            "10 needed)")
    assert told(quiet, Known(files[-40:]), weekly) == ([], [note])


def test_new_names_are_held_noted_or_passed_as_the_profile_says() -> None:
    far = replace(TRAFFIC, destinations=tuple(str(code) for code in range(881, 889)))
    odd = replace(USUAL, traffic=far)
    note = ("history: destinations that no accepted file had before: 881, 882, 883, 884, 885 and "
            "3 more")
    assert told(odd, noisy(4)) == ([], [note])
    assert len(told(odd, noisy(4), History(new_destinations="hold"))[0]) == 1
    assert told(odd, noisy(4), History(new_destinations="pass")) == ([], [])


def test_charges_that_come_for_the_first_time_are_held() -> None:
    free = Known([past(charge_micros=0)] * 12)
    assert len(told(USUAL, free)[0]) == 2
    assert told(replace(USUAL, charge_micros=0), free) == ([], [])


@given(st.lists(st.integers(0, 10**18), min_size=10, max_size=40), st.data())
def test_no_file_is_held_for_figures_that_were_accepted_before(
    charges: list[int], data: st.DataObject
) -> None:
    known = Known([past(charge_micros=charge) for charge in charges])
    again = data.draw(st.sampled_from(charges[-30:]))
    assert told(replace(USUAL, charge_micros=again), known) == ([], [])
