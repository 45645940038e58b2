"""One file through all of mediation: states, conservation, raw records, figures."""

import gzip
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import polars as pl
import pytest
from tap_groups import TIMES, accounting, audit, network

from asn1.encode import encode_notification, encode_transfer_batch
from mediation.decoded import FileHeader
from mediation.dedupe import KNOWN
from mediation.file_context import FileContext
from mediation.file_control import EARLIER
from mediation.gate import Gate, Verdict
from mediation.gate_figures import Figures, Traffic
from mediation.mediate import Mediated, mediate
from mediation.profile import Profile, TapChecks
from mediation.schema import FILE, REJECT, USAGE
from mediation.tables import conform

ARRIVED = datetime(2026, 10, 1)
CTX = FileContext("alpenfon", "ab" * 32, "A_0007.csv", ARRIVED)
NO_FILES = pl.DataFrame(schema=EARLIER)
NO_KEYS = pl.DataFrame(schema=KNOWN)
CSV = msgspec.convert(
    {
        "name": "alpenfon",
        "title": "Alpenfon",
        "sender": "CZECL",
        "recipient": "AUTRM",
        "collect": {"connection": "sftp_alpenfon"},
        "format": {"kind": "delimited", "delimiter": ";"},
        "fields": {
            "record_type": {"read": "text", "column": "type"},
            "service": {"read": "const", "value": "voice"},
            "direction": {"read": "const", "value": "mo"},
            "imsi": {"column": "imsi"},
            "serving_network": {"read": "const", "value": "CZECL"},
            "started_at": {"read": "utc_time", "column": "start", "format": "%Y-%m-%d %H:%M:%S"},
            "duration_s": {"read": "duration", "column": "secs", "format": "s"},
            "partner_charge_micros": {
                "read": "decimal_micros",
                "column": "charge",
                "optional": True,
            },
            "partner_currency": {"read": "const", "value": "EUR"},
        },
        "drop": [{"rule": "PROBE_CALL", "column": "type", "equals": ["PROBE"]}],
        "control": {"sequence_from_name": "_([0-9]+)[.]"},
        "identity": {"voice_mo": ["imsi", "started_at", "duration_s"]},
        "gate": {"reject_share_max": 0.5},
        "validity": {"age_max_days": 60},
    },
    Profile,
)
TAP = msgspec.convert(
    {
        "name": "nordtel",
        "title": "NordTel",
        "sender": "NORNT",
        "recipient": "AUTRM",
        "collect": {"connection": "sftp_nordtel"},
        "format": {"kind": "tap"},
        "identity": {"voice_mo": ["imsi", "started_at", "duration_s"]},
    },
    Profile,
)
HEAD = "type;imsi;start;secs;charge"
LINES = (
    "MOC;232991200000001;2026-09-01 10:00:00;60;0.5",  # 0 passes
    "MOC;232991200000001;2026-09-01 10:00:00;60;0.5",  # 1 is a copy of 0
    "MOC;232991200000002;2026-09-01 10:00:00;60;0.25",  # 2 passes
    "PROBE;232991200000002;2026-09-01 11:00:00;60;0.1",  # 3 is dropped
    "MOC;232991200000003;2026-09-01 10:00:00;x;0.125",  # 4 cannot be read
    "MOC;12;2026-09-01 10:00:00;60;1",  # 5 is not believable
    "MOC;232991200000004;2026-09-01 10:00:00",  # 6 is ragged
    "MOC;232991200000005;2026-09-01 10:00:00;60;2",  # 7 came in another file
)


class Watch:
    """A gate that notes the figures it is shown and gives the findings it is told to."""

    def __init__(self, *findings: str) -> None:
        self.findings = list(findings)
        self.shown: list[Figures] = []
        self.judged: list[tuple[str, str, int | None]] = []

    def check(
        self, profile: Profile, ctx: FileContext, header: FileHeader, figures: Figures
    ) -> Verdict:
        self.judged.append((profile.name, ctx.name, header.sequence))
        self.shown.append(figures)
        return Verdict(tuple(self.findings))


def csv(*lines: str) -> bytes:
    return "\n".join((HEAD, *lines, "")).encode()


def run(
    data: bytes,
    profile: Profile = CSV,
    *,
    ctx: FileContext = CTX,
    earlier: pl.DataFrame = NO_FILES,
    known: pl.DataFrame | Callable[[pl.Series], pl.DataFrame] = NO_KEYS,
    gate: Watch | Gate | None = None,
) -> Mediated:
    """The file's mediation, after checking what holds for every file."""
    ask = (lambda _: known) if isinstance(known, pl.DataFrame) else known
    done = mediate(data, profile, ctx, earlier, ask, gate or Watch())
    conform(USAGE, done.usage)
    conform(REJECT, done.rejects)
    figures = done.figures
    ends = figures["duplicate"] + figures["suspended"] + figures["dropped"] + done.usage.height
    assert figures["records"] == ends
    fixed = {
        "partner": ctx.partner,
        "file_id": ctx.file_id,
        "file_number": 1,
        "name": ctx.name,
        "size_bytes": len(data),
        "received_at": ctx.received_at,
        "stage": "mediate",
    }
    FILE.fill(pl.DataFrame([fixed | figures]))
    return done


def tap(*imsis: str, **groups: Any) -> bytes:
    """A TAP file of one call for each IMSI, at 1.00 SDR."""
    calls = [
        {
            "mobileOriginatedCall": {
                "basicCallInformation": {
                    "chargeableSubscriber": {"simChargeableSubscriber": {"imsi": imsi}},
                    "destination": {"calledNumber": "4790000001"},
                    "callEventStartTimeStamp": {
                        "localTimeStamp": "20260901101500",
                        "utcTimeOffsetCode": 0,
                    },
                    "totalCallEventDuration": 60,
                },
                "basicServiceUsedList": [
                    {
                        "basicService": {"serviceCode": {"teleServiceCode": "11"}},
                        "chargeInformationList": [
                            {"chargeDetailList": [{"chargeType": "00", "charge": 100}]}
                        ],
                    }
                ],
            }
        }
        for imsi in imsis
    ]
    value = {
        "batchControlInfo": CONTROL,
        "accountingInfo": accounting(2),
        "networkInfo": network(c0="+0200"),
        "callEventDetails": calls,
        "auditControlInfo": audit(100 * len(calls), len(calls)),
    }
    return encode_transfer_batch(value | groups)


CONTROL = {
    "sender": "NORNT",
    "recipient": "AUTRM",
    "fileSequenceNumber": "00007",
    "specificationVersionNumber": 3,
    "releaseVersionNumber": 12,
    **TIMES,
}
IMSIS = tuple(f"23299120000000{i}" for i in range(4))


def test_every_record_ends_in_one_place_with_a_reason() -> None:
    keys = run(csv(LINES[7])).usage.select("usage_key")
    known = keys.with_columns(file_id=pl.lit("other"), record_index=pl.lit(5, pl.Int32))
    gate = Watch()
    done = run(csv(*LINES), known=known, gate=gate)
    assert done.usage["record_index"].to_list() == [0, 2]
    assert done.rejects.select("record_index", "code").rows() == [
        (1, "DUPLICATE_IN_FILE"),
        (3, "PROBE_CALL"),
        (4, "FIELD_INVALID"),
        (5, "IMSI_INVALID"),
        (6, "LINE_RAGGED"),
        (7, "DUPLICATE_OF_FILE"),
    ]
    assert done.figures == {
        "state": "mediated",
        "format": "delimited",
        "release": None,
        "sequence": 7,
        "sender": None,
        "recipient": None,
        "declared_records": None,
        "declared_charge_micros": None,
        "currency": "EUR",
        "charge_micros": 4_475_000,
        "records": 8,
        "decoded": 7,
        "duplicate": 2,
        "suspended": 3,
        "dropped": 1,
        "rejected": 3,
        "age_median_s": 30 * 86_400 - 36_000,
        "age_max_s": 30 * 86_400 - 36_000,
        "networks": "CZECL",
        "services": "voice_mo",
        "destinations": "",
        "notes": None,
    }
    assert gate.judged == [("alpenfon", "A_0007.csv", 7)]
    assert gate.shown == [
        Figures(
            records=8,
            rejected=3,
            charge_micros=4_475_000,
            charges_unread=1,
            accepted_charge_micros=3_250_000,
            record_charge_max_micros=2_000_000,
            traffic=Traffic(
                networks=("CZECL",),
                services=("voice_mo",),
                age_median_s=30 * 86_400 - 36_000,
                age_max_s=30 * 86_400 - 36_000,
                currency="EUR",
            ),
        )
    ]


def test_every_reject_carries_its_record_as_received() -> None:
    for data in (csv(*LINES), gzip.compress(csv(*LINES), mtime=0)):
        rejected = run(data).rejects
        got = [bytes(raw).rstrip(b"\r\n").decode() for raw in rejected["raw"]]
        assert got == [LINES[i] for i in rejected["record_index"]]


def test_a_gate_failure_turns_all_remaining_rows_away() -> None:
    done = run(csv(*LINES), gate=Watch("too many", "too dear"))
    assert done.usage.is_empty()
    assert done.figures["state"] == "quarantined"
    held = done.rejects.filter(pl.col("code") == "GATE_FAILED")
    assert held["record_index"].to_list() == [0, 1, 2, 7]
    assert set(held["detail"]) == {"too many; too dear"}
    assert held["usage_key"].null_count() == 0
    assert held["money_at_risk_micros"].to_list() == [500_000, 500_000, 250_000, 2_000_000]
    assert done.figures["notes"] == "GATE_FAILED: too many; too dear"


def before(**stated: object) -> pl.DataFrame:
    row = {"file_id": "x", "name": "a", "kind": "live", "state": "posted", **stated}
    return pl.DataFrame([row], schema=EARLIER)


def test_a_used_sequence_number_quarantines_before_the_gate_is_asked() -> None:
    earlier = before(file_id="cd" * 32, name="A_0007_old.csv", sequence=7)
    gate = Watch()
    done = run(csv(*LINES), earlier=earlier, gate=gate)
    assert done.figures["state"] == "quarantined"
    assert done.usage.is_empty()
    assert "SEQUENCE_REUSED" in done.rejects["code"]
    assert gate.shown == []


def test_a_gap_is_a_note() -> None:
    earlier = before(sequence=5)
    done = run(csv(LINES[0]), earlier=earlier)
    assert done.figures["state"] == "mediated"
    assert done.figures["notes"] == "sequence 7 follows 5: 6 is missing"


def test_known_keys_are_read_only_when_a_record_gets_that_far() -> None:
    def unwanted(_: pl.Series) -> pl.DataFrame:
        raise AssertionError("read for nothing")

    run(csv(*LINES), known=unwanted, gate=Watch("no"))
    run(b"\x89PNG", known=unwanted)
    assert run(csv(LINES[0]), known=lambda _: NO_KEYS).usage.height == 1


@pytest.mark.parametrize(
    ("data", "profile"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(64), CSV),
        (gzip.compress(csv(*LINES), mtime=0)[:40], CSV),
        (b"", TAP),
        (csv(*LINES), TAP),
    ],
)
def test_what_is_no_cdr_file_is_refused_with_a_reason(data: bytes, profile: Profile) -> None:
    done = run(data, profile)
    assert done.figures["state"] == "refused"
    assert done.figures["records"] == 0
    assert done.rejects.select("record_index", "code").rows() == [(None, "NOT_A_CDR_FILE")]
    assert done.rejects["detail"][0]


def test_a_tap_file_is_mediated() -> None:
    gate = Watch()
    data = tap(*IMSIS, "12")
    done = run(data, TAP, gate=gate)
    assert done.usage["record_index"].to_list() == [0, 1, 2, 3]
    assert done.figures["state"] == "mediated"
    assert done.figures["release"] == "3.12"
    assert done.figures["currency"] == "SDR"
    assert done.figures["declared_charge_micros"] == 5_000_000
    assert done.figures["charge_micros"] == 5_000_000
    row = done.rejects.row(0, named=True)
    assert row["code"] == "IMSI_INVALID"
    assert row["raw"] in data
    assert row["raw"][0] == 0x69  # [APPLICATION 9], a mobile originated call


def test_a_cut_tap_file_is_quarantined_and_keeps_every_record() -> None:
    data = tap(*IMSIS)
    whole = run(data, TAP).usage
    cut = whole["byte_offset"][3] + 4
    done = run(data[:cut], TAP)
    assert done.figures["state"] == "quarantined"
    assert done.figures["records"] == 4
    assert done.rejects["code"].to_list() == ["FILE_INCOMPLETE"] * 3 + ["FILE_TRUNCATED"]
    assert done.rejects["raw"].null_count() == 0


def test_a_tap_file_cut_at_any_octet_is_conserved() -> None:
    data = tap(*IMSIS[:2])
    for cut in range(0, len(data), 7):
        done = run(data[:cut], TAP)
        assert done.usage.is_empty()
        assert done.figures["state"] in {"quarantined", "refused"}


def test_a_tap_file_of_somebody_else_is_quarantined() -> None:
    done = run(tap(*IMSIS, batchControlInfo=CONTROL | {"sender": "DEUFX"}), TAP)
    assert done.figures["state"] == "quarantined"
    assert done.figures["sender"] == "DEUFX"
    assert set(done.rejects["code"]) == {"SENDER_UNEXPECTED"}


def test_a_test_file_is_never_charged() -> None:
    data = tap(*IMSIS, batchControlInfo=CONTROL | {"fileTypeIndicator": "T"})
    earlier = before(sequence=7, kind="test", state="test", sender="NORNT", recipient="AUTRM")
    gate = Watch("never asked")
    done = run(data, TAP, earlier=earlier, gate=gate)
    assert done.figures["state"] == "test"
    assert done.figures["dropped"] == 4
    assert "SEQUENCE_REUSED" in done.figures["notes"]
    assert gate.shown == []
    strict = msgspec.structs.replace(TAP, test_files="refuse")
    assert run(data, strict).figures["state"] == "refused"


def test_a_notification_is_one() -> None:
    done = run(encode_notification(CONTROL), TAP)
    assert done.figures["state"] == "notification"
    assert (done.figures["records"], done.figures["sequence"]) == (0, 7)
    assert done.rejects.is_empty()


def test_a_file_without_rows_keeps_the_reason_of_its_quarantine() -> None:
    done = run(encode_notification(CONTROL | {"sender": "DEUFX"}), TAP)
    assert done.figures["state"] == "quarantined"
    assert done.rejects.select("record_index", "code").rows() == [(None, "SENDER_UNEXPECTED")]


def test_sums_beyond_64_bits_are_bounded_not_wrapped() -> None:
    dear = [f"MOC;23299120000000{i};2026-09-01 10:00:00;60;9000000000000" for i in range(3)]
    gate = Watch()
    assert run(csv(*dear), gate=gate).figures["charge_micros"] == (1 << 63) - 1
    assert gate.shown[0].charge_micros == 27 * 10**18


def test_running_a_file_again_gives_the_same() -> None:
    first = run(csv(*LINES))
    known = first.usage.select("usage_key", "file_id", "record_index")
    earlier = before(file_id=CTX.file_id, name=CTX.name, sequence=7)
    again = run(csv(*LINES), known=known, earlier=earlier)
    assert again.usage.equals(first.usage)
    assert again.rejects.equals(first.rejects)
    assert again.figures == first.figures


def test_the_real_gate_holds_a_file_whose_audit_differs() -> None:
    gate = Gate(None)
    assert run(tap(*IMSIS), TAP, gate=gate).figures["state"] == "mediated"
    data = tap(*IMSIS, auditControlInfo=audit(399, 4))
    assert set(run(data, TAP, gate=gate).rejects["code"]) == {"TAP_415_100"}
    accepting = msgspec.structs.replace(TAP, tap=TapChecks(accept=("TAP_415_100",)))
    done = run(data, accepting, gate=gate)
    assert done.figures["state"] == "quarantined"
    assert set(done.rejects["code"]) == {"GATE_FAILED"}
    assert "3990000" in done.rejects["detail"][0]
