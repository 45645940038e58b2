"""One compiled pass over the octets of XML: where records lie, and what columns hold.

It follows well-formed documents without a document type and checks nothing: lxml does. What it
cannot follow it gives up (UNSOUND).
"""

from typing import Final

from asn1.compiled import njit
from asn1.machine import item, set_item
from mediation.xml_kernel_tags import (
    BANG,
    GT,
    INLINE,
    LT,
    OPTIONS,
    QUESTION,
    SLASH,
    child_of,
    equal,
    limit_of,
    markup_end,
    space_of,
    start_tag,
)
from mediation.xml_paths import (
    ABOVE,
    AROUND_COLUMNS,
    ATTRIBUTE,
    COLUMN,
    EVERY,
    NEXT,
    PLAN_HEAD,
    RECORD,
    TARGET,
    TEXT,
    W_LENGTH,
    W_NAME,
    W_SPACE,
    Integers,
)
from mediation.xml_sink import (
    A_COLON,
    A_END,
    A_NAME,
    A_NAME_END,
    A_ODD,
    A_VALUE,
    ABOVE_AT,
    AROUND,
    ASIDE,
    ASIDE_FULL,
    ASIDE_WORDS,
    AT,
    ATTRIBUTE_WORDS,
    ATTRIBUTES,
    ATTRIBUTES_AT,
    BINDINGS,
    BOUND,
    C_BLANK,
    C_TEXT,
    CONTENT,
    DEPTH,
    DOCUMENT_WORDS,
    DOCUMENTS,
    DONE,
    END,
    IS_ATTRIBUTE,
    IS_ODD,
    KEPT,
    KIND,
    LEVEL,
    MANY,
    MAX_DEPTH,
    NODE,
    PIECE,
    PLACE_WORDS,
    RECORD_NODE,
    ROOM,
    ROOM_ROWS,
    ROWS,
    SEEN,
    SERIAL,
    SPAN_WORDS,
    STACK,
    STACK_WORDS,
    START,
    TAG,
    TAG_COLON,
    TAG_NAME,
    UNSOUND,
    VARIABLES,
    Sink,
    Source,
)

_INLINE_OCTETS: Final = 12
"""Texts up to this stand in their view"""


@njit(**INLINE)
def _note(array: Integers, at: int, start: int, end: int, kind: int) -> None:
    """Three words."""
    set_item(array, at, start)
    set_item(array, at + 1, end)
    set_item(array, at + 2, kind)


@njit(**INLINE)
def _set_aside(sink: Sink, column: int, start: int, end: int, kind: int) -> None:
    """Notes a value that is not taken as it stands, and counts it if there is no room."""
    count = item(sink.words, ASIDE)
    at = ASIDE_WORDS * count
    if at < sink.aside.size:
        set_item(sink.aside, at, item(sink.words, ROWS))
        set_item(sink.aside, at + 1, column)
        _note(sink.aside, at + 2, start, end, kind)
    set_item(sink.words, ASIDE, count + 1)


@njit(**INLINE)
def _fill(
    source: Source, sink: Sink, target: int, column: int, start: int, end: int, kind: int
) -> None:
    """Puts a value where it goes; of some nodes the first one counts, be it empty."""
    words = sink.words
    if target == RECORD:
        seen = item(words, SEEN) + column
        if item(words, seen) != item(words, SERIAL):
            set_item(words, seen, item(words, SERIAL))
            if kind & IS_ODD:
                _set_aside(sink, column, start, end, kind)
            elif end > start:
                _put(source, sink, column, start, end - start)
    elif target == EVERY:
        _set_aside(sink, column, start, end, kind)
    elif target == ABOVE:
        _note(words, ABOVE_AT + SPAN_WORDS * column, start, end, kind)
    else:
        at = _document(words) + DOCUMENT_WORDS + SPAN_WORDS * column
        if item(sink.documents, at) < 0:
            _note(sink.documents, at, start, end, kind)


@njit(**INLINE)
def _document(words: Integers) -> int:
    """Where the words of the document at hand begin."""
    return item(words, DOCUMENTS) * (DOCUMENT_WORDS + SPAN_WORDS * item(words, VARIABLES))


@njit(**INLINE)
def _put(source: Source, sink: Sink, column: int, start: int, size: int) -> None:
    """Writes the view of a text that stands in the file as it is."""
    cell = item(sink.words, ROOM_ROWS) * column + item(sink.words, ROWS)
    head = tail = 0
    for n in range(min(size, 4)):
        head |= item(source.data, start + n) << 8 * n
    if size > _INLINE_OCTETS:
        tail = start << 32
    else:
        for n in range(4, size):
            tail |= item(source.data, start + n) << 8 * (n - 4)
    set_item(sink.valid, cell, 1)
    set_item(sink.views, 2 * cell, head << 32 | size)
    set_item(sink.views, 2 * cell + 1, tail)


@njit(**INLINE)
def _take_attributes(source: Source, sink: Sink, node: int) -> None:
    """Puts the attributes of the tag at hand where they are wished for."""
    words, plan = sink.words, source.plan
    wish = item(plan, node + ATTRIBUTE)
    end = ATTRIBUTES_AT + ATTRIBUTE_WORDS * item(words, ATTRIBUTES)
    while wish >= 0:
        target, column = item(plan, wish + TARGET), item(plan, wish + COLUMN)
        if target == ABOVE:
            set_item(words, ABOVE_AT + SPAN_WORDS * column, -1)
        row = ATTRIBUTES_AT
        while row < end:
            name, colon = item(words, row + A_NAME), item(words, row + A_COLON)
            local = colon + 1 if colon >= 0 else name
            size = item(words, row + A_NAME_END) - local
            if size == item(plan, wish + W_LENGTH) and equal(
                source, local, item(plan, wish + W_NAME), size
            ):
                space = space_of(source, words, name, colon - name) if colon >= 0 else 0
                if space == item(plan, wish + W_SPACE):
                    _fill(source, sink, target, column, item(words, row + A_VALUE),
                          item(words, row + A_END),
                          IS_ATTRIBUTE + (IS_ODD if item(words, row + A_ODD) else 0))
                    break
            row += ATTRIBUTE_WORDS
        wish = item(plan, wish + NEXT)


@njit(**INLINE)
def _open(source: Source, sink: Sink, at: int, end: int, bound: int) -> None:
    """Puts the tag at hand on the stack, and takes its attributes."""
    words = sink.words
    level = item(words, LEVEL) + 1
    row = STACK + STACK_WORDS * level
    set_item(words, LEVEL, level)
    if level == 1:
        node = PLAN_HEAD
        document = _document(words)
        for n in range(item(words, VARIABLES)):
            set_item(sink.documents, document + DOCUMENT_WORDS + SPAN_WORDS * n, -1)
        space = space_of(source, words, at + 1, max(item(words, TAG_COLON) - at - 1, 0))
        _note(sink.documents, document, at, -1, space)
    else:
        node = item(words, row - STACK_WORDS + NODE)
        if node >= 0:
            node = child_of(source, words, at + 1, node)
    _note(words, row, at, item(words, TAG_NAME), end)
    set_item(words, row + NODE, node)
    set_item(words, row + BINDINGS, bound)
    if level == item(words, DEPTH) and node == item(words, RECORD_NODE):
        set_item(words, SERIAL, item(words, SERIAL) + 1)
        set_item(words, KEPT, item(words, ASIDE))
    if node >= 0:
        _take_attributes(source, sink, node)


@njit(**INLINE)
def _close(source: Source, sink: Sink, at: int, run: int, odd: int) -> None:
    """Puts the text of the element at hand where it is wished for; its content ends at `at`."""
    words, plan = sink.words, source.plan
    row = STACK + STACK_WORDS * item(words, LEVEL)
    node, start = item(words, row + NODE), item(words, row + CONTENT)
    wish = item(plan, node + TEXT) if node >= 0 else -1
    while wish >= 0:
        _fill(source, sink, item(plan, wish + TARGET), item(plan, wish + COLUMN), start, at,
              IS_ODD if odd or start != run else 0)
        wish = item(plan, wish + NEXT)


@njit(**INLINE)
def _end_record(source: Source, sink: Sink, tag: int, end: int) -> bool:
    """Puts down the record at hand; False if there was no room for what is set aside."""
    words, columns = sink.words, item(source.plan, AROUND_COLUMNS)
    for n in range(item(words, AROUND)):
        at = ABOVE_AT + SPAN_WORDS * n
        if item(words, at) >= 0:
            _fill(source, sink, RECORD, item(source.plan, columns + n), item(words, at + START),
                  item(words, at + END), item(words, at + KIND))
    if ASIDE_WORDS * item(words, ASIDE) > sink.aside.size:
        set_item(words, ASIDE, item(words, KEPT))
        return False
    row = item(words, ROWS)
    _note(sink.places, PLACE_WORDS * row, tag, end, item(words, DOCUMENTS))
    set_item(words, ROWS, row + 1)
    return True


@njit(**INLINE)
def _leave(source: Source, sink: Sink, end: int) -> int:
    """Takes the element at hand, which ends there, from the stack; ROOM, ASIDE_FULL or DONE."""
    words, status = sink.words, DONE
    level, many = item(words, LEVEL), item(words, MANY)
    row = STACK + STACK_WORDS * level
    set_item(words, BOUND, item(words, row + BINDINGS))
    set_item(words, LEVEL, level - 1)
    if level == item(words, DEPTH):
        if item(words, row + NODE) == item(words, RECORD_NODE) and not _end_record(
            source, sink, item(words, row + TAG), end
        ):
            set_item(words, AT, item(words, row + TAG))
            return ASIDE_FULL
        if item(words, ROWS) == item(words, ROOM_ROWS) or (
            end >= item(words, PIECE) and (level > 1 or many)
        ):
            status = ROOM
    if level == 1:
        document = _document(words)
        set_item(sink.documents, document + 1, end)
        set_item(words, DOCUMENTS, item(words, DOCUMENTS) + 1)
        if many and item(words, DOCUMENTS) == item(words, ROOM_ROWS):
            status = ROOM
    set_item(words, AT, end)
    return status


@njit(**OPTIONS)
def read_piece(source: Source, sink: Sink) -> int:  # noqa: C901, PLR0911, PLR0912  one loop
    """Reads on from where the words say; how it ended."""
    words, data, size = sink.words, source.data, source.data.size
    while True:
        run = at = item(words, AT)
        odd, octet, limit = 0, 0, limit_of(source, at)
        while at < limit:
            octet = item(data, at)
            if octet == LT:
                break
            odd |= item(source.classes, octet) ^ C_BLANK
            at += 1
        level, started, many = item(words, LEVEL), item(words, DOCUMENTS), item(words, MANY)
        if level == 0 and odd & C_BLANK:
            return UNSOUND
        if at == size and level == 0 and (started or many):
            set_item(words, AT, at)
            return DONE
        if at + 1 >= size or octet != LT:
            return UNSOUND
        mark = item(data, at + 1)
        if mark in (BANG, QUESTION):
            end = markup_end(source, at)
            if end < 0:
                return UNSOUND
            set_item(words, AT, end)
            continue
        if mark == SLASH:
            end, limit = at + 2, limit_of(source, at)
            while end < limit and item(data, end) != GT:
                end += 1
            if end == limit or level == 0:
                return UNSOUND
            end += 1
        else:
            if level + 1 == MAX_DEPTH or (level == 0 and started and not many):
                return UNSOUND
            bound = item(words, BOUND)
            end = start_tag(source, words, at)
            if end < 0:
                return UNSOUND
            _open(source, sink, at, end, bound)
            set_item(words, AT, end)
            if item(data, end - 2) != SLASH:
                continue
            at, run, odd = end, end, 0
        _close(source, sink, at, run, odd & C_TEXT)
        status = _leave(source, sink, end)
        if status != DONE:
            return status
