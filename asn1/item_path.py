"""The way to an item of a TAP file, as the errors of a RAP file tell it (TD.32, errorContext)."""

import re
from collections.abc import Iterator
from typing import Final

from asn1.ber import INDEFINITE, Octets, at_end_of_contents, read_header, skip
from asn1.rap_write import Step
from asn1.tree import TreeLine, record_tree, tree

_TAG: Final = re.compile(r"\[APPLICATION (\d+)\]")
_TRANSFER_BATCH, _CALL_EVENTS = 1, 3
GROUP_ERRORS: Final = {
    4: "batchControlError", 5: "accountingInfoError", 6: "networkInfoError",
    8: "messageDescriptionError", 15: "auditControlInfoError",
}
"""Application tag of a group of a TAP file to the element of a fatal return that holds it"""


def path_in_record(
    data: Octets, start: int, length: int, number: int, tag: int
) -> tuple[Step, ...]:
    """The way to the first item of this tag in record `number` (from 1); else to the record.

    Which of several an item is stands beside it only where there are several; of the records it
    stands beside their list, as the record's own tag differs by its type.
    """
    inside = _path(record_tree(data, "tap", start, start + length), tag)
    return (Step(_TRANSFER_BATCH), Step(_CALL_EVENTS, number), *inside)


def group_with(data: Octets, tag: int) -> tuple[str, bytes, tuple[Step, ...]]:
    """The group with the first item of this tag: its name in a fatal return, octets, and the way.

    Of the groups beside the call events; transferBatchError without octets where it is in none.
    """
    for start, end in _groups(data):
        octets = bytes(data[start:end])
        lines = list(tree(octets))
        name = GROUP_ERRORS.get(_tag(lines[0]))
        if name and any(_tag(line) == tag for line in lines):
            return name, octets, (Step(_TRANSFER_BATCH), *_path(iter(lines), tag))
    return "transferBatchError", b"", (Step(_TRANSFER_BATCH),)


def _groups(data: Octets) -> Iterator[tuple[int, int]]:
    """Where the elements of the file's outermost one begin and end, but for the call events."""
    _, length, place = read_header(data, 0, len(data))
    end = len(data) if length == INDEFINITE else place + length
    while place < end and not at_end_of_contents(data, place, end):
        identifier, size, inner = read_header(data, place, end)
        after = skip(data, inner, size, end)
        if identifier >> 3 != _CALL_EVENTS:
            yield place, after
        place = after


def _path(lines: Iterator[TreeLine], tag: int) -> tuple[Step, ...]:
    """The way to the first item of this tag within one element; else to that element."""
    every = list(lines)
    at = next((i for i, line in enumerate(every) if _tag(line) == tag), 0)
    way, depth = [at], every[at].depth
    for place in range(at - 1, -1, -1):
        if every[place].depth < depth:
            way.append(place)
            depth = every[place].depth
    return tuple(
        Step(_tag(every[place]), _occurrence(every, place, above))
        for place, above in zip(reversed(way), [None, *reversed(way)][:-1], strict=True)
    )


def _occurrence(lines: list[TreeLine], place: int, above: int | None) -> int | None:
    """Which of the items of its tag within the element above; None where it is alone."""
    if above is None:
        return None
    depth, same = lines[place].depth, []
    for i in range(above + 1, len(lines)):
        if lines[i].depth < depth:
            break
        if lines[i].depth == depth and lines[i].tag == lines[place].tag:
            same.append(i)
    return same.index(place) + 1 if len(same) > 1 else None


def _tag(line: TreeLine) -> int:
    """The number of an application tag; -1 of any other."""
    found = _TAG.match(line.tag)
    return int(found[1]) if found else -1
