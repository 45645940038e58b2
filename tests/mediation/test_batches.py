"""Files together come to what each of them comes to by itself."""

from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediation.batches import Received, believable_each, read_each
from mediation.cut_together import cut_together
from mediation.file_context import FileContext
from mediation.mediate import believable, read
from mediation.profile import load_profile

HOME = Path(__file__).parents[2] / "sample_data" / "home"
INBOX = HOME.parent / "inbox"
RECEIVED = datetime(2026, 10, 1, 6)
PROFILES = {name: load_profile(HOME / "partners" / f"{name}.toml")
            for name in ("alpenfon", "nordtel", "fixline", "xmlcom")}


def context_of(name, at=RECEIVED):
    return FileContext("p", name.rjust(64, "0"), name, at)


def same(files, profile):
    """Each outcome is what the file alone gives; how many rows passed and how many did not."""
    passed = away = 0
    for file, outcome in zip(files, believable_each(files, profile), strict=True):
        alone = believable(file.decoded, profile, file.ctx)
        assert outcome.passed.equals(alone.passed)
        assert outcome.passed.schema == alone.passed.schema
        order = ["record_index", "code"]
        assert outcome.rejects.sort(order).equals(alone.rejects.sort(order))
        passed, away = passed + outcome.passed.height, away + outcome.rejects.height
    return passed, away


@pytest.mark.parametrize("partner", sorted(PROFILES))
def test_all_sample_files_together(partner):
    profile = PROFILES[partner]
    paths = [p for p in sorted((INBOX / partner / "outgoing").iterdir())
             if not p.name.endswith(".csv") or p.name.count(".") == 1]
    files = [read(path.read_bytes(), profile, context_of(path.name)) for path in paths]
    assert len(files) > 3
    passed, away = same(files, profile)
    assert passed > 100
    assert away > 1


LINE = "{kind};A{n};20.09.2026 10:00:00;00:01:00;232990000000001;;{to};x;;;{money};0,0"
HEAD = ("REC_TYPE;RECORD_ID;START;DURATION;IMSI;MSISDN;OTHER_NUMBER;PLACE;KB_UP;KB_DOWN;"
        "NET_EUR;TAX_EUR")
LINES = st.lists(st.builds(
    lambda kind, n, to, money: LINE.format(kind=kind, n=n, to=to, money=money),
    st.sampled_from(["MOC", "MTC", "SMO", "TST", "FWD", ""]), st.integers(0, 5),
    st.sampled_from(["00431234", "x", ""]), st.sampled_from(["0,1", "-1", "", "y", "900000"]),
).map(lambda line: line + ";one too many" * (len(line) % 7 == 0)), max_size=6)


@settings(max_examples=settings.default.max_examples // 2)
@given(st.lists(st.tuples(LINES, st.integers(0, 1)), min_size=1, max_size=5))
def test_drawn_files_together(drawn):
    files = [
        read("\r\n".join([HEAD, *lines, ""]).encode(), PROFILES["alpenfon"],
             context_of(str(number), RECEIVED + timedelta(days=40 * later)))
        for number, (lines, later) in enumerate(drawn)
    ]
    same(files, PROFILES["alpenfon"])


def test_keys_of_places_are_those_of_the_file_alone():
    profile = msgspec.structs.replace(
        PROFILES["alpenfon"], identity={"voice_mo": ("record_index",)}
    )
    data = "\r\n".join([HEAD, LINE.format(kind="MOC", n=1, to="00431234", money="0,1"), ""])
    files = [read(data.encode(), profile, context_of(name)) for name in "ab"]
    assert same(files, profile) == (2, 0)


def test_no_file_at_all():
    assert believable_each([], PROFILES["alpenfon"]) == []


def read_alike(files, profile):
    """How many of the files were cut together; each comes to what it is when read alone."""
    found = read_each(files, profile)
    for file, one in zip(files, found, strict=True):
        alone = read(file.data, profile, file.ctx)
        assert one.decoded.header == alone.decoded.header
        assert one.decoded.records.equals(alone.decoded.records)
        assert one.decoded.records.schema == alone.decoded.records.schema
        assert one.decoded.rejects.equals(alone.decoded.rejects)
        assert (one.content, one.decoded.content) == (alone.content, alone.decoded.content)
    contents = [one.content for one in found]
    cut = cut_together(contents, profile, [file.ctx for file in files])
    return sum(one is not None for one in cut)


@pytest.mark.parametrize("partner", sorted(PROFILES))
def test_sample_files_are_read_together_as_alone(partner):
    paths = sorted((INBOX / partner / "outgoing").iterdir())
    files = [Received(path.read_bytes(), context_of(path.name)) for path in paths]
    assert (read_alike(files, PROFILES[partner]) > 3) == (partner == "alpenfon")


PIECES = st.lists(st.sampled_from(
    ["a", "1", ";", ";", '"', '""', "\n", "\n", "\r\n", "\r", "é", " ", '"x;\n"', "a;b\n", "c;d\n"]
), max_size=14).map("".join)
STARTS = st.sampled_from(
    ["A;B\n", "A;B\n", "A;B\r\n", "A;B\n", '"A";B\n', "B;C\n", "\n", "", "\ufeffA;B\n"]
)


@settings(max_examples=settings.default.max_examples * 2)
@given(st.lists(st.tuples(STARTS, PIECES), min_size=2, max_size=5), st.booleans(),
       st.sampled_from(["utf-8", "latin-1"]), st.sampled_from(['"', ""]),
       st.sampled_from(["pad", "reject"]))
def test_whatever_stands_in_files_they_are_read_as_alone(drawn, named, encoding, quote, ragged):
    profile = PROFILES["alpenfon"]
    form = msgspec.structs.replace(
        profile.format, names=("A", "B") if named else (), encoding=encoding, quote=quote,
        ragged=ragged,
    )
    fields = msgspec.structs.replace(profile.fields["imsi"], column="A")
    profile = msgspec.structs.replace(
        profile, format=form, fields={"imsi": fields}, drop=(), identity={},
    )
    read_alike([
        Received((start * (not named) + text).encode(encoding, "replace"), context_of(f"f{n}"))
        for n, (start, text) in enumerate(drawn)
    ], profile)


def test_files_that_are_sound_are_cut_together():
    data = "\r\n".join([HEAD, LINE.format(kind="MOC", n=1, to='"a\nb"', money="0,1")]).encode()
    broken = data.replace(b'\nb"', b"\nb")
    ctxs = [context_of(name) for name in "abcdef"]
    files = [data, data + b"\r\n", broken, data, data + b"\n1;2\n", data]
    found = cut_together(files, PROFILES["alpenfon"], ctxs)
    assert [one is not None for one in found] == [True, True, False, True, False, True]
    assert read_alike([Received(*file) for file in zip(files, ctxs, strict=True)],
                      PROFILES["alpenfon"]) == 4
