from typing import Any

from asn1.encode import encode_transfer_batch
from asn1.tree import tree


def test_lines_name_what_the_grammar_knows(release_312: dict[str, Any]) -> None:
    data = encode_transfer_batch(release_312)
    lines = list(tree(data))
    assert (lines[0].name, lines[0].depth, lines[0].tag) == ("transferBatch", 0, "[APPLICATION 1]")
    assert lines[0].header_length + lines[0].length == len(data)
    imsi = next(line for line in lines if line.name == "imsi")
    assert imsi.value_text == "238011234567890"
    assert imsi.depth == 6
    assert data[imsi.offset :].startswith(b"\x5f\x81\x01\x08")
    assert {line.name for line in lines} >= {"sender", "chargeDetail", "totalCharge"}
    assert all(line.name for line in lines)
    inner = [line for line in lines if line.value_text]
    assert sum(line.header_length for line in lines) + sum(line.length for line in inner) == len(
        data
    )


def test_any_ber_is_shown() -> None:
    data = bytes.fromhex("30 80 02 01 05 a1 03 04 01 ff 00 00 61 02 c4 00 00 0a")
    assert [(n.offset, n.depth, n.tag, n.name, n.length) for n in tree(data)] == [
        (0, 0, "[UNIVERSAL 16]", None, -1),
        (2, 1, "[UNIVERSAL 2]", None, 1),
        (5, 1, "[1]", None, 3),
        (7, 2, "[UNIVERSAL 4]", None, 1),
        (12, 0, "[APPLICATION 1]", "transferBatch", 2),
        (14, 1, "[PRIVATE 4]", None, 0),
    ]


def test_the_last_line_tells_what_is_wrong(release_312: dict[str, Any]) -> None:
    data = encode_transfer_batch(release_312)
    for cut in range(1, len(data), 7):
        last = list(tree(data[:cut]))[-1]
        assert last.tag == "error"
        assert last.value_text.startswith(("HEADER_CUT", "LENGTH_BEYOND"))
    deep = list(tree(b"\x61\x80" * 50))
    assert deep[-1].value_text.startswith("DEPTH")
    assert list(tree(b"")) == []


def test_a_value_that_is_none_is_shown_as_octets() -> None:
    # transferBatch > batchControlInfo > releaseVersionNumber without octets
    lines = list(tree(bytes.fromhex("61 06 64 04 5f 81 3d 00")))
    assert lines[-1].name == "releaseVersionNumber"
    assert "without octets" in lines[-1].value_text
