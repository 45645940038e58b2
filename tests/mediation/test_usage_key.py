"""The usage key: the same for the same event, another for every other, never made of nulls."""

from datetime import datetime, timedelta
from hashlib import blake2b

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.profile import ProfileError
from mediation.usage_key import with_usage_key

IDENTITY = {
    "voice_mo": ("imsi", "started_at", "other_party", "duration_s"),
    "voice_mt": ("imsi", "started_at", "other_party", "duration_s"),
    "sms_mo": ("imsi", "started_at"),
}
SCHEMA = {
    "record_index": pl.Int32, "byte_offset": pl.Int64, "service": pl.String,
    "direction": pl.String, "imsi": pl.String, "started_at": pl.Datetime("us"),
    "other_party": pl.String, "duration_s": pl.Int64,
}
NOON = datetime(2026, 9, 1, 12)
Row = tuple[str | None, str | None, str | None, datetime | None, str | None, int | None]


def frame(*rows: Row) -> pl.DataFrame:
    return pl.DataFrame(
        [(i, i * 100, *row) for i, row in enumerate(rows)], schema=SCHEMA, orient="row"
    )


def test_the_key_is_a_known_value() -> None:
    keyed, away = with_usage_key(frame(("voice", "mo", "23299", NOON, "43", 60)), IDENTITY)
    micros = "1788264000000000"
    message = f"5:voice2:mo5:23299{len(micros)}:{micros}2:432:60"
    assert keyed["usage_key"].to_list() == [
        blake2b(message.encode(), digest_size=16).hexdigest()
    ]
    assert away.is_empty()


def test_columns_outside_the_identity_do_not_count() -> None:
    keyed, _ = with_usage_key(
        frame(("sms", "mo", "23299", NOON, "43", 1), ("sms", "mo", "23299", NOON, None, 2)),
        IDENTITY,
    )
    assert keyed["usage_key"].n_unique() == 1


def test_a_null_or_an_unknown_service_has_no_key() -> None:
    keyed, away = with_usage_key(
        frame(
            ("voice", "mo", "23299", NOON, None, None),
            ("mms", "mo", "23299", NOON, "43", 1),
            ("sms", "mo", "23299", NOON, None, None),
            (None, "mo", "23299", NOON, "43", 1),
            ("voice", "mo", None, NOON, "43", 1),
        ),
        IDENTITY,
    )
    assert keyed["record_index"].to_list() == [2]
    assert away.rows() == [
        (0, 0, "KEY_FIELD_MISSING", "other_party is empty; identity.voice_mo needs it"),
        (1, 100, "SERVICE_UNKNOWN", "service mms_mo: the profile's identity has no entry for it"),
        (3, 300, "SERVICE_UNKNOWN",
         "service without service or direction: the profile's identity has no entry for it"),
        (4, 400, "KEY_FIELD_MISSING", "imsi is empty; identity.voice_mo needs it"),
    ]


def test_no_identity_and_no_rows() -> None:
    keyed, away = with_usage_key(frame(("sms", "mo", "2", NOON, None, None)), {})
    assert (keyed.height, away["code"].to_list()) == (0, ["SERVICE_UNKNOWN"])
    keyed, away = with_usage_key(frame(), IDENTITY)
    assert (keyed.height, away.height) == (0, 0)
    assert keyed.schema["usage_key"] == pl.String


@pytest.mark.parametrize("columns", [(), ("imsi", "imzi")])
def test_an_identity_of_unknown_columns_is_a_wrong_profile(columns: tuple[str, ...]) -> None:
    with pytest.raises(ProfileError, match=r"identity\.sms_mo"):
        with_usage_key(frame(), {"sms_mo": columns})


# Texts made to be mistaken for borders between values.
TRICKY = st.text(alphabet="0123:|\x1f\0é", max_size=6)
ROWS = st.tuples(
    st.just("voice"), st.sampled_from(["mo", "mt"]), TRICKY,
    st.integers(0, 3).map(lambda n: NOON + timedelta(microseconds=n)), TRICKY,
    st.integers(-12, 12),
)


@given(st.lists(ROWS, min_size=2, max_size=30))
def test_keys_are_equal_exactly_when_the_identity_is(rows: list[Row]) -> None:
    keyed, away = with_usage_key(frame(*rows), IDENTITY)
    assert away.is_empty()
    keys = dict(zip(rows, keyed["usage_key"], strict=True))
    assert len(set(keyed["usage_key"])) == len(set(rows)) == len(keys)
    assert all(len(k) == 32 and int(k, 16) >= 0 for k in keys.values())
