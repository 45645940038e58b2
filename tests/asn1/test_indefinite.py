"""Elements keep their tags, order and values when their lengths become indefinite."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asn1.ber import BerError
from asn1.indefinite import to_indefinite

PLAIN = st.tuples(st.sampled_from(["04", "5f8148", "9f20"]), st.binary(max_size=200))
TREES = st.recursive(
    PLAIN,
    lambda inner: st.tuples(
        st.sampled_from(["30", "61", "7f8148", "bf20"]), st.lists(inner, max_size=4)
    ),
    max_leaves=12,
)


def definite(tree) -> bytes:
    tag, content = tree
    octets = content if isinstance(content, bytes) else b"".join(map(definite, content))
    length = len(octets)
    size = b"" if length < 128 else length.to_bytes(2, "big").lstrip(b"\0")
    first = length if length < 128 else 128 | len(size)
    return bytes.fromhex(tag) + bytes([first]) + size + octets


def indefinite(tree) -> bytes:
    tag, content = tree
    if isinstance(content, bytes):
        return definite(tree)
    return bytes.fromhex(tag) + b"\x80" + b"".join(map(indefinite, content)) + b"\0\0"


@given(st.lists(TREES, max_size=3))
def test_all_constructed_elements_are_rewritten(trees) -> None:
    octets = b"".join(map(definite, trees))
    assert to_indefinite(octets) == b"".join(map(indefinite, trees))


@given(st.lists(TREES, max_size=3), st.sets(st.integers(0, 20)))
def test_some_are_rewritten_and_the_rest_later(trees, chosen: set[int]) -> None:
    octets = b"".join(map(definite, trees))
    mixed = to_indefinite(octets, lambda number, _tag: number in chosen)
    assert to_indefinite(mixed, lambda *_: False) == mixed
    assert to_indefinite(mixed) == to_indefinite(octets)


@given(st.lists(TREES, max_size=3))
def test_none_chosen_changes_nothing(trees) -> None:
    octets = b"".join(map(definite, trees))
    assert to_indefinite(octets, lambda *_: False) == octets


def test_elements_are_chosen_by_number_and_tag() -> None:
    octets = bytes.fromhex("610a 30020400 7f814802 0400")
    asked = []
    to_indefinite(octets, lambda number, tag: bool(asked.append((number, tag))))
    assert asked == [(0, 1 << 2 | 1), (1, 16 << 2), (2, 200 << 2 | 1)]
    assert to_indefinite(octets, lambda _, tag: tag == 200 << 2 | 1) == bytes.fromhex(
        "610c 30020400 7f814880 0400 0000"
    )


def test_superfluous_length_octets_are_dropped() -> None:
    octets = bytes.fromhex("3083000003 048100")
    assert to_indefinite(octets, lambda *_: False) == bytes.fromhex("3003 048100")


@pytest.mark.parametrize(
    ("octets", "offset", "code"),
    [
        ("3005 0400", 0, "LENGTH_BEYOND"),
        ("3080 0400", 4, "EOC_MISSING"),
        ("3002 0000", 2, "EOC_UNEXPECTED"),
        ("0000", 0, "EOC_UNEXPECTED"),
        ("3080 0000 1f", 4, "HEADER_CUT"),
    ],
)
def test_what_is_not_ber_is_refused(octets: str, offset: int, code: str) -> None:
    with pytest.raises(BerError) as caught:
        to_indefinite(bytes.fromhex(octets))
    assert (caught.value.offset, caught.value.code) == (offset, code)
