"""Asterisk's Master.csv: no header line, texts in quotes, the local time of the switch."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from gen_ready_calls import Call, ReadyFile, Written, calls, dialled

PROFILE = "asterisk"
OFFSET = timedelta(hours=1)
COUNT = 34
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00")
_NUMBERS = {"duration", "billsec"}


def files() -> Iterator[ReadyFile]:
    """Two days' Master.csv, the second with lines of the first, as a log that is sent twice has."""
    first = [_spoiled(c) for c in calls(PROFILE, COUNT)]
    first.insert(11, replace(first[10], ends="DUPLICATE_IN_FILE"))
    yield _file("Master-20260914.csv", first)
    again = [replace(w, ends="DUPLICATE_OF_FILE") for w in first[-4:]]
    later = calls(PROFILE, 8, first[-1].call.ended_at + timedelta(hours=14))
    yield _file("Master-20260915.csv", [*again, *(Written(_line(_columns(c)), c) for c in later)])


def _file(name: str, records: list[Written]) -> ReadyFile:
    data = "".join(f"{w.text}\n" for w in records).encode()
    return ReadyFile(PROFILE, name, data, tuple(records))


def _columns(call: Call) -> dict[str, str]:
    """The record's columns in their order in the file."""
    made = call.direction == "mo"
    trunk, phone = "PJSIP/carrier-%08x", f"PJSIP/{call.subscriber[-3:]}-%08x"
    channel, other = (phone, trunk) if made else (trunk, phone)
    src, dst = dialled(call.calling), dialled(call.called)
    times = [f"{t + OFFSET:%F %T}" for t in (call.set_up_at, call.answered_at, call.ended_at)]
    return {
        "accountcode": call.subscriber[-4:],
        "src": src,
        "dst": dst,
        "dcontext": "from-internal" if made else "from-trunk",
        "clid": f'"Desk {call.subscriber[-2:]}" <{src}>' if made else f"<{src}>",
        "channel": channel % (call.number * 2),
        "dstchannel": other % (call.number * 2 + 1),
        "lastapp": "Dial",
        "lastdata": f"PJSIP/{dst}@carrier,60" if made else f"PJSIP/{call.subscriber[-3:]},30",
        "start": times[0],
        "answer": times[1],
        "end": times[2],
        "duration": str(call.ring_s + call.duration_s),
        "billsec": str(call.duration_s),
        "disposition": "ANSWERED",
        "amaflags": "DOCUMENTATION",
        "uniqueid": f"{(call.set_up_at - _EPOCH) // timedelta(seconds=1)}.{call.number * 2}",
        "userfield": "",
    }


def _line(columns: dict[str, str]) -> str:
    """The columns as Asterisk writes them: quoted with quotes doubled, but for the two numbers."""
    return ",".join(
        text if name in _NUMBERS else '"' + text.replace('"', '""') + '"'
        for name, text in columns.items()
    )


def _unanswered(call: Call, disposition: str) -> dict[str, str]:
    return _columns(call) | {
        "answer": "",
        "end": f"{call.answered_at + OFFSET:%F %T}",
        "duration": str(call.ring_s),
        "billsec": "0",
        "disposition": disposition,
    }


def _spoiled(call: Call) -> Written:
    """The call's line, with what is out of the ordinary by its number."""
    columns = _columns(call)
    changed: dict[int, tuple[dict[str, str], str]] = {
        4: (_unanswered(call, "NO ANSWER"), "NOT_ANSWERED"),
        9: (_unanswered(call, "BUSY"), "NOT_ANSWERED"),
        # From desk to desk: no number of the outside world takes part.
        13: (columns | {"dst": "204", "lastdata": "PJSIP/204,30"}, "INTERNAL_CALL"),
        15: (columns | {"dst": "*97", "lastapp": "VoiceMailMain"}, "SERVICE_CALL"),
        18: (columns | {"dcontext": "from-moon"}, "VALUE_UNMAPPED"),
        # The start extension, where the dial plan found no number.
        21: (columns | {"dst": "s"}, "FIELD_INVALID"),
        24: (columns | {"answer": "2026-09-14 25:00:00"}, "FIELD_INVALID"),
        # A comma and quotes in a name are text.
        27: (columns | {"clid": '"O\'Hara, ""Desk"" 7" <02079460017>'}, ""),
    }
    if call.number == 6:
        hidden = replace(call, other="")
        anonymous = _columns(hidden) | {"src": "anonymous", "clid": '"Anonymous" <anonymous>'}
        return Written(_line(anonymous), hidden)
    if call.number == 30:
        # The disk was full for a moment.
        return Written(_line(columns)[:120], call, "LINE_RAGGED")
    columns, ends = changed.get(call.number, (columns, ""))
    return Written(_line(columns), call, ends)
