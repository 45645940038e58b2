"""The ready profiles read what their switches write: every record of the samples ends as meant."""

import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "golden"))
sys.path.insert(0, str(Path(__file__).parents[2] / "sample_data"))

from generate_ready import ready_files
from ready_goldens import (
    mediated,
    names,
    ready_goldens,
    ready_profile,
    samples,
    stored_ready,
)

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "ready_profiles.md"
WRITTEN = {(f.profile, f.name): f for f in ready_files()}
NAMES = ("asterisk", "broadworks", "cucm", "freeswitch", "interconnect")
SUMMER_S = 3600
_SHOWN = 5


def ends(got):
    """Record index to the code of its reject; a reject of the bare file is left out."""
    rows = got.rejects.select("record_index", "code").rows()
    return {index: code for index, code in rows if index is not None}


def facts(row):
    """What a usage row says of the call itself."""
    return (
        row["msisdn"], row["other_party"], row["direction"], row["started_at"],
        row["utc_offset_s"],
    ) + ((row["duration_s"],) if row["service"] == "voice" else ())


def meant(call, service):
    """The same by the generator, which knew the call before any format did."""
    known = (call.subscriber, call.other or None, call.direction, call.answered_at, SUMMER_S)
    return known + ((call.duration_s,) if service == "voice" else ())


def differences(profile):
    """What mediation says of the samples otherwise than the generator meant, in words."""
    found = []
    for file, got in mediated(profile).items():
        records = WRITTEN[profile.name, file].records
        codes = ends(got)
        if got.figures["records"] != len(records):
            found.append(f"{file}: {got.figures['records']} records, written {len(records)}")
        found += [
            f"{file} {i}: ends in {codes.get(i, 'usage')}, meant {w.ends or 'usage'}"
            for i, w in enumerate(records) if codes.get(i, "") != w.ends
        ]
        rows = {r["record_index"]: r for r in got.usage.rows(named=True)}
        found += [
            f"{file} {i}: {facts(r)}, meant {meant(records[i].call, r['service'])}"
            for i, r in rows.items()
            if facts(r) != meant(records[i].call, r["service"])
        ]
    return found


def test_the_ready_profiles_are_these():
    assert tuple(names()) == NAMES
    assert {name for name, _ in WRITTEN} == set(NAMES)


def test_the_committed_samples_are_what_their_generator_writes(tmp_path):
    script = str(ROOT / "sample_data" / "generate_ready.py")
    run = subprocess.run([sys.executable, script, "--out", str(tmp_path)],
                         check=True, capture_output=True, text=True)
    fresh = {(p.parts[-3], p.name): p.read_bytes() for p in tmp_path.glob("*/sample/*")}
    assert fresh == {(n, p.name): p.read_bytes() for n in NAMES for p in samples(n)}
    assert len(run.stdout.splitlines()) == 1 + len(fresh)


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_record_ends_as_its_generator_meant(name):
    found = differences(ready_profile(name))
    assert not found, "\n".join(found[:_SHOWN])


@pytest.mark.parametrize("name", NAMES)
def test_every_drop_rule_of_a_ready_profile_meets_a_record(name):
    profile = ready_profile(name)
    codes = {code for got in mediated(profile).values() for code in ends(got).values()}
    assert {rule.rule for rule in profile.drop} <= codes
    assert profile.drop


def test_a_wrong_zone_in_a_ready_profile_is_found_by_these_tests():
    profile = ready_profile("asterisk")
    start = msgspec.structs.replace(profile.fields["started_at"], zone="Europe/Vienna")
    wrong = msgspec.structs.replace(profile, fields=profile.fields | {"started_at": start})
    assert len(differences(wrong)) >= sum(got.usage.height for got in mediated(wrong).values())


def test_the_samples_of_the_ready_profiles_give_their_goldens():
    texts = ready_goldens()
    assert stored_ready() == set(texts), "make golden writes them"
    changed = [p.name for p, text in texts.items() if p.read_text(encoding="utf-8") != text]
    assert changed == [], "if this is right: make golden, review, commit"


def test_an_interconnect_file_keeps_its_trailers_totals():
    first = mediated(ready_profile("interconnect"))["IC_20260915_000001.dat"].figures
    assert first["declared_records"] == first["records"]
    assert first["declared_charge_micros"] == first["charge_micros"] > 0


def table_rows():
    """Sample file to the cells behind it, as the page has them."""
    rows = [[c.strip() for c in line.split("|")[1:-1]]
            for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): tuple(row[1:]) for row in rows if len(row) == 5}


def as_found(name):
    """The same by mediation."""
    for file, got in mediated(ready_profile(name)).items():
        codes = sorted(Counter(got.rejects["code"].to_list()).items())
        counted = ", ".join(f"{code} {count}" for code, count in codes) or "-"
        figures = got.figures
        yield file, (figures["state"], str(figures["records"]), str(got.usage.height), counted)


def test_the_page_tells_what_becomes_of_each_sample():
    found = dict(row for name in NAMES for row in as_found(name))
    assert table_rows() == found


def test_the_page_names_every_drop_rule_of_the_ready_profiles():
    text = PAGE.read_text(encoding="utf-8")
    rules = {rule.rule for name in NAMES for rule in ready_profile(name).drop}
    assert {r for r in rules if f"`{r}`" not in text} == set()
    assert set(re.findall(r"^## `(\w+)`", text, re.MULTILINE)) == set(NAMES)


def damaged(rng):
    """A change of octets: a few overwritten, lost, doubled, or markup put between."""
    marks = (b'"', b"\n", b"\r", b"<", b"%", b"\xff", b"\0", b",", b"</cdr>", b"<?xml")

    def change(data):
        octets = bytearray(data)
        for _ in range(rng.randrange(1, 6)):
            at, size = rng.randrange(len(octets)), rng.choice((1, 1, 2, 40, 400))
            put = (rng.randbytes(size), b"", bytes(octets[at:at + size]) * 2, rng.choice(marks))
            which = rng.randrange(len(put))
            octets[at:at + (0 if which == len(put) - 1 else size)] = put[which]
        return bytes(octets)

    return change


def lost_or_double(name, seed):
    """Records of damaged samples that end nowhere or twice, by file."""
    change = damaged(random.Random(f"{name}/{seed}"))
    for file, got in mediated(ready_profile(name), change=change).items():
        places = [*got.usage["record_index"], *(i for i in got.rejects["record_index"]
                                                if i is not None)]
        if sorted(places) != list(range(got.figures["records"])):
            yield file


@pytest.mark.parametrize("name", NAMES)
def test_damage_to_a_sample_loses_and_doubles_nothing(name):
    assert [f for seed in range(6) for f in lost_or_double(name, seed)] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_much_damage_to_the_samples_loses_and_doubles_nothing(name, thinned):
    seeds = range(6, 6 + thinned(54))
    assert [(seed, f) for seed in seeds for f in lost_or_double(name, seed)] == []
