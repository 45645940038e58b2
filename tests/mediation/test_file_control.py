"""File control: sender, sequence numbers, completeness."""

from datetime import datetime

import msgspec
import polars as pl
import pytest

from mediation.decoded import FileHeader
from mediation.file_context import FileContext
from mediation.file_control import EARLIER, Findings, control
from mediation.numbered_files import Before
from mediation.profile import Control, Profile

CTX = FileContext("nordtel", "this", "CDNORNTAUTRM00007", datetime(2026, 10, 1))


def profile(kind: str = "tap") -> Profile:
    return msgspec.convert(
        {
            "name": "nordtel",
            "title": "NordTel",
            "sender": "NORNT",
            "recipient": "AUTRM",
            "collect": {"connection": "sftp_nordtel"},
            "format": {"kind": kind},
            "identity": {},
        },
        Profile,
    )


def header(sequence: int | None = 7, **other: object) -> FileHeader:
    stated = {"sender": "NORNT", "recipient": "AUTRM", "sequence": sequence}
    return FileHeader(**(stated | other))  # type: ignore[arg-type]


def earlier(
    *sequences: int | None, kind: str = "live", state: str = "posted", notes: str | None = None,
    parties: tuple[str | None, str | None] = ("NORNT", "AUTRM"),
) -> pl.DataFrame:
    rows = [(f"id{s}", f"name{s}", s, kind, state, *parties, notes) for s in sequences]
    return pl.DataFrame(rows, schema=EARLIER, orient="row")


def judge(head: FileHeader, before: pl.DataFrame, kind: str = "tap") -> Findings:
    return control(head, profile(kind), CTX, Before.of(before, CTX.file_id))


def test_the_next_number_is_fine() -> None:
    assert judge(header(), earlier(5, 6)) == Findings(None, ())
    assert judge(header(), earlier()) == Findings(None, ())
    assert judge(header(None), earlier(5)) == Findings(None, ())


def test_a_number_used_by_other_content_is_refused() -> None:
    refusal = judge(header(), earlier(6, 7)).refusal
    assert refusal is not None
    assert refusal[0] == "SEQUENCE_REUSED"
    assert "name7" in refusal[1]


def test_a_number_taken_by_a_notification_is_refused() -> None:
    refusal = judge(header(), earlier(7, kind="notification", state="notification")).refusal
    assert refusal is not None


@pytest.mark.parametrize(
    "before",
    [
        earlier(7, kind="test", state="test"),
        earlier(7, state="refused"),
        earlier(7, state="quarantined"),
        earlier(None),
        earlier(7).with_columns(file_id=pl.lit("this")),
    ],
)
def test_a_number_that_was_not_used_up_is_free(before: pl.DataFrame) -> None:
    assert judge(header(), before) == Findings(None, ())


def test_a_quarantined_file_is_no_gap_but_a_refused_one_is() -> None:
    held = earlier(6, state="quarantined")
    assert judge(header(), pl.concat([earlier(5), held])).notes == ()
    refused = held.with_columns(state=pl.lit("refused"))
    assert judge(header(), pl.concat([earlier(5), refused])).notes == (
        "sequence 7 follows 5: 6 is missing",
    )


def test_test_files_count_for_themselves() -> None:
    head = header(kind="test")
    assert judge(head, earlier(7)).refusal is None
    assert judge(head, earlier(7, kind="test", state="test")).refusal is not None


@pytest.mark.parametrize(
    ("stated", "before", "note"),
    [
        (7, [5], "sequence 7 follows 5: 6 is missing"),
        (7, [1, 3], "sequence 7 follows 3: 4 to 6 are missing"),
        (1, [99_998, 99_999], None),
        (2, [99_998, 99_999], "sequence 2 follows 99999: 1 is missing"),
        (1, [99_998], "sequence 1 follows 99998: 99999 is missing"),
        (6, [5, 7], "sequence 6 comes after 7, out of order"),
        (99_999, [1], "sequence 99999 comes after 1, out of order"),
    ],
)
def test_gaps_and_late_numbers_are_noted(stated: int, before: list[int], note: str | None) -> None:
    found = judge(header(stated), earlier(*before))
    assert found.refusal is None
    assert found.notes == (() if note is None else (note,))


def test_other_formats_do_not_wrap() -> None:
    assert judge(header(20_260_902), earlier(20_260_901), "delimited").notes == ()
    assert judge(header(100_000), earlier(99_999), "delimited").notes == ()


@pytest.mark.parametrize(
    "change", [{"sender": "DEUFX"}, {"recipient": "DEUFX"}, {"sender": None}]
)
def test_a_tap_file_of_somebody_else_is_refused(change: dict[str, str | None]) -> None:
    refusal = judge(header(**change), earlier(7)).refusal
    assert refusal is not None
    assert refusal[0] == "SENDER_UNEXPECTED"
    assert "NORNT to AUTRM" in refusal[1]
    assert judge(header(**change), earlier(), "delimited").refusal is None


def test_a_cut_file_is_refused() -> None:
    refusal = judge(header(complete=False), earlier()).refusal
    assert refusal is not None
    assert refusal[0] == "FILE_INCOMPLETE"
    nothing_left = header(None, sender=None, recipient=None, complete=False)
    assert judge(nothing_left, earlier()).refusal == refusal


def in_rounds(stated: int, before: pl.DataFrame) -> Findings:
    plain = profile("delimited")
    control_of = msgspec.convert({"sequence_range": [1, 99]}, Control)
    rounds = msgspec.structs.replace(plain, control=control_of)
    return control(header(stated), rounds, CTX, Before.of(before, CTX.file_id))


def test_other_counters_begin_again_where_the_profile_says() -> None:
    assert in_rounds(1, earlier(*range(1, 100))) == Findings(None, ())
    assert in_rounds(2, earlier(97, 98, 99)).notes == ("sequence 2 follows 99: 1 is missing",)
    again = in_rounds(99, earlier(*range(1, 100), 1))
    assert again.refusal is not None
    assert again.refusal[0] == "SEQUENCE_REUSED"
    # half a round of files must come before a number is used again
    assert in_rounds(3, earlier(*range(1, 52))).refusal is not None
    assert in_rounds(3, earlier(*range(1, 53))).refusal is None
    # whatever numbers come between
    assert in_rounds(3, earlier(*range(1, 11), 43, 76)).refusal is not None
    assert in_rounds(100, earlier(99)) == Findings(None, ("sequence 100 is not within 1 to 99",))


def test_numbers_that_never_come_are_no_gap() -> None:
    skipping = msgspec.structs.replace(
        profile(), control=msgspec.convert({"sequence_skipped": [[4, 5]]}, Control)
    )
    assert control(header(), skipping, CTX, Before.of(earlier(3, 6), CTX.file_id)).notes == ()
    assert control(header(), skipping, CTX, Before.of(earlier(2), CTX.file_id)).notes == (
        "sequence 7 follows 2: 3, 6 are missing",
    )


def test_another_direction_counts_for_itself() -> None:
    assert judge(header(), earlier(7, parties=("AUTRM", "NORNT"))) == Findings(None, ())
    assert judge(header(), earlier(7, parties=("NORNT", None))) == Findings(None, ())


def test_a_second_file_of_a_number_says_nothing_of_gaps() -> None:
    repeated = earlier(2, state="quarantined", notes="x\nSEQUENCE_REUSED: sequence 2 was used")
    before = pl.concat([earlier(*range(1, 99)), repeated])
    assert in_rounds(99, before) == Findings(None, ())


@pytest.mark.parametrize("wrong", [{"sequence_range": [5, 5]}, {"sequence_skipped": [[9, 8]]}])
def test_ranges_end_after_they_begin(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError, match="is not after"):
        msgspec.convert(wrong, Control)
