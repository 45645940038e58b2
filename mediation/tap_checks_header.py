"""TAP validation of a file's header: what must be there, numbers and times."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from asn1.audit import utc_time
from asn1.tap_header import timestamp_of
from mediation.tap_sight import FileCheck, Sight

_NAME: Final = re.compile(r"^(CD|TD)\w{10}([0-9]{5})")
"""How a TAP file is named: sort, sender, recipient, number; what follows is ours or a copy's."""
_OFFSET: Final = re.compile(r"[+-](0[0-9]|1[0-4])[0-5][0-9]")

_GROUPS: Final = {
    30: "batchControlInfo", 31: "accountingInfo", 32: "networkInfo", 36: "auditControlInfo",
}
_ITEMS: Final = {
    30: "sender", 31: "recipient", 32: "fileSequenceNumber", 33: "fileAvailableTimeStamp",
    34: "specificationVersionNumber", 35: "fileCreationTimeStamp", 36: "transferCutOffTimeStamp",
}
_CREATED: Final = "fileCreationTimeStamp"
_AVAILABLE: Final = "fileAvailableTimeStamp"
_CUT_OFF: Final = "transferCutOffTimeStamp"


def _absent_group(name: str, sight: Sight) -> Iterator[str]:
    if name not in sight.file.groups:
        yield f"{name} is absent"


def _absent_item(name: str, sight: Sight) -> Iterator[str]:
    # Without a header one error is enough: that it is absent.
    if sight.control and sight.control.get(name) in (None, "", {}):
        yield f"{name} is absent"


def _number(item: str, sight: Sight, *, syntax: bool) -> Iterator[str]:
    """Whether a number of a file is five digits (syntax), and above 00000."""
    text = sight.control.get(item)
    if not text:
        return
    sound = re.fullmatch("[0-9]{5}", text)
    if syntax and not sound:
        yield f"{item} is {text!r}, not five digits"
    if not syntax and sound and not int(text):
        yield f"{item} is {text}; the first is 00001"


def _other_than_named(sight: Sight) -> Iterator[str]:
    named = _named(sight)
    sequence = sight.header.sequence
    if named and sequence is not None and int(named[2]) != sequence:
        yield f"fileSequenceNumber is {sequence:05d}, the file's name says {named[2]}"


def _named(sight: Sight) -> re.Match[str] | None:
    """The parts of the file's name, behind that of an archive; None when it is no TAP name."""
    return _NAME.match(sight.name.rpartition("/")[2])


def _test_with_live_name(sight: Sight) -> Iterator[str]:
    named = _named(sight)
    if named and named[1] == "CD" and sight.header.file_type == "T":
        yield f"fileTypeIndicator is T, and the name {sight.name} is that of a live file"


def _live_with_test_name(sight: Sight) -> Iterator[str]:
    named = _named(sight)
    if named and named[1] == "TD" and sight.header.file_type is None:
        yield f"fileTypeIndicator is absent, and the name {sight.name} is that of a test file"


def _file_type(sight: Sight, *, letters: bool) -> Iterator[str]:
    found = sight.header.file_type
    if found and found != "T" and (len(found) != 1) == letters:
        yield f"fileTypeIndicator is {found!r}; T is for test data, and live data have none"


def _time_syntax(item: str, sight: Sight) -> Iterator[str]:
    local = _stamp(sight, item).get("localTimeStamp", "")
    if _stamp(sight, item) and not re.fullmatch("[0-9]{14}", local):
        yield f"{item} is {local!r}, not YYYYMMDDhhmmss"


def _time_range(item: str, sight: Sight) -> Iterator[str]:
    stamp = _stamp(sight, item)
    local, offset = stamp.get("localTimeStamp", ""), stamp.get("utcTimeOffset", "")
    if not re.fullmatch("[0-9]{14}", local) or not offset:
        return
    if not _OFFSET.fullmatch(offset) or utc_time(local + offset) is None:
        yield f"{item} is {local}{offset}, which is no time with an offset"


def _time_offset(item: str, sight: Sight) -> Iterator[str]:
    stamp = _stamp(sight, item)
    if stamp and not stamp.get("utcTimeOffset"):
        yield f"{item} {stamp.get('localTimeStamp', '')} has no utcTimeOffset"


def _stamp(sight: Sight, item: str) -> dict[str, Any]:
    return sight.control.get(item) or {}


def time_of(sight: Sight, item: str) -> datetime | None:
    """A time of the header in UTC; None where it is absent or no time."""
    return utc_time(timestamp_of(sight.control.get(item)))


def _earlier(item: str, than: str, sight: Sight) -> Iterator[str]:
    one, other = time_of(sight, item), time_of(sight, than)
    if one is not None and other is not None and one < other:
        yield f"{item} {one:%F %T} UTC is before {than} {other:%F %T} UTC"


def _later_than_receipt(sight: Sight) -> Iterator[str]:
    available = time_of(sight, _AVAILABLE)
    allowed = sight.received_at + timedelta(seconds=sight.limits.available_ahead_max_s)
    if available is not None and available > allowed:
        yield (
            f"{_AVAILABLE} {available:%F %T} UTC is after the file's arrival "
            f"({sight.received_at:%F %T})"
        )


def _of_times() -> Iterator[FileCheck]:
    """The checks of the header's times; in a notification some have codes of their own."""
    finds: tuple[tuple[int, Callable[[str, Sight], Iterator[str]]], ...] = (
        (10, _time_syntax), (20, _time_range), (30, _time_offset),
    )
    for code, find in finds:
        yield FileCheck(f"TAP_227_{code}", partial(find, _CUT_OFF))
        yield FileCheck(f"TAP_107_{code}", partial(find, _AVAILABLE))
        yield FileCheck(f"TAP_107_{code + 1}", partial(find, _AVAILABLE), "notification")
        yield FileCheck(f"TAP_108_{code}", partial(find, _CREATED), "both")
    yield FileCheck("TAP_108_100", partial(_earlier, _CREATED, _CUT_OFF), "both")
    yield FileCheck("TAP_107_100", partial(_earlier, _AVAILABLE, _CUT_OFF))
    yield FileCheck("TAP_107_102", partial(_earlier, _AVAILABLE, _CUT_OFF), "notification")
    yield FileCheck("TAP_107_101", partial(_earlier, _AVAILABLE, _CREATED))
    yield FileCheck("TAP_107_103", partial(_earlier, _AVAILABLE, _CREATED), "notification")
    yield FileCheck("TAP_107_104", _later_than_receipt)
    yield FileCheck("TAP_107_105", _later_than_receipt, "notification")


HEADER_CHECKS: Final[tuple[FileCheck, ...]] = (
    *(FileCheck(f"TAP_1_{c}", partial(_absent_group, name)) for c, name in _GROUPS.items()),
    *(FileCheck(f"TAP_4_{c}", partial(_absent_item, name)) for c, name in _ITEMS.items()),
    FileCheck("TAP_109_10", partial(_number, "fileSequenceNumber", syntax=True), "both"),
    FileCheck("TAP_109_20", partial(_number, "fileSequenceNumber", syntax=False), "both"),
    FileCheck("TAP_109_100", _other_than_named, "both"),
    FileCheck("TAP_110_10", partial(_file_type, letters=True), "both"),
    FileCheck("TAP_110_20", partial(_file_type, letters=False), "both"),
    FileCheck("TAP_4_38", _test_with_live_name),
    FileCheck("TAP_4_39", _live_with_test_name),
    FileCheck("TAP_181_10", partial(_number, "rapFileSequenceNumber", syntax=True), "both"),
    FileCheck("TAP_181_20", partial(_number, "rapFileSequenceNumber", syntax=False), "both"),
    *_of_times(),
)
"""In the order of what decides: of two fatal errors the first is the file's."""
