"""The compiled usage keys are those of hashlib, octet by octet."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediation import usage_key
from mediation.key_columns import hashed, warm
from mediation.key_kernel import MESSAGE_MAX, SPAN
from mediation.usage_key import plain_keys, with_usage_key

IDENTITY = {
    "voice_mo": ("imsi", "started_at", "other_party", "duration_s", "apn"),
    "units_mt": ("cause_for_term", "direction"),
    "data_mo": ("volume_up_bytes", "volume_up_bytes", "service", "apn"),
    "sms_mo": ("imsi",),
}
SCHEMA = {
    "service": pl.String, "direction": pl.String, "imsi": pl.String,
    "started_at": pl.Datetime("us"), "other_party": pl.String, "duration_s": pl.Int64,
    "apn": pl.Enum(["internet", "ims", ""]), "cause_for_term": pl.Int32,
    "volume_up_bytes": pl.Int64,
}
NOON = datetime(2026, 9, 1, 12)
Row = dict[str, Any]


def text_of(value: object) -> str:
    if isinstance(value, datetime):
        return str((value - datetime(1970, 1, 1)) // timedelta(microseconds=1))
    return str(value)


def keys_by_hand(rows: list[Row]) -> Iterator[str | None]:
    for row in rows:
        columns = IDENTITY.get(f"{row['service']}_{row['direction']}", ())
        values = [row[name] for name in ("service", "direction", *columns)]
        if not columns or None in values:
            yield None
            continue
        texts = [text_of(value) for value in values]
        message = "".join(f"{len(text.encode())}:{text}" for text in texts)
        yield blake2b(message.encode(), digest_size=16).hexdigest()


# lengths around those that are inline, and borders of blocks
TEXTS = st.one_of(
    st.none(), st.text(max_size=14), st.text("0123456789", min_size=5, max_size=300),
    st.integers(0, MESSAGE_MAX + 100).map(lambda n: "é" * (n // 2) + "x"),
)
EDGES = [0, 9, 10, 99_999_999, 100_000_000, 10**16 - 1, 10**16, 2**63 - 1, -(2**63), -(2**63) + 1]
NUMBERS = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(-99, 99), st.sampled_from(EDGES),
    st.integers(0, 19).map(lambda n: min(10**n, 2**63 - 1)),
)
ROWS = st.lists(
    st.fixed_dictionaries({
        "service": st.sampled_from(["voice", "sms", "data", "units", "mms", "", None]),
        "direction": st.sampled_from(["mo", "mo", "mt", "", "a longer direction", None]),
        "imsi": TEXTS,
        "started_at": st.one_of(st.none(), st.datetimes(datetime(1900, 1, 1))),
        "other_party": TEXTS, "duration_s": NUMBERS,
        "apn": st.sampled_from(["internet", "ims", "", None]),
        "cause_for_term": st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1)),
        "volume_up_bytes": NUMBERS,
    }),
    max_size=30,
)
FEW = settings(max_examples=12)  # of many rows each: what a frame costs does not go by its size


@FEW
@given(ROWS, st.integers(0, 12))
def test_compiled_keys_are_those_by_hand(rows, cut):
    frame = pl.DataFrame(rows, schema=SCHEMA)
    expected = list(keys_by_hand(rows))
    assert plain_keys(frame, IDENTITY).to_list() == expected
    for given_frame in (frame[cut:], pl.concat([frame[:cut], frame[cut:]], rechunk=False)):
        keys, left = hashed(given_frame, IDENTITY)
        there = expected[len(rows) - given_frame.height:]
        wanted = [None if other else key for key, other in zip(there, left, strict=True)]
        assert keys.to_list() == wanted
        assert all(key is not None for key, other in zip(there, left, strict=True) if other)


@FEW
@given(ROWS)
def test_what_is_left_to_others_has_its_key_too(rows):
    frame = pl.DataFrame(rows, schema=SCHEMA).with_columns(
        record_index=pl.int_range(pl.len(), dtype=pl.Int32), byte_offset=pl.lit(0, pl.Int64)
    )
    keyed, away = with_usage_key(frame, IDENTITY)
    expected = list(keys_by_hand(rows))
    assert keyed["usage_key"].to_list() == [key for key in expected if key]
    assert away["record_index"].to_list() == [n for n, key in enumerate(expected) if not key]


@pytest.mark.parametrize("length", [60, 95, 96, 97, 223, 224, MESSAGE_MAX, 70_000])
def test_messages_of_one_block_of_several_and_too_long_ones(length):
    row = dict.fromkeys(SCHEMA) | {"service": "sms", "direction": "mo"}
    rows = [row | {"imsi": "7" * (length - n)} for n in range(3)]
    frame = pl.DataFrame(rows, schema=SCHEMA)
    keys, left = hashed(frame, IDENTITY)
    assert left.to_list() == [length >= MESSAGE_MAX] * 3
    if length < MESSAGE_MAX:
        assert keys.to_list() == list(keys_by_hand(rows))


def test_keys_of_more_rows_than_one_buffer_and_one_thread_take():
    height = (1 << SPAN) + 5_000
    frame = pl.select(
        service=pl.repeat("sms", height), direction=pl.lit("mo"),
        imsi=pl.int_range(height).cast(pl.String),
    )
    identity = {"sms_mo": ("imsi",)}
    keys, left = hashed(frame, identity)
    assert not left.any()
    assert not keys.null_count()
    for part in (slice(0, 50), slice(height // 2 - 50, height // 2 + 50),
                 slice((1 << SPAN) - 50, (1 << SPAN) + 50), slice(height - 50, height)):
        assert keys[part].equals(plain_keys(frame[part], identity))
    assert keys.n_unique() == height


def test_few_rows_do_not_load_the_compiler():
    code = (
        "import sys, polars as pl; from mediation.usage_key import with_usage_key;"
        "given = pl.DataFrame({'record_index': [0], 'byte_offset': [0], 'service': ['sms'],"
        "'direction': ['mo'], 'imsi': ['1']});"
        "print(with_usage_key(given, {'sms_mo': ('imsi',)})[0]['usage_key'].item(),"
        "'numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    key = blake2b(b"3:sms2:mo1:1", digest_size=16).hexdigest()
    assert done.stdout.split() == [key, "False"]


def test_many_rows_are_left_to_compiled_code(monkeypatch):
    def refused(frame, identity):
        assert frame.is_empty()
        return pl.Series(dtype=pl.String)

    monkeypatch.setattr(usage_key, "plain_keys", refused)
    frame = pl.select(
        record_index=pl.int_range(20_000), byte_offset=0, service=pl.lit("sms"),
        direction=pl.lit("mo"), imsi=pl.int_range(20_000),
    )
    assert with_usage_key(frame, {"sms_mo": ("imsi",)})[0]["usage_key"].n_unique() == 20_000


def test_a_warmed_process_compiles_no_keys():
    warm()
    code = (
        "from mediation.key_columns import warm; from mediation.key_kernel import put_keys; warm();"
        "print(*(sum(c.values()) for c in put_keys.stats[1:]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0"]
