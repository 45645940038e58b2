"""What a file is shows in its first octets, whatever it is called and if its header is damaged."""

import pytest

from asn1.damage import REPLACEMENT
from asn1.encode import encode, encode_notification
from asn1.identify import FileFamily, identify
from asn1.tap import NotTapError, read


def test_notification_is_read() -> None:
    data = encode_notification(
        {
            "sender": "AAA01", "recipient": "BBB01", "fileSequenceNumber": "00007",
            "specificationVersionNumber": 3, "releaseVersionNumber": 11,
        }
    )
    file = read(data)
    assert identify(data) == "notification"
    assert (file.kind, file.header.kind, file.header.sequence) == (
        "notification", "notification", 7,
    )
    assert (file.header.release, file.records.height, file.complete) == ("3.11", 0, True)
    cut = read(data[:-1])
    assert (cut.complete, cut.header.sender) == (False, "AAA01")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", None),
        ("61", None),
        ("41 00", None),
        ("61 80 64 80 5f 81 44 05", "tap"),
        ("61 84 00 00 01 00 64 83 00 00 90 5f 81 44 05", "tap"),
        ("61 80 5f 29 01 02", "nrtrde"),
        ("7f 84 16 03 00 00 00", "rap"),
        ("7f 84 17 03 00 00 00", "rap"),
        ("7f 84 16 80", "rap"),
        ("5f 84 16 03 00 00 00", None),
        ("62 80 5f 81 44 05", "notification"),
        ("48 44 52 2c 31", None),
        ("30 82 01 02", None),
    ],
)
def test_identify_looks_at_content(text: str, kind: FileFamily | None) -> None:
    data = bytes.fromhex(text)
    assert identify(data) == kind
    if kind is None:
        with pytest.raises(NotTapError, match="not a TAP file: offset 0"):
            read(data)
    else:
        assert not read(data).complete


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        # batchControlInfo begins with an unknown element, or is missing.
        ("61 80 64 80 c5 01 00 5f 81 44 05 41 41 41 30 31", "tap"),
        ("61 80 65 05 5f 81 74 01 03 66 00 63 00", "tap"),
        ("61 80 63 05 69 03 c5 01 00", "tap"),
        # Sender before the version, and an unknown element first.
        ("61 80 5f 26 05 41 41 41 30 31 5f 24 00", "nrtrde"),
        ("61 80 c5 01 00 5f 29 01 02 5f 25 01 01", "nrtrde"),
        ("62 80 5f 81 36 01 30 5f 6d 01 31", "notification"),
        # One element alone, a group that is primitive, lengths that do not fit: too little.
        ("61 80 65 00", None),
        ("61 80 25 05 5f 81 74 01 03", None),
        ("61 04 65 05 5f 81 74 01 03", None),
    ],
)
def test_a_damaged_header_is_told_by_what_is_left(text: str, kind: FileFamily | None) -> None:
    assert identify(bytes.fromhex(text)) == kind


@pytest.mark.parametrize("text", ["a~cAi~i~", "b{o#_+aaaa", "accent, all", "HDR,1\r\nMOC,2\r\n"])
def test_text_is_no_file_of_ours(text: str) -> None:
    assert identify(text.encode()) is None


def test_kinds_that_begin_alike_are_told_apart() -> None:
    nrtrde = encode("nrtrde", {"specificationVersionNumber": 2, "releaseVersionNumber": 1})
    returns = encode("returnBatch", {"rapBatchControlInfoRap": {"sender": "AAA01"}})
    acknowledgement = encode("acknowledgement", {"sender": "AAA01"})
    assert [identify(data) for data in (nrtrde, returns, acknowledgement)] == [
        "nrtrde", "rap", "rap",
    ]


def test_a_text_conversion_is_named_where_no_kind_can_be_told() -> None:
    with pytest.raises(NotTapError, match="offset 1: a text conversion has replaced octets") as no:
        read(b"\x61" + REPLACEMENT * 2 + b"\x64" + REPLACEMENT)
    assert no.value.offset == 1
