"""BroadWorks accounting files: XML with modules, times in UTC, and no duration but two times."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from gen_ready_calls import Call, ReadyFile, Written, calls

PROFILE = "broadworks"
COUNT = 26
SYSTEM = "as1.softswitch.example"
# British summer time, written as daylight saving (1 or 0) and the offset.
ZONE = "1+010000"
# Seconds between the clock's and the exact time of hanging up: parts of a second are not charged.
PART = timedelta(milliseconds=640)


def files() -> Iterator[ReadyFile]:
    """Two files between markers of a server's start and end; the second is cut off."""
    first = [_spoiled(c) for c in calls(PROFILE, COUNT)]
    first.insert(7, replace(first[6], ends="DUPLICATE_IN_FILE"))
    moment = first[0].call.set_up_at - timedelta(minutes=5)
    call = first[0].call
    marked = [
        Written(_marker("Start", moment), call, "SERVER_MARKER"),
        *first,
        Written(_marker("End", moment + timedelta(hours=12)), call, "SERVER_MARKER"),
    ]
    yield _file("BW-CDR-20260914080000-2-0000001.xml", marked)
    later = calls(PROFILE, 8, moment + timedelta(days=1))
    whole = _file(
        "BW-CDR-20260915080000-2-0000002.xml",
        [Written(_record(_basic(c), c), c, "FILE_INCOMPLETE") for c in later],
    )
    cut = whole.data[: whole.data.rindex(b"<releaseTime>") + 20]
    records = (*whole.records[:-1], replace(whole.records[-1], ends="XML_BROKEN"))
    yield replace(whole, data=cut, records=records)


def _file(name: str, records: list[Written]) -> ReadyFile:
    body = "".join(w.text for w in records)
    text = (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
        f'<BroadWorksCDR version="23.0">\n{body}</BroadWorksCDR>\n'
    )
    return ReadyFile(PROFILE, name, text.encode("latin-1"), tuple(records))


def _time(moment: datetime, part: timedelta = timedelta()) -> str:
    return f"{moment + part:%Y%m%d%H%M%S.%f}"[:-3]


def _header(counter: int, moment: datetime, kind: str) -> str:
    return (
        "    <headerModule>\n"
        "      <recordId>\n"
        f"        <eventCounter>{counter:010d}</eventCounter>\n"
        f"        <systemId>{SYSTEM}</systemId>\n"
        f"        <date>{_time(moment)}</date>\n"
        f"        <systemTimeZone>{ZONE}</systemTimeZone>\n"
        "      </recordId>\n"
        f"      <type>{kind}</type>\n"
        "    </headerModule>\n"
    )


def _marker(kind: str, moment: datetime) -> str:
    return f"  <cdrData>\n{_header(0, moment, kind)}  </cdrData>\n"


def _record(basic: dict[str, str], call: Call, kind: str = "Normal") -> str:
    inside = "".join(
        f"      <{name}>{text}</{name}>\n" if text else f"      <{name}/>\n"
        for name, text in basic.items()
    )
    head = _header(call.number, call.ended_at, kind)
    return f"  <cdrData>\n{head}    <basicModule>\n{inside}    </basicModule>\n  </cdrData>\n"


def _basic(call: Call) -> dict[str, str]:
    """What every call has; a telephone number begins with + and its country code."""
    made = call.direction == "mo"
    return {
        "userNumber": f"+{call.subscriber}",
        "groupNumber": "+442079460010",
        "direction": "Originating" if made else "Terminating",
        "asCallType": "Network",
        "callingNumber": f"+{call.calling}" if call.calling else "",
        "callingPresentationIndicator": "Public" if call.calling else "Anonymous",
        "calledNumber": f"+{call.called}",
        "startTime": _time(call.set_up_at, PART),
        "userTimeZone": ZONE,
        "localCallId": f"{call.number * 2 + 52100}:0",
        "answerIndicator": "Yes",
        "answerTime": _time(call.answered_at),
        "releaseTime": _time(call.ended_at, PART),
        "terminationCause": "016",
        "networkType": "VoIP",
        "callCategory": "national" if call.other.startswith("44") else "internat",
        "releasingParty": "local" if call.number % 3 else "remote",
    }


def _spoiled(call: Call) -> Written:
    """The call's record, with what is out of the ordinary by its number."""
    basic = _basic(call)
    unanswered = {"answerIndicator": "No", "answerTime": "", "terminationCause": "017"}
    before = _time(call.answered_at - timedelta(seconds=9))
    changed: dict[int, tuple[dict[str, str], str]] = {
        3: (basic | unanswered, "NOT_ANSWERED"),
        8: (basic | unanswered | {"terminationCause": "019"}, "NOT_ANSWERED"),
        # From desk to desk inside one company.
        11: (basic | {"asCallType": "Group", "calledNumber": "204"}, "INTERNAL_CALL"),
        14: (basic | {"userNumber": ""}, "FIELD_MISSING"),
        16: (basic | {"answerTime": "20260914"}, "FIELD_INVALID"),
        20: (basic | {"releaseTime": before}, "DURATION_OUT_OF_RANGE"),
        22: (basic | {"direction": "Sideways"}, "VALUE_UNMAPPED"),
    }
    if call.number == 6:
        hidden = replace(call, other="")
        return Written(_record(_basic(hidden), hidden), hidden)
    if call.number == 18:
        # The counter of a call that is still going on; its end brings a record of its own.
        return Written(_record(basic, call, "Long Duration"), call, "STILL_GOING_ON")
    basic, ends = changed.get(call.number, (basic, ""))
    return Written(_record(basic, call), call, ends)
