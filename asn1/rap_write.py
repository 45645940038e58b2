"""Writes RAP files (TD.32); what is given back keeps the octets with which it came."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from asn1.ber import read_header
from asn1.encode import encode

_LONG_LENGTH: Final = 0x80


@dataclass(frozen=True, slots=True)
class Step:
    """One level of the way to an item: its application tag, and which of several it is, from 1."""

    tag: int
    occurrence: int | None = None


@dataclass(frozen=True, slots=True)
class ReturnError:
    """One error of what is returned: its code, and the way from the file's root to its item."""

    code: int
    path: tuple[Step, ...]


def severe_return(
    sequence: str, record: bytes, errors: Sequence[ReturnError], remarks: Sequence[str] = ()
) -> bytes:
    """The return of one record (its element as it came) of the TAP file with this number.

    `remarks` are texts for the partner, as the evidence of a charge that was not agreed.
    """
    said = {"operatorSpecList": list(remarks)} if remarks else {}
    return _with_octets("severeReturn", sequence, 1, record,
                        {"errorDetail": _details(errors), **said})


def fatal_return(
    sequence: str, name: str, group: bytes, errors: Sequence[ReturnError]
) -> bytes:
    """The return of a file for a group of it, as batchControlError; transferBatchError has none."""
    inner = {name: {"errorDetail": _details(errors)}}
    plain = _detail({"fatalReturn": {"fileSequenceNumber": sequence, **inner}})
    if not group:
        return plain
    identifier, content = _opened(plain)
    first, error = _elements(content)
    of_error, errors_only = _opened(error)
    return _closed(identifier, first + _closed(of_error, group + errors_only))


def missing_return(first: str, last: str) -> bytes:
    """The request for TAP files of these numbers, which did not come."""
    numbers = {"startMissingSeqNumber": first}
    if last != first:
        numbers["endMissingSeqNumber"] = last
    return _detail({"missingReturn": numbers})


def stop_return(last: str) -> bytes:
    """The return that names the number of the last TAP file."""
    return _detail({"stopReturn": {"lastSeqNumber": last}})


def acknowledgement(values: dict[str, Any]) -> bytes:
    """The octets of the acknowledgement of a file of returns; `values` by element names."""
    return encode("acknowledgement", values)


def return_batch(
    control: dict[str, Any], details: Sequence[bytes], audit: dict[str, Any]
) -> bytes:
    """The octets of a file of returns; `control` and `audit` by element names of the grammar."""
    identifier, before = _opened(encode("returnBatch", {"rapBatchControlInfoRap": control}))
    _, after = _opened(encode("returnBatch", {"rapAuditControlInfo": audit}))
    of_list, _ = _opened(_opened(encode("returnBatch", {"returnDetails": []}))[1])
    return _closed(identifier, before + _closed(of_list, b"".join(details)) + after)


def _with_octets(
    name: str, sequence: str, place: int, octets: bytes, rest: dict[str, Any]
) -> bytes:
    """A return detail with an element put among its own, behind so many."""
    plain = _detail({name: {"fileSequenceNumber": sequence, **rest}})
    identifier, content = _opened(plain)
    parts = _elements(content)
    return _closed(identifier, b"".join([*parts[:place], octets, *parts[place:]]))


def _details(errors: Sequence[ReturnError]) -> list[dict[str, Any]]:
    return [
        {"errorContext": [
            {"pathItemId": step.tag, "itemLevel": level}
            | ({} if step.occurrence is None else {"itemOccurrence": step.occurrence})
            for level, step in enumerate(error.path, start=1)
        ], "errorCode": error.code}
        for error in errors
    ]


def _detail(value: dict[str, Any]) -> bytes:
    """The element of one return detail."""
    return _opened(_opened(encode("returnBatch", {"returnDetails": [value]}))[1])[1]


def _opened(octets: bytes) -> tuple[bytes, bytes]:
    """An element's identifier octets and its content."""
    _, length, start = read_header(octets, 0, len(octets))
    return octets[:_identifier_length(octets)], octets[start:start + length]


def _identifier_length(octets: bytes) -> int:
    """Octets of an identifier: one, or more where all five low bits are set."""
    if octets[0] & 0x1F != 0x1F:
        return 1
    end = 1
    while octets[end] & 0x80:
        end += 1
    return end + 1


def _closed(identifier: bytes, content: bytes) -> bytes:
    """The element of this content, its length written definite and short."""
    if len(content) < _LONG_LENGTH:
        return identifier + bytes([len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return identifier + bytes([_LONG_LENGTH | len(length)]) + length + content


def _elements(content: bytes) -> list[bytes]:
    """The elements that stand one behind another; all are of definite length."""
    found, place = [], 0
    while place < len(content):
        _, length, start = read_header(content, place, len(content))
        found.append(content[place:start + length])
        place = start + length
    return found
