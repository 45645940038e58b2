"""Cisco CUCM's call detail records: a line of names, a line of types, times as UTC seconds."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from gen_events import random_for
from gen_ready_calls import Call, ReadyFile, Written, calls, dialled

PROFILE = "cucm"
COUNT = 30
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00")
# A selection of the columns in their order; a file of a real cluster has some hundred more.
COLUMNS = {
    "cdrRecordType": "INTEGER",
    "globalCallID_callManagerId": "INTEGER",
    "globalCallID_callId": "INTEGER",
    "origLegCallIdentifier": "INTEGER",
    "dateTimeOrigination": "INTEGER",
    "origNodeId": "INTEGER",
    "origIpAddr": "INTEGER",
    "callingPartyNumber": "VARCHAR(50)",
    "origCause_value": "INTEGER",
    "destLegIdentifier": "INTEGER",
    "destIpAddr": "INTEGER",
    "originalCalledPartyNumber": "VARCHAR(50)",
    "finalCalledPartyNumber": "VARCHAR(50)",
    "destCause_value": "INTEGER",
    "dateTimeConnect": "INTEGER",
    "dateTimeDisconnect": "INTEGER",
    "lastRedirectDn": "VARCHAR(50)",
    "pkid": "UNIQUEIDENTIFIER",
    "originalCalledPartyNumberPartition": "VARCHAR(50)",
    "callingPartyNumberPartition": "VARCHAR(50)",
    "finalCalledPartyNumberPartition": "VARCHAR(50)",
    "duration": "INTEGER",
    "origDeviceName": "VARCHAR(129)",
    "destDeviceName": "VARCHAR(129)",
}
PHONES, OUTSIDE = "PT_PHONES", "PT_PSTN"


def files() -> Iterator[ReadyFile]:
    """Two files of one node; the one between them never came."""
    first = [_spoiled(c) for c in calls(PROFILE, COUNT)]
    first.insert(9, replace(first[8], ends="DUPLICATE_IN_FILE"))
    yield _file("cdr_StandAloneCluster_01_202609141300_17", first)
    later = calls(PROFILE, 8, first[-1].call.ended_at + timedelta(hours=1))
    second = [Written(_line(_columns(c)), c) for c in later]
    yield _file("cdr_StandAloneCluster_01_202609141500_19", second)


def _file(name: str, records: list[Written]) -> ReadyFile:
    lines = (
        ",".join(f'"{column}"' for column in COLUMNS),
        ",".join(COLUMNS.values()),
        *(w.text for w in records),
    )
    return ReadyFile(PROFILE, name, "".join(f"{x}\n" for x in lines).encode(), tuple(records))


def _seconds(moment: datetime) -> str:
    return str((moment - _EPOCH) // timedelta(seconds=1))


def _columns(call: Call) -> dict[str, str]:
    made = call.direction == "mo"
    number = f"{call.answered_at:%d%H%M%S}"
    phone, trunk = f"SEP00005E0053{call.subscriber[-2:]}", "SIP_TRUNK_LON"
    sides = ((PHONES, phone), (OUTSIDE, trunk))
    (from_part, from_device), (to_part, to_device) = sides if made else sides[::-1]
    called = dialled(call.called)
    return dict.fromkeys(COLUMNS, "0") | {
        "cdrRecordType": "1",
        "globalCallID_callManagerId": "1",
        "globalCallID_callId": str(int(number) + 4100),
        "origLegCallIdentifier": number,
        "dateTimeOrigination": _seconds(call.set_up_at),
        "origNodeId": "1",
        # 192.0.2.10 and 192.0.2.1, low octet first, with a sign.
        "origIpAddr": "167903424",
        "callingPartyNumber": dialled(call.calling),
        "origCause_value": "16",
        "destLegIdentifier": str(int(number) + 1),
        "destIpAddr": "16908480",
        "originalCalledPartyNumber": called,
        "finalCalledPartyNumber": called,
        "dateTimeConnect": _seconds(call.answered_at),
        "dateTimeDisconnect": _seconds(call.ended_at),
        "lastRedirectDn": called,
        "pkid": str(UUID(int=random_for(PROFILE, number).getrandbits(128), version=4)),
        "originalCalledPartyNumberPartition": to_part,
        "callingPartyNumberPartition": from_part,
        "finalCalledPartyNumberPartition": to_part,
        "duration": str(call.duration_s),
        "origDeviceName": from_device,
        "destDeviceName": to_device,
    }


def _line(columns: dict[str, str]) -> str:
    """The columns as CUCM writes them: texts in quotes, numbers bare."""
    return ",".join(
        text if COLUMNS[name] == "INTEGER" else f'"{text}"' for name, text in columns.items()
    )


def _spoiled(call: Call) -> Written:
    """The call's line, with what is out of the ordinary by its number."""
    columns = _columns(call)
    unanswered = {
        "dateTimeConnect": "0",
        "dateTimeDisconnect": _seconds(call.answered_at),
        "duration": "0",
        "origCause_value": "0",
        "destCause_value": "19",
    }
    inside = {
        "finalCalledPartyNumber": "4204",
        "finalCalledPartyNumberPartition": PHONES,
        "destDeviceName": "SEP00005E005399",
    }
    changed: dict[int, tuple[dict[str, str], str]] = {
        3: (columns | unanswered, "NOT_ANSWERED"),
        8: (columns | unanswered | {"destCause_value": "17"}, "NOT_ANSWERED"),
        # From desk to desk: no number of the outside world takes part.
        11: (columns | inside, "INTERNAL_CALL"),
        # A call that was refused before any digit was known.
        13: (columns | {"finalCalledPartyNumber": ""}, "KEY_FIELD_MISSING"),
        16: (columns | {"dateTimeConnect": "2026-09-14"}, "FIELD_INVALID"),
        19: (columns | {"finalCalledPartyNumberPartition": "PT_LAB"}, "VALUE_UNMAPPED"),
        25: (columns | {"duration": "-5"}, "DURATION_OUT_OF_RANGE"),
    }
    if call.number == 6:
        hidden = replace(call, other="")
        return Written(_line(_columns(hidden)), hidden)
    if call.number == 22:
        return Written(_line(columns).rpartition(",")[0], call, "LINE_RAGGED")
    columns, ends = changed.get(call.number, (columns, ""))
    return Written(_line(columns), call, ends)
