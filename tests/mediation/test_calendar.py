"""Due times of a calendar, and the files that count for them."""

from datetime import datetime
from pathlib import Path

import msgspec
import pytest

from mediation.calendar import Calendar, due_times, dues, expected
from mediation.profile import Control, ProfileError, load_profile


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def calendar(**stated: object) -> Calendar:
    return msgspec.convert(stated, Calendar)


def states(plan: Calendar, came: list[str], start: str, now: str) -> list[str]:
    found = dues(plan, sorted(map(at, came)), at(start), at(now))
    return [due.state(at(now)) for due in found]


DAILY = calendar(by="06:00", grace="2h", begins="2026-09-01")


def test_a_day_has_its_due_time_in_local_time_summer_and_winter():
    plan = calendar(by="06:00", zone="Europe/Oslo")
    found = due_times(plan, at("2026-10-24"), at("2026-10-27"))
    assert found == [at("2026-10-24T04:00"), at("2026-10-25T05:00"), at("2026-10-26T05:00")]


def test_hours_of_a_day_count_from_by():
    plan = calendar(every="6h", by="07:30")
    found = due_times(plan, at("2026-10-01"), at("2026-10-02"))
    assert [d.strftime("%H:%M") for d in found] == ["01:30", "07:30", "13:30", "19:30"]


@pytest.mark.parametrize(
    ("begin", "end", "count"),
    [("2026-03-28T23:00", "2026-03-29T22:00", 23), ("2026-10-24T22:00", "2026-10-25T23:00", 24)],
)
def test_an_hour_that_the_clock_skips_or_repeats_is_due_once(begin, end, count):
    found = due_times(calendar(every="1h", zone="Europe/Vienna"), at(begin), at(end))
    assert len(found) == len(set(found)) == count


def test_only_on_chosen_days():
    week = calendar(by="06:00", days=["mon", "fri"])
    found = due_times(week, at("2026-10-01"), at("2026-10-13"))
    assert [d.strftime("%a %d") for d in found] == ["Fri 02", "Mon 05", "Fri 09", "Mon 12"]
    month = calendar(by="06:00", days=[1, 15])
    assert [d.day for d in due_times(month, at("2026-09-01"), at("2026-11-01"))] == [1, 15, 1, 15]


@pytest.mark.parametrize(
    ("came", "now", "state"),
    [
        (["2026-09-02T05:00"], "2026-09-02T23:00", "on time"),
        (["2026-09-02T08:00"], "2026-09-02T23:00", "on time"),
        (["2026-09-02T08:01"], "2026-09-02T23:00", "late"),
        (["2026-09-01T18:01"], "2026-09-02T23:00", "on time"),
        (["2026-09-01T17:59"], "2026-09-02T23:00", "missing"),
        (["2026-09-02T18:01"], "2026-09-02T23:00", "missing"),
        ([], "2026-09-02T08:00", "waiting"),
        ([], "2026-09-02T08:01", "missing"),
    ],
)
def test_a_file_counts_for_the_nearest_due_time(came, now, state):
    assert states(DAILY, came, "2026-09-02T01:00", now) == [state]


def test_a_long_grace_moves_the_border_between_due_times():
    plan = calendar(every="1h", grace="50m", begins="2026-09-01")
    came = ["2026-09-02T10:45", "2026-09-02T11:10"]
    assert states(plan, came, "2026-09-02T10:00", "2026-09-02T11:20") == ["on time", "on time"]


def test_several_files_are_due_at_once():
    plan = calendar(by="06:00", grace="2h", files=2, begins="2026-09-01")
    early, late = "2026-09-02T05:00", "2026-09-02T09:00"
    for came, state in (([early], "missing"), ([early, late], "late"), ([early] * 3, "on time")):
        assert states(plan, came, "2026-09-02", "2026-09-02T17:00") == [state]


def test_nothing_is_due_before_the_beginning():
    open_end = calendar(by="06:00")
    assert states(open_end, [], "2026-09-01", "2026-09-09") == []
    came = ["2026-09-03T10:00", "2026-09-05T05:00"]
    assert states(open_end, came, "2026-09-01", "2026-09-05T12:00") == ["missing", "on time"]
    dated = calendar(by="06:00", begins="2026-09-04", zone="Europe/Vienna")
    # files of before the beginning count for no due time
    assert states(dated, came, "2026-09-01", "2026-09-05T12:00") == ["missing", "on time"]
    assert states(dated, [], "2026-09-01", "2026-09-05T12:00") == ["missing"] * 2


def test_what_is_expected_next():
    def next_at(came: list[str], now: str) -> datetime | None:
        due = expected(DAILY, [at(c) for c in came], at(now))
        return due and due.at

    assert next_at([], "2026-09-02T05:00") == at("2026-09-02T06:00")
    assert next_at([], "2026-09-02T07:59") == at("2026-09-02T06:00")
    assert next_at([], "2026-09-02T08:01") == at("2026-09-03T06:00")
    assert next_at(["2026-09-02T04:00"], "2026-09-02T05:00") == at("2026-09-03T06:00")
    assert next_at([], "2026-05-01") == at("2026-09-01T06:00")
    assert expected(calendar(), [], at("2026-09-02")) is None


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ({"zone": "Europe/Atlantis"}, "no time zone"),
        ({"zone": "../etc"}, "no time zone"),
        ({"every": "7h"}, "does not divide a day"),
        ({"every": "2d"}, "every"),
        ({"every": "1h", "grace": "2h"}, "make `by` later"),
        ({"by": "24:00"}, "by"),
        ({"days": ["mo"]}, "days"),
        ({"days": [31]}, "days"),
        ({"until": 1}, "until"),
    ],
)
def test_a_calendar_that_cannot_be_meant_is_refused(stated, words):
    with pytest.raises(msgspec.ValidationError, match=words):
        calendar(**stated)


def test_a_profile_names_the_place_of_a_wrong_calendar(tmp_path):
    path = tmp_path / "pp.toml"
    path.write_text('name = "pp"\n[calendar]\nevery = "7h"\n')
    with pytest.raises(ProfileError, match=r"calendar"):
        load_profile(path)


def test_the_operators_guide_shows_what_a_profile_takes():
    guide = Path(__file__).parents[2].joinpath("docs", "operators.md").read_text()
    blocks = [msgspec.toml.decode(text.partition("```")[0]) for text in guide.split("```toml")[1:]]
    shown = {name: table for block in blocks for name, table in block.items()}
    assert set(msgspec.convert(shown["calendar"], Calendar).__struct_fields__) == set(
        shown["calendar"])
    assert msgspec.convert(shown["control"], Control).sequence_skipped == ((37, 39), (112, 112))
