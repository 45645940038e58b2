"""Files together come to what each of them comes to by itself."""

from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediation.batches import believable_each
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
