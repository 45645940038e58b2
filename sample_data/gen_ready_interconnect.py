"""An interconnect carrier's files: fixed width, two kinds of detail, totals in the trailer."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from gen_ready_calls import FIRST_CALL, Call, ReadyFile, Written, calls

PROFILE = "interconnect"
OFFSET = timedelta(hours=1)
COUNT = 30
# In hundred-thousandths of a pound: one second of a call we hand over, one part of a message.
SECOND, PART = 12, 1_950
# Numbers of calls that the carrier writes as messages.
MESSAGES = (5, 12, 17, 24, 29)

def charge(call: Call) -> int:
    """What the carrier asks, in hundred-thousandths of a pound; what it hands over is free."""
    if call.direction == "mt":
        return 0
    return PART * _parts(call) if call.number in MESSAGES else SECOND * call.duration_s


def files() -> Iterator[ReadyFile]:
    """The carrier's files: one with single bad lines, one whose total is wrong, one that is cut."""
    first = [_spoiled(c) for c in calls(PROFILE, COUNT)]
    first.insert(9, replace(first[8], ends="DUPLICATE_IN_FILE"))
    yield _file(1, first, sum(charge(w.call) for w in first))
    wrong = _plain(2, "GATE_FAILED")
    yield _file(2, wrong, sum(charge(w.call) for w in wrong) + 5_000)
    whole = _plain(3, "FILE_INCOMPLETE")
    cut = _file(3, whole, sum(charge(w.call) for w in whole))
    yield replace(cut, data=cut.data[: cut.data.index(b"\n99") + 1])


def _plain(sequence: int, ends: str) -> list[Written]:
    """A dozen lines of another day, nothing wrong with any of them."""
    later = calls(PROFILE, 12, FIRST_CALL + timedelta(days=sequence - 1))
    return [Written(_line(c), c, ends) for c in later]


def _file(sequence: int, records: list[Written], total: int) -> ReadyFile:
    day = f"202609{14 + sequence:02d}"
    header = f"00GBRCXGBRRM{sequence:06d}{day}020000GBP"
    trailer = f"99{len(records):09d}{total:015d}"
    data = "".join(f"{x}\n" for x in (header, *(w.text for w in records), trailer)).encode("ascii")
    return ReadyFile(PROFILE, f"IC_{day}_{sequence:06d}.dat", data, tuple(records))


def _line(call: Call, trunk: str = "LON01A") -> str:
    way = "O" if call.direction == "mo" else "I"
    when = f"{call.answered_at + OFFSET:%Y%m%d%H%M%S}+0100"
    parties = f"{call.number:012d}{call.calling:<20}{call.called:<20}{when}"
    if call.number in MESSAGES:
        return f"20{way}{parties}{_parts(call):03d}{charge(call):011d}"
    return f"10{way}{parties}{call.duration_s:06d}{trunk:<8}{charge(call):011d}"


def _parts(call: Call) -> int:
    return 1 + call.duration_s % 3


def _spoiled(call: Call) -> Written:
    """The call's line, with what is wrong with it by its number."""
    line = _line(call)
    if call.number == 20:
        # A caller who withholds the number: nothing is wrong with it.
        hidden = replace(call, other="")
        return Written(_line(hidden), hidden)
    # The unknown and the short line are of calls without charge: their totals still add up.
    changed = {
        3: (_line(call, "TEST"), "TEST_TRUNK"),
        7: (line.replace("20260914", "20260931"), "FIELD_INVALID"),
        14: (f"30{line[2:]}", "LINE_UNKNOWN"),
        18: (line[:80], "LINE_SHORT"),
        21: (line.replace(f"{call.duration_s:06d}LON", "086400LON"), "DURATION_OUT_OF_RANGE"),
    }
    line, ends = changed.get(call.number, (line, ""))
    return Written(line, call, ends)
