"""Compiled reading of single tags of XML: their ends, attributes, names and namespaces."""

from typing import Final

from asn1.compiled import njit
from asn1.machine import item, set_item
from mediation.xml_paths import (
    CHILD,
    LENGTH,
    NAME,
    SIBLING,
    SPACE,
    SPACE_COUNT,
    SPACES,
    Integers,
)
from mediation.xml_sink import (
    A_COLON,
    A_END,
    A_NAME,
    A_NAME_END,
    A_ODD,
    A_VALUE,
    ATTRIBUTE_WORDS,
    ATTRIBUTES,
    ATTRIBUTES_AT,
    BINDING_WORDS,
    BINDINGS_AT,
    BOUND,
    BOUND_TO,
    C_ATTRIBUTE,
    C_BLANK,
    C_NAME_END,
    LONGEST,
    MAX_ATTRIBUTES,
    MAX_BINDINGS,
    PREFIX,
    PREFIX_LENGTH,
    TAG_COLON,
    TAG_NAME,
    Source,
)

OPTIONS: Final = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
INLINE: Final = {**OPTIONS, "cache": False, "no_cpython_wrapper": True, "forceinline": True}
_UNASKED: Final = -2
LT, GT, SLASH, BANG, QUESTION, QUOTE, APOSTROPHE, EQUALS, COLON = b"<>/!?\"'=:"
_DASH, _OPENING, _CLOSING = b"-[]"


@njit(**INLINE)
def limit_of(source: Source, at: int) -> int:
    """How far a piece of text or markup may go that begins there."""
    return min(source.data.size, at + LONGEST)


@njit(**INLINE)
def _kind(source: Source, at: int) -> int:
    """The class of an octet."""
    return item(source.classes, item(source.data, at))


@njit(**INLINE)
def equal(source: Source, at: int, place: int, length: int) -> bool:
    """Whether octets of the file are those of a name."""
    n = 0
    while n < length and item(source.data, at + n) == item(source.names, place + n):
        n += 1
    return n == length


@njit(**INLINE)
def markup_end(source: Source, at: int) -> int:
    """The end of a comment, a CDATA section or a processing instruction; -1 for none of them."""
    data, size, marks = source.data, source.data.size, 2
    first = item(data, at + 1)
    if first == QUESTION:
        at, marks = at + 2, 1
    elif at + 6 < size and item(data, at + 2) == _DASH and item(data, at + 3) == _DASH:
        first, at = _DASH, at + 4
    elif at + 11 < size and item(data, at + 2) == _OPENING and item(data, at + 8) == _OPENING:
        first, at = _CLOSING, at + 9
    else:
        return -1
    limit = limit_of(source, at) - marks
    while at < limit:
        if item(data, at) == first and item(data, at + marks) == GT and (
            marks == 1 or item(data, at + 1) == first
        ):
            return at + marks + 1
        at += 1
    return -1


@njit(**INLINE)
def space_of(source: Source, words: Integers, prefix: int, length: int) -> int:
    """The number of the namespace that a prefix is bound to; -1 for one that nobody asks for."""
    at = BINDINGS_AT + BINDING_WORDS * (item(words, BOUND) - 1)
    while at >= BINDINGS_AT:
        if item(words, at + PREFIX_LENGTH) == length:
            place, n = item(words, at + PREFIX), 0
            while n < length and item(source.data, prefix + n) == item(source.data, place + n):
                n += 1
            if n == length:
                return item(words, at + BOUND_TO)
        at -= BINDING_WORDS
    return -1 if length else 0


@njit(**INLINE)
def _declares(source: Source, words: Integers, row: int) -> int:
    """1 for an attribute that declares a namespace; -1 for xml:id, which is judged by a tree."""
    at, colon = item(words, row + A_NAME), item(words, row + A_COLON)
    length = item(words, row + A_NAME_END) - at
    data = source.data
    # xmlns, xml:id
    if length < 5 or item(data, at) != 120 or item(data, at + 1) != 109 or (
        item(data, at + 2) != 108
    ):
        return 0
    if item(data, at + 3) == 110 and item(data, at + 4) == 115:
        return 1 if length == 5 or colon == at + 5 else 0
    named = length == 6 and item(data, at + 4) == 105 and item(data, at + 5) == 100
    return -1 if named and colon == at + 3 else 0


@njit(**INLINE)
def _bind(source: Source, words: Integers, row: int) -> bool:
    """Notes a namespace's declaration; False for one that is not simple."""
    value, end = item(words, row + A_VALUE), item(words, row + A_END)
    bound, colon = item(words, BOUND), item(words, row + A_COLON)
    if item(words, row + A_ODD) or bound == MAX_BINDINGS:
        return False
    set_item(words, BOUND, bound + 1)
    at, plan = BINDINGS_AT + BINDING_WORDS * bound, source.plan
    set_item(words, at + PREFIX, colon + 1)
    length = item(words, row + A_NAME_END) - colon - 1 if colon >= 0 else 0
    set_item(words, at + PREFIX_LENGTH, length)
    set_item(words, at + BOUND_TO, -1)
    spaces = item(plan, SPACES)
    for number in range(item(plan, SPACE_COUNT)):
        place, size = item(plan, spaces + 2 * number), item(plan, spaces + 2 * number + 1)
        if size == end - value and equal(source, value, place, size):
            set_item(words, at + BOUND_TO, number)
    return True


@njit(**INLINE)
def start_tag(source: Source, words: Integers, at: int) -> int:
    """The end of a start tag, whose name and attributes are noted; -1 for none."""
    data, size, kept, colon = source.data, source.data.size, 0, -1
    at += 1
    while at < size and not _kind(source, at) & C_NAME_END:
        if item(data, at) == COLON:
            colon = at
        at += 1
    set_item(words, TAG_COLON, colon)
    set_item(words, TAG_NAME, at)
    while at + 1 < size:
        while at + 1 < size and _kind(source, at) & C_BLANK:
            at += 1
        octet = item(data, at)
        if octet in (GT, SLASH):
            set_item(words, ATTRIBUTES, kept)
            at += octet == SLASH
            return at + 1 if item(data, at) == GT else -1
        row = ATTRIBUTES_AT + ATTRIBUTE_WORDS * kept
        at = _attribute(source, words, at, row) if kept < MAX_ATTRIBUTES else -1
        if at < 0:
            return -1
        # A namespace may be declared behind its use in the same tag: names are looked up later.
        declares = _declares(source, words, row)
        if declares < 0 or (declares and not _bind(source, words, row)):
            return -1
        kept += 1
    return -1


@njit(**INLINE)
def _attribute(source: Source, words: Integers, at: int, row: int) -> int:
    """The end of an attribute, which is noted in the row; -1 for none."""
    data, size, colon = source.data, source.data.size, -1
    set_item(words, row + A_NAME, at)
    while at < size and not _kind(source, at) & C_NAME_END:
        if item(data, at) == COLON:
            colon = at
        at += 1
    set_item(words, row + A_COLON, colon)
    set_item(words, row + A_NAME_END, at)
    equals = 0
    while at < size and (_kind(source, at) & C_BLANK or item(data, at) == EQUALS):
        equals += item(data, at) == EQUALS
        at += 1
    if at >= size or equals != 1:
        return -1
    quote, odd = item(data, at), 0
    if quote not in (QUOTE, APOSTROPHE):
        return -1
    at += 1
    set_item(words, row + A_VALUE, at)
    limit = limit_of(source, at)
    while at < limit:
        octet = item(data, at)
        if octet == quote:
            break
        odd |= item(source.classes, octet)
        at += 1
    set_item(words, row + A_END, at)
    set_item(words, row + A_ODD, odd & C_ATTRIBUTE)
    return at + 1 if at < limit else -1


@njit(**INLINE)
def child_of(source: Source, words: Integers, first: int, parent: int) -> int:
    """The node of the tag at hand below another one; -1 for one that nobody asks for."""
    plan, colon, end = source.plan, item(words, TAG_COLON), item(words, TAG_NAME)
    local = colon + 1 if colon >= 0 else first
    space, child = _UNASKED, item(plan, parent + CHILD)
    while child >= 0:
        if item(plan, child + LENGTH) == end - local and equal(
            source, local, item(plan, child + NAME), end - local
        ):
            if space == _UNASKED:
                space = space_of(source, words, first, max(colon - first, 0))
            if space == item(plan, child + SPACE):
                return child
        child = item(plan, child + SIBLING)
    return -1
