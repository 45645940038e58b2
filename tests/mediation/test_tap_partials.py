"""TAP: the parts of a packet session, told by charging id, gateway and IMSI, over two files."""

from datetime import datetime
from typing import Any

import msgspec
import polars as pl
from tap_groups import TIMES, accounting, audit, network

from asn1.encode import encode_transfer_batch
from mediation.dedupe import KNOWN
from mediation.file_context import FileContext
from mediation.file_control import EARLIER
from mediation.gate import Verdict
from mediation.mediate import Mediated, mediate
from mediation.partials import Pool
from mediation.profile import Profile
from mediation.schema import PART

PROFILE = msgspec.convert(
    {
        "name": "nordtel", "title": "NordTel", "sender": "NORNT", "recipient": "AUTRM",
        "collect": {"connection": "sftp_nordtel"}, "format": {"kind": "tap"},
        "identity": {"data_mo": ["imsi", "charging_id", "started_at"]},
        "partials": {"key": ["charging_id", "gateway", "imsi"]},
    },
    Profile,
)
ARRIVED = datetime(2026, 9, 2, 12)
GGSN = "10.0.0.1"


class PassAll:
    def check(self, *_: object) -> Verdict:
        return Verdict()


def part(sign: str, minute: int, *, entities: list[int], charge: int) -> dict[str, Any]:
    """Ten minutes of the session with charging id 991."""
    detail = {"chargeType": "00", "charge": charge}
    basic = {
        "gprsChargeableSubscriber": {
            "chargeableSubscriber": {"simChargeableSubscriber": {"imsi": "232991200000001"}}},
        "callEventStartTimeStamp": {
            "localTimeStamp": f"2026090110{minute:02d}00", "utcTimeOffsetCode": 2},
        "totalCallEventDuration": 600, "chargingId": 991, "partialTypeIndicator": sign,
    }
    charged = {"chargedItem": "X", "exchangeRateCode": 0, "callTypeGroup": {
        "callTypeLevel1": 10, "callTypeLevel2": 0, "callTypeLevel3": 0},
        "chargeDetailList": [detail]}
    return {"gprsCall": {
        "gprsBasicCallInformation": basic,
        "gprsLocationInformation": {"gprsNetworkLocation": {"recEntity": entities}},
        "gprsServiceUsed": {"dataVolumeIncoming": 5000, "dataVolumeOutgoing": 70,
                            "chargeInformationList": [charged]},
    }}


def tap(sequence: int, codes: dict[int, tuple[int, str]], *parts: dict[str, Any]) -> bytes:
    """A TAP file whose recording entities have these codes."""
    entities = [{"recEntityCode": code, "recEntityType": kind, "recEntityId": id_}
                for code, (kind, id_) in codes.items()]
    return encode_transfer_batch({
        "batchControlInfo": {
            "sender": "NORNT", "recipient": "AUTRM", "fileSequenceNumber": f"{sequence:05d}",
            "specificationVersionNumber": 3, "releaseVersionNumber": 12,
            "fileCreationTimeStamp": TIMES["fileAvailableTimeStamp"], **TIMES,
        },
        "accountingInfo": accounting(3),
        "networkInfo": network(c2="+0200") | {"recEntityInfo": entities},
        "callEventDetails": list(parts),
        "auditControlInfo": audit(100 * len(parts), len(parts)),
    })


def mediated(number: int, data: bytes, *others: Mediated) -> Mediated:
    ctx = FileContext("nordtel", f"{number:064x}", f"CDNORNTAUTRM{number:05d}", ARRIVED)
    known = pl.concat([PART.empty(), *(other.parts for other in others)])
    pool = Pool(number, ARRIVED, lambda keys: known.filter(
        pl.col("part_key").is_in(keys.implode())))
    keys = pl.DataFrame(schema=KNOWN)
    return mediate(data, PROFILE, ctx, pl.DataFrame(schema=EARLIER), lambda _: keys, PassAll(),
                   pool=pool)


def test_parts_of_a_packet_session_meet_whatever_codes_their_files_use() -> None:
    # each file numbers its nodes by itself, and the session moved to another serving node
    first = mediated(1, tap(1, {3: (3, GGSN), 4: (4, "10.1.0.1")},
                            part("F", 0, entities=[4, 3], charge=100)))
    session = f"charging_id 991, gateway {GGSN}, imsi 232991200000001"
    assert first.rejects.select("code", "detail").rows() == [
        ("PARTIAL_WAITING", f"the first part of {session}: others are missing")]
    second = mediated(2, tap(2, {7: (3, GGSN), 3: (4, "10.1.0.2")},
                             part("I", 10, entities=[3, 7], charge=100),
                             part("L", 20, entities=[7], charge=100)), first)
    assert second.usage.select(
        "record_index", "duration_s", "volume_down_bytes", "partner_charge_micros",
        "partial_indicator",
    ).rows() == [(1, 1800, 15_000, 300_000, None)]
    assert second.rejects["code"].to_list() == ["PARTIAL_MERGED"]


def test_a_part_without_gateway_is_a_reject() -> None:
    done = mediated(1, tap(1, {4: (4, "10.1.0.1")}, part("F", 0, entities=[4], charge=100)))
    assert done.rejects.select("code", "detail").rows() == [
        ("PARTIAL_UNREADABLE", "gateway is empty; partials.key needs it")]
