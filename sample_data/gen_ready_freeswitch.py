"""FreeSWITCH's mod_xml_cdr: one XML document per call, its values written as in a URL."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote
from uuid import UUID
from xml.sax.saxutils import escape

from gen_events import random_for
from gen_ready_calls import Call, ReadyFile, Written, calls

PROFILE = "freeswitch"
OFFSET = timedelta(hours=1)
COUNT = 24
CORE = "8f3a1c52-6d0e-4b7a-9a41-2f6f5d3c7b10"
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00")
_MICROSECOND = timedelta(microseconds=1)


def files() -> Iterator[ReadyFile]:
    """A day's documents one behind another, one call by itself, and a document that breaks off."""
    day = [_spoiled(c) for c in calls(PROFILE, COUNT)]
    day.insert(8, replace(day[7], ends="DUPLICATE_IN_FILE"))
    yield _file("a_20260914.cdr.xml", day)
    (single,) = calls(f"{PROFILE}/single", 1, day[-1].call.ended_at + timedelta(hours=2))
    yield _file(f"a_{_uuid(single)}.cdr.xml", [Written(_document(_variables(single)), single)])
    (lost,) = calls(f"{PROFILE}/lost", 1, single.ended_at + timedelta(hours=1))
    text = _document(_variables(lost))
    cut = text[: text.index("<hangup_cause>") + 20]
    yield _file(f"a_{_uuid(lost)}.cdr.xml", [Written(cut, lost, "XML_BROKEN")])


def _file(name: str, records: list[Written]) -> ReadyFile:
    return ReadyFile(PROFILE, name, "".join(w.text for w in records).encode(), tuple(records))


def _uuid(call: Call) -> UUID:
    rng = random_for(PROFILE, call.answered_at.isoformat(), call.number)
    return UUID(int=rng.getrandbits(128), version=4)


def _international(number: str) -> str:
    return f"+{number}" if number else "anonymous"


def _variables(call: Call) -> dict[str, str]:
    """The channel's variables of one call's leg towards the switch, as they are before encoding."""
    made = call.direction == "mo"
    times = {"start": call.set_up_at, "answer": call.answered_at, "end": call.ended_at}
    caller, callee = _international(call.calling), _international(call.called)
    host = "pbx.example" if made else "carrier.example"
    return {
        "direction": "inbound",
        "uuid": str(_uuid(call)),
        "channel_name": f"sofia/{'internal' if made else 'external'}/{caller}@{host}",
        "user_context": "default" if made else "public",
        "accountcode": call.subscriber[-4:],
        "effective_caller_id_name": f"Desk {call.subscriber[-2:]}, Müller & Co" if made else "",
        "caller_id_number": caller,
        "destination_number": callee,
        "sip_req_uri": f"{callee}@{host};user=phone",
        **{f"{name}_stamp": f"{t + OFFSET:%F %T}" for name, t in times.items()},
        **{f"{name}_epoch": str((t - _EPOCH) // timedelta(seconds=1)) for name, t in times.items()},
        **{f"{name}_uepoch": str((t - _EPOCH) // _MICROSECOND) for name, t in times.items()},
        "duration": str(call.ring_s + call.duration_s),
        "billsec": str(call.duration_s),
        "hangup_cause": "NORMAL_CLEARING",
    }


def _document(variables: dict[str, str]) -> str:
    """One document; only the variables are written as in a URL."""
    caller, callee = escape(variables["caller_id_number"]), escape(variables["destination_number"])
    encoded = "".join(
        f"    <{name}>{quote(text, safe='/')}</{name}>\n" for name, text in variables.items()
    )
    return (
        '<?xml version="1.0"?>\n'
        f'<cdr core-uuid="{CORE}">\n'
        "  <channel_data>\n"
        "    <state>CS_REPORTING</state>\n"
        f"    <direction>{variables['direction']}</direction>\n"
        "    <state_number>11</state_number>\n"
        "  </channel_data>\n"
        f"  <variables>\n{encoded}  </variables>\n"
        '  <callflow dialplan="XML" profile_index="1">\n'
        "    <caller_profile>\n"
        f"      <caller_id_number>{caller}</caller_id_number>\n"
        f"      <destination_number>{callee}</destination_number>\n"
        f"      <context>{variables['user_context']}</context>\n"
        "    </caller_profile>\n"
        "  </callflow>\n"
        "</cdr>\n"
    )


def _spoiled(call: Call) -> Written:
    """The call's document, with what is out of the ordinary by its number."""
    variables = _variables(call)
    unanswered = {"answer_stamp": "", "answer_epoch": "0", "answer_uepoch": "0", "billsec": "0"}
    changed: dict[int, tuple[dict[str, str], str]] = {
        3: (variables | unanswered | {"hangup_cause": "NO_ANSWER"}, "NOT_ANSWERED"),
        6: (variables | unanswered | {"hangup_cause": "USER_BUSY"}, "NOT_ANSWERED"),
        # The leg from the switch to the other party: the same call once more.
        10: (variables | {"direction": "outbound"}, "SECOND_LEG"),
        13: (variables | {"destination_number": "1004"}, "INTERNAL_CALL"),
        15: (variables | {"user_context": "lab"}, "VALUE_UNMAPPED"),
        17: (variables | {"destination_number": "+44x20"}, "FIELD_INVALID"),
        21: (variables | {"billsec": "99999999"}, "DURATION_OUT_OF_RANGE"),
    }
    if call.number == 12:
        hidden = replace(call, other="")
        return Written(_document(_variables(hidden)), hidden)
    variables, ends = changed.get(call.number, (variables, ""))
    return Written(_document(variables), call, ends)
