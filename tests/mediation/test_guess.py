"""A guess reads its own sample: whatever is printed is a profile, and turns few records away."""

import json
import random
import tomllib
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediation.file_context import FileContext
from mediation.guess import GuessError, guess
from mediation.guess_fields import Columns, guess_fields, words_of
from mediation.guess_form import text_form
from mediation.guess_places import cut, matrix
from mediation.guess_toml import Section, toml
from mediation.guess_types import ambiguous_day, looks
from mediation.guess_xml import xml_form
from mediation.limits import GUESS_BYTES
from mediation.mediate import FORMATS
from mediation.profile import Profile
from mediation.unpack import unpack

INBOX = Path(__file__).parents[2] / "sample_data" / "inbox"
READY = INBOX.parent / "ready"
READ_AT = datetime(2026, 10, 1)


def profile_of(text: str) -> Profile:
    return msgspec.toml.decode(text, type=Profile)


def usage_of(data: bytes, name: str):
    """What the guessed profile makes of its own sample: profile, usage, rejects."""
    profile = profile_of(guess(data, name, "trial"))
    ctx = FileContext("trial", "0" * 64, name, READ_AT)
    decode, normalize = FORMATS[profile.format.kind]
    decoded = decode(unpack(data), profile, ctx)
    outcome = normalize(decoded, profile, ctx)
    return profile, outcome.passed, [*decoded.rejects["code"], *outcome.rejects["code"]]


@pytest.mark.parametrize(
    ("path", "format_kind", "kinds"),
    [
        ("alpenfon/outgoing/ALPENFON_20260913_0004.csv", "delimited", 5),
        ("alpenfon/outgoing/ALPENFON_20260911_0003.csv.gz", "delimited", 5),
        ("xmlcom/outgoing/XC_20260902_0001.xml", "xml", 5),
        ("nordtel/outgoing/CDNORNTAUTRM00001", "tap", 5),
        ("fixline/outgoing/FXL_20260904_0001.dat", "fixed", 5),
    ],
)
def test_a_guess_reads_all_of_its_sample(path, format_kind, kinds):
    file = INBOX / path
    profile, usage, away = usage_of(file.read_bytes(), file.name)
    assert profile.format.kind == format_kind
    assert away == []
    assert usage.height > 50
    assert len(profile.identity) == kinds


def test_what_a_guess_finds_in_alpenfon():
    file = INBOX / "alpenfon/outgoing/ALPENFON_20260913_0004.csv"
    text = guess(file.read_bytes(), file.name, "trial")
    profile = profile_of(text)
    read = {name: (f.read, f.column) for name, f in profile.fields.items()}
    assert profile.format.delimiter == ";"
    assert read["imsi"] == ("digits", "IMSI")
    assert read["other_party"] == ("number", "OTHER_NUMBER")
    assert read["duration_s"] == ("duration", "DURATION")
    assert profile.fields["started_at"].format == "%d.%m.%Y %H:%M:%S"
    assert profile.fields["volume_up_bytes"].scale == 1024
    assert profile.fields["partner_charge_micros"].decimal == ","
    assert profile.fields["partner_currency"].value == "EUR"
    assert profile.fields["direction"].map["GPRS"] == "mo"
    assert "CHECK: taken as UTC" in text
    assert "# not used: PLACE" in text
    every = [line for line in text.splitlines() if line.startswith(tuple(read))]
    assert len(every) == len(read)
    assert all("  # " in line for line in every)


def test_an_xml_header_gives_the_control_totals():
    file = INBOX / "xmlcom/outgoing/XC_20260902_0001.xml"
    profile = profile_of(guess(file.read_bytes(), file.name, "trial"))
    assert (profile.sender, profile.recipient) == ("USAXM", "AUTRM")
    assert profile.format.record == "u:events/u:event"
    assert (profile.control.sequence, profile.control.records) == ("hdr.sequence", "hdr.events")
    assert profile.fields["started_at"].offset_column == "offset"


def test_a_guess_of_fixed_width_reads_what_the_partner_s_own_profile_reads():
    file = INBOX / "fixline/outgoing/FXL_20260904_0001.dat"
    guessed, usage, _ = usage_of(file.read_bytes(), file.name)
    own = msgspec.toml.decode((INBOX.parent / "home/partners/fixline.toml").read_bytes(),
                              type=Profile)
    ctx = FileContext("trial", "0" * 64, file.name, READ_AT)
    decode, normalize = FORMATS["fixed"]
    right = normalize(decode(file.read_bytes(), own, ctx), own, ctx).passed
    alike = ["record_index", "service", "direction", "imsi", "msisdn", "started_at",
             "utc_offset_s", "duration_s", "volume_up_bytes", "volume_down_bytes",
             "other_party_raw", "events"]
    assert usage.select(alike).equals(right.select(alike))
    kinds = [(line.type, line.starts_with) for line in guessed.format.lines]
    assert kinds == [("header", "HDR"), ("detail", "10"), ("detail", "20"), ("trailer", "TRL")]
    assert (guessed.sender, guessed.recipient) == ("DEUFX", "AUTRM")
    assert (guessed.control.sequence, guessed.control.records) == ("hdr.column_3", "trl.column_1")


def test_lines_that_begin_as_no_other_are_counted_and_left_out():
    file = READY / "interconnect/sample/IC_20260915_000001.dat"
    text = guess(file.read_bytes(), file.name, "trial")
    assert "# 1 lines begin as none of these" in text
    assert 'records = "trl.column_1"  # states 000000031' in text
    assert profile_of(text).format.lines[1].columns["column_5"] == (35, 12)


def table(*rows: str) -> list[tuple[int, int]]:
    """The places of columns in lines that are made of these rows, again and again."""
    return cut(matrix(list(rows) * 10, len(rows[0])))


@pytest.mark.parametrize(
    ("rows", "places"),
    [
        # texts with blanks behind them, one of which fills its column
        (("vienna    rome  ", "oslo      bergen", "copenhagenlyon  ", "graz      ulm   "),
         [(0, 10), (10, 6)]),
        # numbers with blanks before them, one of which fills its column
        (("    12   7", "  1200 100", "   3341042", "     1  20"), [(2, 4), (6, 4)]),
        (("A0012", "B0345", "C7890"), [(0, 1), (1, 4)]),
        (("20260914081054+0200", "20260915091122+0200", "20261231235959-0330"),
         [(0, 14), (14, 5)]),
        (("2026-09-14T08:10:54x", "2026-09-15T09:11:22y", "2026-12-31T23:59:59z"),
         [(0, 19), (19, 1)]),
        (("one two  x", "three    y", "a b c    z", "vier f   x"), [(0, 7), (9, 1)]),
    ],
)
def test_where_columns_end(rows, places):
    assert table(*rows) == places


def test_numbers_with_zeros_before_them_end_where_the_next_begins():
    chance = random.Random(4)
    lines = [f"{chance.randrange(10**4):06d}{chance.randrange(10**5):08d}23299{i:010d}"
             for i in range(60)]
    assert cut(matrix(lines, 29)) == [(0, 6), (6, 8), (14, 15)]
    # of few lines nobody can tell zeros that fill from zeros by chance
    assert cut(matrix(lines[:9], 29)) == [(0, 29)]


def test_lines_that_nothing_tells_from_others_are_of_one_type():
    data = "".join(f"{chance:010d} 2026091408{n:02d}00 {n:5d}\n"
                   for n, chance in enumerate(random.Random(1).sample(range(10**10), 60)))
    profile, usage, away = usage_of(data.encode(), "calls.txt")
    (line,) = profile.format.lines
    assert (line.equals, line.columns["column_2"]) == (tuple("0123456789"), (11, 14))
    assert (usage.height, away) == (60, [])
    assert usage["duration_s"].to_list() == list(range(60))


def lines_of_json(count: int) -> bytes:
    rows = [
        {"id": f"a-{i}", "type": ("voice", "sms", "data")[i % 3], "dir": "out",
         "sub": {"imsi": f"00101000000{i:04d}", "msisdn": f"+4477009{i:05d}"},
         "called": f"+4477008{i:05d}", "start": f"2026-09-14T08:{i % 60:02d}:54Z", "duration": i,
         "bytes": {"up": i, "down": 2 * i} if i % 3 == 2 else None,
         "cost": f"0.{i:02d}", "currency": "GBP"}
        for i in range(count)
    ]
    return "\n".join(json.dumps(row) for row in rows).encode()


def test_json_lines_with_paths():
    profile, usage, away = usage_of(lines_of_json(60), "events.jsonl")
    assert profile.format.kind == "jsonl"
    assert profile.format.columns["imsi"] == "sub.imsi"
    assert profile.format.columns["up"] == "bytes.up"
    assert (usage.height, away) == (60, [])
    assert set(profile.identity) == {"voice_mo", "sms_mo", "data_mo"}


HEADERLESS = "".join(
    f'"{i}","0207946{i:04d}","0770090{i:04d}","2026-09-14 08:{i:02d}:00",'
    f'"2026-09-14 08:{i:02d}:30",{i + 20},"u{i}.7"\n' for i in range(40)
).encode()


def test_a_file_without_names_is_told_by_its_texts():
    profile = profile_of(text := guess(HEADERLESS, "Master.csv", "trial"))
    assert profile.format.names == tuple(f"column_{i}" for i in range(1, 8))
    assert profile.fields["msisdn"].column == "column_2"
    assert profile.fields["other_party"].column == "column_3"
    assert profile.fields["duration_s"].column == "column_6"
    assert profile.fields["msisdn"].country_code == "999"
    assert "put the partner's country code for 999" in text


def test_day_and_time_in_two_columns_and_a_line_of_types():
    data = b"date,time,caller,seconds\nDATE,VARCHAR(8),VARCHAR(20),INTEGER\n" + b"".join(
        b"2026-09-%02d,08:00:%02d,+4477009000%02d,%d\n" % (i, i, i, i) for i in range(1, 29)
    )
    profile, usage, away = usage_of(data, "calls_0007.csv")
    assert profile.format.skip_after_header == 1
    assert profile.fields["started_at"].column == ("date", "time")
    assert profile.control.sequence_from_name == r"(\d+)\.csv"
    assert (usage.height, away) == (28, [])
    assert usage["started_at"][0] == datetime(2026, 9, 1, 8, 0, 1)


def test_a_duration_between_two_times():
    data = b"answerTime;releaseTime;user;other\n" + b"".join(
        b"20260914080000;202609140801%02d;+4477009000%02d;+4477008000%02d\n" % (i, i, i)
        for i in range(30)
    )
    _, usage, away = usage_of(data, "calls.csv")
    assert away == []
    assert usage["duration_s"].to_list() == [60 + i for i in range(30)]


def test_columns_named_as_our_own_are_read_too():
    data = b"record_index,start,msisdn\n" + b"".join(
        b"%d,2026-09-14 08:00:%02d,+4369900000%02d\n" % (i, i, i) for i in range(30)
    )
    profile, usage, away = usage_of(data, "calls.csv")
    assert (usage.height, away) == (30, [])
    assert profile.fields["call_reference"].column == "col.record_index"


def test_header_and_trailer_lines_become_variables():
    calls = "".join(f"+4369900000{i:02d};+4420794600{i:02d};05.09.2026 12:00:{i:02d};{i};0,25;O\n"
                    for i in range(10, 40))
    data = f"H;0007;PEERCO\ncaller;called;begin;seconds;amount_gbp;kind\n{calls}T;30;7,50\n"
    profile, usage, away = usage_of(data.encode(), "calls_0007.csv")
    assert [line.type for line in profile.format.lines] == ["header", "trailer"]
    assert profile.control.sequence == "hdr.column_2"
    assert profile.control.records == "trl.column_2"
    assert (usage.height, away) == (30, [])
    assert usage["partner_currency"].unique().to_list() == ["GBP"]


def test_documents_one_behind_the_other_written_as_urls():
    one = ("<?xml version='1.0'?>\n<cdr><uuid>u-{0}</uuid><caller>%2B4477009000{0}</caller>"
           "<start_stamp>2026-09-14%2008%3A00%3A{0}</start_stamp><billsec>{0}</billsec></cdr>\n")
    data = "".join(one.format(i) for i in range(10, 40)).encode()
    profile, usage, away = usage_of(data, "a.cdr.xml")
    assert (profile.format.record, profile.format.many_documents) == (".", True)
    assert profile.format.percent_encoded
    assert (usage.height, away) == (30, [])
    assert usage["msisdn"][0] == "447700900010"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\0\1\2\3" * 50, "is no text"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"just some words\nand others\n", "neither a delimiter nor a width"),
        (b"name,colour\nx,red\ny,blue\n", "no column holds day and time"),
        (b"<a/>", "without any text"),
        (b"<<<", "is not XML"),
        (b"<a>" + b"<u:e k='1'><t>2026-09-14 08:00:00</t><m>+436990</m></u:e>" * 2 + b"</a>",
         "names that no profile can"),
        (b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "document type"),
    ],
)
def test_what_no_profile_can_be_guessed_for(data, words):
    with pytest.raises(GuessError, match=words):
        guess(data, "x.csv", "trial")


def test_too_large_a_sample_is_refused(monkeypatch):
    monkeypatch.setattr("mediation.guess.GUESS_BYTES", 10)
    with pytest.raises(GuessError, match="a sample of a few thousand"):
        guess(b"a,b\n1,2\n" * 3, "x.csv", "trial")
    assert GUESS_BYTES > 10


@pytest.mark.parametrize(
    ("texts", "kind", "form"),
    [
        (["20260914081054"], "time", "%Y%m%d%H%M%S"),
        (["2026-09-14T08:10:54+02:00"], "time", "%Y-%m-%dT%H:%M:%S%z"),
        (["14/09/2026 08:10:54"], "time", "%d/%m/%Y %H:%M:%S"),
        (["09/14/2026 08:10:54"], "time", "%m/%d/%Y %H:%M:%S"),
        (["20260914081054.123"], "time", "%Y%m%d%H%M%S%.f"),
        (["2026-09-14"], "date", "%Y-%m-%d"),
        (["00:01:23"], "clock", ""),
        (["1789383906"], "epoch", "epoch_s"),
        (["1789383906123"], "epoch", "epoch_ms"),
        (["PT1M3S"], "iso_duration", ""),
        (["232991200000028"], "imsi", ""),
        (["+436995550028"], "number", ""),
        (["+43 699 555-00"], "number", ""),
        (["12", "-3"], "integer", ""),
        (["1.5", "2"], "decimal", ""),
        (["EUR", "USD"], "currency", ""),
        (["AUTRM"], "tadig", ""),
        (["hello"], "text", ""),
        (["", "  "], "empty", ""),
    ],
)
def test_looks(texts, kind, form):
    found = looks(texts)
    assert (found.kind, found.form) == (kind, form)


def test_one_bad_text_in_ten_does_not_hide_the_rest():
    assert looks(["1"] * 9 + ["x"]).kind == "integer"
    assert looks(["1"] * 8 + ["x"] * 2).kind == "text"
    assert looks(["1,5"]).decimal == ","


def test_days_that_may_be_months():
    assert ambiguous_day("%d/%m/%Y %H:%M:%S", ["01/02/2026 00:00:00"])
    assert not ambiguous_day("%d/%m/%Y %H:%M:%S", ["13/02/2026 00:00:00"])
    assert not ambiguous_day("%d.%m.%Y %H:%M:%S", ["01.02.2026 00:00:00"])


def test_names_as_words():
    assert words_of("callingPartyNumber") == "calling party number"
    assert words_of("NET_EUR") == "net eur"
    assert words_of("startTimeUTC") == "start time utc"


def test_a_column_that_says_mt_and_mo_wins_over_one_that_always_says_the_same():
    columns = Columns({"networkType": ["VoIP"] * 4, "direction": ["Originating", "Terminating"] * 2,
                       "start": ["2026-09-14 08:10:54"] * 4})
    fields = guess_fields(columns)
    assert fields["service"].reader["column"] == "networkType"
    assert fields["direction"].reader["map"] == {"Originating": "mo", "Terminating": "mt"}


def test_a_header_is_told_from_data():
    assert "names" not in text_form(b"a,b\n1,2\n3,4\n").keys
    assert "names" in text_form(b"1,2\n3,4\n").keys
    assert text_form("a;b\n1;é\n2;x\n".encode("latin-1")).keys["encoding"] == "cp1252"


def test_the_record_is_the_element_that_holds_most():
    data = b"<r><nets><n>A</n><n>B</n></nets><es><e a='1'><p>x</p><p>y</p></e><e a='2'/></es></r>"
    assert xml_form(data).keys["record"] == "es/e"


@given(st.dictionaries(st.text(min_size=1), st.text() | st.integers() | st.booleans(), max_size=4),
       st.text())
def test_what_is_written_is_toml(keys, comment):
    shown = toml([comment], {"fields": Section(keys, dict.fromkeys(keys, comment), [comment])})
    assert tomllib.loads(shown)["fields"] == keys


@given(st.integers(0, 2**32))
def test_any_delimited_sample_gives_a_profile_or_says_why(seed):
    chance = random.Random(seed)
    names = chance.sample(["start", "imsi", "msisdn", "called", "dur", "type", "cost", "x y", "é"],
                          chance.randint(2, 9))
    make = {
        "start": lambda: f"{datetime(2026, 9, 1) + timedelta(seconds=chance.randrange(10**6))}",
        "imsi": lambda: f"23299{chance.randrange(10**10):010d}",
        "msisdn": lambda: f"{chance.choice(['+', '00', '0', ''])}43699{chance.randrange(10**6)}",
        "called": lambda: chance.choice(["", "*97", "anonymous", "+44770090", "0049171"]),
        "dur": lambda: str(chance.randrange(-3, 900)),
        "type": lambda: chance.choice(["MOC", "MTC", "SMS", "???", "\x1b[1m"]),
        "cost": lambda: chance.choice(["1.5", "-0.25", "1e5", ""]),
    }
    rows = [[make.get(name, lambda: "[red]:m:")() for name in names]
            for _ in range(chance.randint(0, 30))]
    data = "\n".join(";".join(row) for row in [names, *rows]).encode()
    try:
        profile, usage, away = usage_of(data, "calls.csv")
    except GuessError:
        assert "start" not in names or not rows
        return
    assert usage.height + len(away) == len(rows)
    assert set(profile.identity)


@settings(max_examples=settings.default.max_examples // 3)
@given(st.integers(0, 2**32))
def test_any_sample_of_fixed_width_gives_a_profile_or_says_why(seed):
    chance = random.Random(seed)
    make = {
        "start": lambda: f"202609{chance.randrange(1, 30):02d}{chance.randrange(24):02d}5959",
        "imsi": lambda: f"23299{chance.randrange(10**10):010d}",
        "left": lambda: f"{chance.choice(['', 'a b', 'é', '*97', '0049171'])!s:<12}",
        "right": lambda: f"{chance.choice([0, 7, 1200, 99999]):>6}",
        "zeros": lambda: f"{chance.randrange(10**4):09d}",
        "type": lambda: chance.choice(["VO", "SO", "\x1b["]),
    }
    order = chance.sample(list(make), chance.randint(2, 6))
    mark = chance.choice(["", "10", "X"])
    rows = [mark + "".join(make[name]() for name in order) for _ in range(chance.randint(0, 40))]
    if rows and chance.random() < 0.3:
        rows = [f"HDR{len(rows):07d}", *rows, chance.choice(["", "TRL0001"])]
    try:
        profile, usage, away = usage_of("\n".join(rows).encode(), "calls.dat")
    except GuessError:
        return
    assert "start" in order
    assert profile.format.kind == "fixed"
    assert usage.height + len(away) >= len([row for row in rows if row]) - 2
