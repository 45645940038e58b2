"""docs/profiles.md: its examples are profiles that work, and no key is left out."""

import re
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mediation.conditions import check_rule
from mediation.file_context import FileContext
from mediation.mediate import FORMATS
from mediation.normalize import normalize
from mediation.profile import (
    Case,
    Check,
    Condition,
    Control,
    Drop,
    Field,
    Format,
    Gate,
    Line,
    Nodes,
    Profile,
    Validity,
)
from mediation.profile_gate import History
from mediation.readers import columns_of_profile, reading

PAGE = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text()
EXAMPLES = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
WHOLE, PARTS = EXAMPLES[0], EXAMPLES[1:]
SAMPLE = re.findall(r"^```text\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[0]
CTX = FileContext("peerco", "f" * 64, "calls_0007.csv", datetime(2026, 10, 1))


def test_the_whole_profile_reads_its_sample_as_told() -> None:
    profile = msgspec.toml.decode(WHOLE, type=Profile)
    decode, meaning = FORMATS["delimited"]
    decoded = decode(SAMPLE.encode(), profile, CTX)
    out = meaning(decoded, profile, CTX)
    assert out.passed.select(
        "msisdn", "other_party", "started_at", "utc_offset_s", "duration_s",
        "partner_charge_micros", "partner_currency").rows() == [
        ("436990000001", "442079460001", datetime(2026, 9, 5, 11), 3600, 61, 250_000, "GBP")]
    assert out.rejects.select("record_index", "code").rows() == [(1, "UNANSWERED")]
    header = decoded.header
    assert (header.sequence, header.declared_records) == (7, 2)
    assert (header.declared_charge_micros, header.complete) == (250_000, True)


def profile_of(part: dict[str, Any]) -> Profile:
    plain: dict[str, Any] = {
        "name": "page", "title": "", "sender": "", "recipient": "", "identity": {},
        "collect": {"connection": "sftp_page"}, "format": {"kind": "delimited"},
    }
    return msgspec.convert(plain | part, type=Profile)


@pytest.mark.parametrize("number", range(len(PARTS)))
def test_every_example_is_a_profile_that_can_be_read(number: int) -> None:
    profile = profile_of(tomllib.loads(PARTS[number]))
    present = columns_of_profile(profile)
    for name, field in profile.fields.items():
        reading(name, field, present)
    for rule in (*profile.drop, *profile.check):
        check_rule(rule)
    decode, _ = FORMATS[profile.format.kind]
    assert decode(b"", profile, CTX).rejects["code"].to_list() == ["NOT_A_CDR_FILE"]


def test_the_examples_use_every_reader_and_format() -> None:
    profiles = [profile_of(tomllib.loads(part)) for part in PARTS]
    kinds = {p.format.kind for p in profiles}
    assert kinds == set(FORMATS) - {"tap"}
    readers = {f.read for p in profiles for f in p.fields.values()}
    assert readers == set(msgspec.structs.fields(Field)[0].type.__args__)
    assert normalize is FORMATS["jsonl"][1]


@pytest.mark.parametrize("struct", [
    Case, Check, Condition, Control, Drop, Field, Format, Gate, History, Line, Nodes,
    Validity])
def test_every_key_stands_on_the_page(struct: type[msgspec.Struct]) -> None:
    words = set(re.findall(r"\w+", PAGE))
    assert not {f.encode_name for f in msgspec.structs.fields(struct)} - words


def test_every_choice_of_a_key_stands_on_the_page() -> None:
    words = set(re.findall(r"[\w.:]+|\w+(?:-\w+)+", PAGE)) | set(re.findall(r"[\w-]+", PAGE))
    shapes = [f.type for s in (Format, Line, Field) for f in msgspec.structs.fields(s)]
    marks = {a for shape in shapes for a in getattr(shape, "__args__", ()) if isinstance(a, str)}
    assert not {m for m in marks if re.search(r"\w", m) and m != "_"} - words
