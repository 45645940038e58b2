import pytest

from asn1.encode import encode_notification
from asn1.tap import NotTapError, identify, read


def test_notification_is_read() -> None:
    data = encode_notification(
        {
            "sender": "AAA01", "recipient": "BBB01", "fileSequenceNumber": "00007",
            "specificationVersionNumber": 3, "releaseVersionNumber": 11,
        }
    )
    file = read(data)
    assert identify(data) == "notification"
    assert (file.header.kind, file.header.sequence) == ("notification", 7)
    assert (file.header.release, file.events.height, file.complete) == ("3.11", 0, True)
    assert not read(data[:-1]).complete


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", None),
        ("61", None),
        ("41 00", None),
        ("61 80 64 80 5f 81 44 05", "tap"),
        ("61 80 5f 29 01 02", "nrtrde"),
        ("7f 84 16 03 00 00 00", "rap"),
        ("7f 84 17 03 00 00 00", "rap"),
        ("62 80 5f 81 44 05", "notification"),
        ("48 44 52 2c 31", None),
        ("30 82 01 02", None),
    ],
)
def test_identify_looks_at_content(text: str, kind: str | None) -> None:
    data = bytes.fromhex(text)
    assert identify(data) == kind
    if kind not in {"tap", "notification"}:
        with pytest.raises(NotTapError, match="not a TAP file: offset 0"):
            read(data)
