"""Partial records within one file and over several: one usage, whatever the cut and the order."""

import random
import re
import tomllib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediation.codes import CODES
from mediation.dedupe import KNOWN
from mediation.file_context import FileContext
from mediation.file_control import EARLIER
from mediation.gate import Verdict
from mediation.mediate import Mediated, mediate
from mediation.part_sessions import (
    _SAID,
    _one_by_one,
    _whole_at_once,
    _whole_sessions,
    settled,
)
from mediation.partials import Pool
from mediation.profile import Partials, Profile, ProfileError
from mediation.schema import PART, USAGE

START = datetime(2026, 9, 1, 10)
ARRIVED = datetime(2026, 9, 2)
NO_KEYS = pl.DataFrame(schema=KNOWN)
PROFILE = msgspec.convert(
    {
        "name": "alpenfon",
        "title": "Alpenfon",
        "sender": "CZECL",
        "recipient": "AUTRM",
        "collect": {"connection": "sftp_alpenfon"},
        "format": {"kind": "delimited", "delimiter": ";"},
        "fields": {
            "record_type": {"read": "const", "value": "GPRS"},
            "service": {"read": "map", "column": "service", "map": {"d": "data", "v": "voice"}},
            "direction": {"read": "const", "value": "mo"},
            "imsi": {"column": "imsi"},
            "charging_id": {"read": "integer", "column": "id"},
            "serving_network": {"read": "const", "value": "CZECL"},
            "started_at": {"read": "utc_time", "column": "start", "format": "%Y-%m-%d %H:%M:%S"},
            "duration_s": {"read": "duration", "column": "secs", "format": "s", "optional": True},
            "volume_down_bytes": {"read": "integer", "column": "down", "optional": True},
            "partial_indicator": {"column": "part", "optional": True},
            "cause_for_term": {"read": "integer", "column": "cause", "optional": True},
            "partner_charge_micros": {"read": "integer", "column": "charge", "optional": True},
            "partner_currency": {"read": "const", "value": "EUR"},
        },
        "identity": {
            "data_mo": ["imsi", "charging_id", "started_at"],
            "voice_mo": ["imsi", "charging_id", "started_at"],
        },
        "gate": {"reject_share_max": 1.0, "charge_max_micros": 9 * 10**18,
                 "file_charge_max_micros": 10**18},
        "validity": {"volume_max_bytes": 9 * 10**18},
        "partials": {"key": ["charging_id", "gateway", "imsi"]},
    },
    Profile,
)
HEAD = "service;imsi;id;gateway;start;secs;down;part;number;cause;charge"
IMSI = "232991200000001"


class OpenGate:
    def check(self, *_: object) -> Verdict:
        return Verdict()


def line(  # noqa: PLR0913 a record has that many columns
    part: str = "", after_s: int = 0, secs: int | str = 60, *, down: int = 1000, id_: int = 7,
    gateway: str = "G1", imsi: str = IMSI, number: object = "", cause: object = "",
    charge: object = 100, service: str = "d",
) -> str:
    """A record of a session that began at START."""
    at = START + timedelta(seconds=after_s)
    return f"{service};{imsi};{id_};{gateway};{at};{secs};{down};{part};{number};{cause};{charge}"


def with_partials(**changes: Any) -> Profile:
    rule = msgspec.structs.replace(PROFILE.partials, **changes)
    return msgspec.structs.replace(PROFILE, partials=rule)


class Files:
    """Files of one partner, each mediated against the parts of the others that are known."""

    def __init__(self, profile: Profile = PROFILE) -> None:
        self.profile = profile
        self.data: dict[str, tuple[int, bytes, datetime]] = {}
        self.done: dict[str, Mediated] = {}

    def arrive(self, *lines: str, at: datetime = ARRIVED) -> str:
        """The id of a new file with these records."""
        number = len(self.data) + 1
        file_id = f"{number:064x}"
        self.data[file_id] = (number, "\n".join([HEAD, *lines, ""]).encode(), at)
        return file_id

    def mediate(self, file_id: str, now: datetime = ARRIVED) -> Mediated:
        number, data, at = self.data[file_id]

        def others(keys: pl.Series) -> pl.DataFrame:
            parts = [one.parts for key, one in self.done.items() if key != file_id]
            return pl.concat([PART.empty(), *parts]).filter(
                pl.col("part_key").is_in(keys.implode()))

        ctx = FileContext("alpenfon", file_id, f"A_{number}.csv", at)
        self.done[file_id] = mediate(
            data, self.profile, ctx, pl.DataFrame(schema=EARLIER), lambda _: NO_KEYS, OpenGate(),
            pool=Pool(number, now, others),
        )
        return self.done[file_id]

    def settle(self, order: Iterable[str] | None = None, now: datetime = ARRIVED) -> "Files":
        """Mediate each file, then again those that others may have changed."""
        wanted = list(order or self.data)
        for _ in range(2):
            for file_id in wanted:
                self.mediate(file_id, now)
        return self

    def usage(self) -> list[tuple[Any, ...]]:
        """What is charged of all files, without where it is."""
        away = {"file_id", "record_index", "byte_offset", "byte_length"}
        frames = [USAGE.empty(), *(USAGE.plain(one.usage) for one in self.done.values())]
        return sorted(pl.concat(frames).drop(away).rows(), key=repr)

    def codes(self) -> list[tuple[int, int, str]]:
        """File number, record and code of what is not charged."""
        return sorted(
            (self.data[key][0], index, code)
            for key, one in self.done.items()
            for index, code in one.rejects.select("record_index", "code").iter_rows()
        )


def alone(*lines: str, profile: Profile = PROFILE, now: datetime = ARRIVED) -> Files:
    files = Files(profile)
    files.mediate(files.arrive(*lines), now)
    return files


WHOLE = (line("F", 0, 60, down=1), line("I", 60, 40, down=2), line("L", 100, 20, down=4, cause=3))


def test_parts_of_one_file_become_one_usage() -> None:
    done = alone(*WHOLE, line(id_=8)).done[f"{1:064x}"]
    assert done.usage.select(
        "record_index", "started_at", "duration_s", "volume_down_bytes", "volume_up_bytes",
        "partner_charge_micros", "cause_for_term", "partial_indicator", "charging_id",
    ).rows() == [
        (2, START, 120, 7, None, 300, 3, None, 7),
        (3, START, 60, 1000, None, 100, None, None, 8),
    ]
    assert done.rejects.select(
        "record_index", "stage", "outcome", "code", "detail", "money_at_risk_micros",
        "original_record_index",
    ).rows() == [
        (0, "assemble", "dropped", "PARTIAL_MERGED",
         f"the first part of charging_id 7, gateway G1, imsi {IMSI}: charged as 00000000:2",
         None, 2),
        (1, "assemble", "dropped", "PARTIAL_MERGED",
         f"a part of charging_id 7, gateway G1, imsi {IMSI}: charged as 00000000:2", None, 2),
    ]
    assert done.figures["notes"] == (
        "partial records: 1 sessions put together here\n"
        "partial records: 2 charged with a later part"
    )


def test_the_usage_key_is_that_of_the_session_sent_whole() -> None:
    whole = alone(line("", 0, 120, down=7)).done[f"{1:064x}"].usage
    parts = alone(*WHOLE).done[f"{1:064x}"].usage
    assert parts["usage_key"].to_list() == whole["usage_key"].to_list()


def test_records_without_an_indicator_stay_apart_whatever_they_share() -> None:
    files = alone(*(line("", 60 * n) for n in range(36)))
    assert files.done[f"{1:064x}"].usage.height == 36
    assert files.codes() == []


@pytest.mark.parametrize("absent", range(3))
def test_parts_wait_while_one_is_missing(absent: int) -> None:
    files = alone(*(part for n, part in enumerate(WHOLE) if n != absent))
    assert files.usage() == []
    assert files.codes() == [(1, 0, "PARTIAL_WAITING"), (1, 1, "PARTIAL_WAITING")]
    done = files.done[f"{1:064x}"]
    assert done.rejects["money_at_risk_micros"].to_list() == [100, 100]
    assert all(raw for raw in done.rejects["raw"])


@pytest.mark.parametrize(
    "other",
    [{"id_": 8}, {"gateway": "G2"}, {"imsi": "232991200000002"}, {"service": "v"}],
)
def test_parts_of_another_key_do_not_count(other: dict[str, Any]) -> None:
    files = alone(line("F"), line("L", 60, **other))
    assert [code for _, _, code in files.codes()] == ["PARTIAL_WAITING"] * 2


def test_the_file_that_brings_the_last_missing_part_has_the_usage() -> None:
    files = Files()
    ids = [files.arrive(part) for part in (WHOLE[1], WHOLE[2], WHOLE[0])]
    files.settle()
    assert [files.done[key].usage.height for key in ids] == [0, 0, 1]
    assert files.codes() == [(1, 0, "PARTIAL_MERGED"), (2, 0, "PARTIAL_MERGED")]
    assert files.done[ids[0]].rejects["original_file_id"].to_list() == [ids[2]]


def test_a_part_that_comes_twice_is_a_duplicate_of_the_first() -> None:
    files = Files()
    files.arrive(WHOLE[0], WHOLE[0])
    files.arrive(WHOLE[0], *WHOLE[1:])
    files.arrive(*WHOLE)
    files.settle()
    assert len(files.usage()) == 1
    assert files.codes() == [
        (1, 0, "PARTIAL_MERGED"), (1, 1, "DUPLICATE_IN_FILE"),
        (2, 0, "DUPLICATE_OF_FILE"), (2, 1, "PARTIAL_MERGED"),
        (3, 0, "DUPLICATE_OF_FILE"), (3, 1, "DUPLICATE_OF_FILE"), (3, 2, "DUPLICATE_OF_FILE"),
    ]


def test_a_charging_id_that_is_used_again_makes_two_sessions() -> None:
    files = alone(*WHOLE, line("F", 500, 10), line("L", 510, 5))
    assert files.done[f"{1:064x}"].usage["duration_s"].to_list() == [120, 15]


def numbered(**changes: Any) -> Profile:
    return with_partials(indicator="cause", first=(), intermediate=(), last=("9",),
                         number="number", **changes)


def test_numbers_say_what_is_missing_and_a_cause_what_is_last() -> None:
    parts = [line("", 60 * n, "", number=n + 1, cause=9 if n == 3 else 1) for n in range(4)]
    assert len(alone(*parts, line(cause=9, id_=8), profile=numbered()).usage()) == 2
    for absent in range(4):
        files = alone(*(p for n, p in enumerate(parts) if n != absent), profile=numbered())
        assert files.usage() == []
    from_zero = [line("", 0, "", number=n, cause=9 if n else 1) for n in range(2)]
    assert len(alone(*from_zero, profile=numbered(first_number=0)).usage()) == 1
    # without that the second begins a session, and the first has none
    assert alone(*from_zero, profile=numbered()).codes() == [(1, 0, "PARTIAL_WAITING")]


@pytest.mark.parametrize(
    ("profile", "record", "why"),
    [
        (PROFILE, line("X"), "partial_indicator 'X' is none of the texts that partials lists"),
        (PROFILE, line("F", gateway=""), "gateway is empty; partials.key needs it"),
        (numbered(), line(number="one"), "number 'one' is no whole number"),
    ],
)
def test_a_part_that_cannot_be_placed_is_a_reject(
    profile: Profile, record: str, why: str
) -> None:
    files = alone(record, profile=profile)
    found = files.done[f"{1:064x}"].rejects
    assert found.select("code", "detail").rows() == [("PARTIAL_UNREADABLE", why)]


def test_a_profile_that_names_what_is_not_there_is_refused() -> None:
    with pytest.raises(ProfileError, match="partials: no column colour"):
        alone(line("F"), profile=with_partials(key=("colour",)))


LATE = ARRIVED + timedelta(hours=72)


@pytest.mark.parametrize(
    ("orphans", "codes"),
    [
        ("suspend", [(1, 0, "PARTIAL_ORPHAN"), (1, 1, "PARTIAL_ORPHAN")]),
        ("drop", [(1, 0, "PARTS_TIMED_OUT"), (1, 1, "PARTS_TIMED_OUT")]),
        ("rate", [(1, 0, "PARTIAL_MERGED")]),
    ],
)
def test_parts_whose_time_is_over_end_as_the_profile_says(
    orphans: str, codes: list[tuple[int, int, str]]
) -> None:
    profile = with_partials(orphans=orphans)
    early = alone(*WHOLE[:2], profile=profile, now=LATE - timedelta(microseconds=1))
    assert [code for _, _, code in early.codes()] == ["PARTIAL_WAITING"] * 2
    late = alone(*WHOLE[:2], profile=profile, now=LATE)
    assert late.codes() == codes
    done = late.done[f"{1:064x}"]
    assert done.usage.select("duration_s", "partial_indicator").rows() == (
        [(100, "FI")] if orphans == "rate" else [])
    assert done.figures["dropped"] == (2 if orphans == "drop" else orphans == "rate")


def test_what_comes_after_the_time_is_a_session_of_its_own_unless_the_others_are_kept() -> None:
    for orphans, units in (("rate", [100, 20]), ("suspend", [120])):
        files = Files(with_partials(orphans=orphans))
        files.arrive(*WHOLE[:2])
        files.arrive(WHOLE[2], at=LATE)
        files.settle(now=LATE + timedelta(hours=72))
        found = [n for one in files.done.values() for n in one.usage["duration_s"]]
        assert found == units
        # nobody looked between the two arrivals, and it makes no difference
        watched = Files(with_partials(orphans=orphans))
        first = watched.arrive(*WHOLE[:2])
        watched.mediate(first, LATE)
        watched.arrive(WHOLE[2], at=LATE)
        watched.settle(now=LATE + timedelta(hours=72))
        assert watched.usage() == files.usage()


def test_a_late_part_does_not_take_a_session_apart_again() -> None:
    files = Files()
    files.arrive(line("F", 0, 10), line("L", 10, 10))
    files.arrive(line("I", 5, 2))
    files.settle()
    assert [row for row in files.codes() if row[2] != "PARTIAL_MERGED"] == [
        (2, 0, "PARTIAL_WAITING")]
    assert len(files.usage()) == 1


def test_sums_beyond_64_bits_are_no_usage() -> None:
    big = 9 * 10**18
    files = alone(line("F", 0, 10, down=big), line("L", 10, 10, down=big))
    assert files.codes() == [(1, 0, "PARTIAL_OVERFLOW"), (1, 1, "PARTIAL_OVERFLOW")]


# --- any cut into files, any order of arrival and of work: the same usage

PARTS = st.lists(st.integers(2, 50), min_size=1, max_size=6)


def session(id_: int, lengths: Sequence[int], start_s: int) -> list[str]:
    """The records of one session, whose parts last that long; a single one is whole."""
    records, at = [], start_s
    for n, length in enumerate(lengths):
        sign = "" if len(lengths) == 1 else "F" if n == 0 else "IL"[n == len(lengths) - 1]
        records.append(line(sign, at, length, id_=id_, down=length * 10 + n, number=n + 1))
        at += length
    return records


@settings(max_examples=10)
@given(st.data())
def test_any_cut_and_any_order_gives_the_same_usage(data: st.DataObject) -> None:
    lengths = data.draw(st.lists(PARTS, min_size=1, max_size=4))
    # the second half uses the charging ids of the first again
    records = [r for n, of in enumerate(lengths) for r in session(n % 2, of, 1000 * n)]
    lost = data.draw(st.sets(st.sampled_from(records), max_size=2))
    kept = [r for r in records if r not in lost]
    one = alone(*kept) if kept else Files()
    cut = Files()
    twice = data.draw(st.lists(st.sampled_from(records), max_size=2)) if kept == records else []
    shuffled = data.draw(st.permutations([*kept, *twice]))
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        cut.arrive(*shuffled[:size])
        shuffled = shuffled[size:]
    cut.settle(data.draw(st.permutations(list(cut.data))))
    assert unique(cut.usage()) == one.usage()
    ends = [code for _, _, code in cut.codes() if not code.startswith("DUPLICATE")]
    assert sorted(ends) == sorted(code for _, _, code in one.codes())


@pytest.mark.parametrize("number", ["", "number"])
@pytest.mark.parametrize("files", [1, 2])
def test_sessions_that_are_whole_at_once_end_as_one_by_one(files: int, number: str) -> None:
    rng = random.Random(files)
    lines = [
        line(rng.choice("FIL"), 10 * rng.randrange(3), rng.choice([10, 1, ""]), id_=id_,
             number=rng.randint(1, 3))
        for id_ in range(200) for _ in range(rng.randint(1, 4))
    ]
    lines += [part for n in range(99) for part in session(1000 + n, [20] * (2 + n % 4), 0)]
    profile = with_partials(number=number)
    rule = profile.partials
    assert rule is not None
    parts = alone(*lines, profile=profile).done[f"{1:064x}"].parts.drop(_SAID)
    if files == 2:
        later = parts.sample(fraction=0.3, seed=1).with_columns(
            file_id=pl.lit(f"{2:064x}"), file_number=pl.lit(2, pl.Int64))
        parts = pl.concat([parts, later])
    order = ["part_key", "file_number", "record_index"]
    expected = _whole_sessions(_one_by_one(parts.sort(order), rule, LATE))
    found = settled(parts, rule, LATE).select(expected.columns)
    assert found.sort(order).equals(expected.sort(order))
    at_once = _whole_at_once(parts, rule)["part_key"].n_unique()
    assert at_once >= (99 if files == 1 else 20)


def unique(usage: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Without copies of whole records: these are told apart by dedupe, which knows nothing here."""
    return sorted(set(usage), key=repr)


def test_partials_need_a_key() -> None:
    with pytest.raises(msgspec.ValidationError, match="length >= 1"):
        msgspec.convert({"key": []}, Partials)


def test_the_examples_of_the_page_are_as_told_and_no_key_is_left_out() -> None:
    page = (Path(__file__).parents[2] / "docs" / "partials.md").read_text()
    examples = [tomllib.loads(text)["partials"]
                for text in re.findall(r"^```toml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)]
    plain, by_number = (msgspec.convert(of, Partials) for of in examples)
    assert plain == Partials(key=("charging_id", "gateway", "imsi"))
    assert (by_number.number, by_number.last) == ("record_sequence", ("normalRelease",))
    missing = {f.name for f in msgspec.structs.fields(Partials)} - {*examples[0], *examples[1]}
    assert missing == {"rule"}
    assert Partials(key=("imsi",)).rule in page
    codes = [code.code for code in CODES.values() if code.stage == "assemble"]
    assert all(f"| `{code}` |" in page for code in codes)
