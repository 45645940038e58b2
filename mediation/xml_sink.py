"""What the compiled pass over XML writes to, and the words by which it is called and answers."""

from typing import Final, NamedTuple

import numpy as np

from mediation.xml_paths import Asked, Integers, Octets

DONE, ROOM, ASIDE_FULL, UNSOUND = range(4)
"""How a piece ended: with the file; before a record, for want of room; in a record, which is to be
read again with more room for what is set aside; with what cannot be followed"""

WORDS: Final = 19
(AT, LEVEL, ROWS, BOUND, ASIDE, DOCUMENTS, SERIAL, DEPTH, RECORD_NODE, MANY, PIECE, ATTRIBUTES,
 TAG_NAME, TAG_COLON, KEPT, VARIABLES, AROUND, SEEN, ROOM_ROWS) = range(WORDS)
"""Words: place, elements open, records, namespaces bound, values set aside, documents, records
since the beginning, depth of records, their node, whether documents follow one another, where a
piece may end, attributes of this tag, end and colon of its name, values set aside before this
record, header variables, texts around records, where SEEN begins, room for rows"""

MAX_DEPTH: Final = 200
"""lxml goes to 256."""
MAX_ATTRIBUTES: Final = 512
MAX_BINDINGS: Final = 512
LONGEST: Final = 1 << 20
"""Longest piece of text and of markup; lxml has limits of ten million octets."""

# Behind the words: open elements by level, namespaces bound, attributes of the tag at hand, what
# stands around records (start, end and kind of each), and for each column the last record seen.
TAG, TAG_NAME_END, CONTENT, NODE, BINDINGS, STACK_WORDS = range(6)
"""Of an open element: its tag, the end of the name, the end of the tag, its node or -1, the number
of namespaces bound around it"""
PREFIX, PREFIX_LENGTH, BOUND_TO, BINDING_WORDS = range(4)
A_NAME, A_COLON, A_NAME_END, A_VALUE, A_END, A_ODD, ATTRIBUTE_WORDS = range(7)
START, END, KIND, SPAN_WORDS = range(4)
STACK: Final = WORDS
BINDINGS_AT: Final = STACK + STACK_WORDS * (MAX_DEPTH + 1)
ATTRIBUTES_AT: Final = BINDINGS_AT + BINDING_WORDS * MAX_BINDINGS
ABOVE_AT: Final = ATTRIBUTES_AT + ATTRIBUTE_WORDS * MAX_ATTRIBUTES

ASIDE_WORDS: Final = 5
"""Of a value that is not taken as it stands: row, column, start, end and kind"""
PLACE_WORDS: Final = 3
"""Of a record: start, end and number of its document"""
DOCUMENT_WORDS: Final = 3
"""Of a document: start, end and the root's namespace; start, end, kind of each variable follow"""
IS_ATTRIBUTE, IS_ODD = 1, 2
"""Kinds of a value, to be added: of an attribute; with markup in it, or octets to be translated"""

# Bits of an octet's class: to be translated in a text, in an attribute; a blank; ends a name.
C_TEXT, C_ATTRIBUTE, C_BLANK, C_NAME_END = 1, 2, 4, 8


SMALL_RECORD: Final = 64
"""Octets of a record, to make room for those of a piece; where they are smaller it ends before"""


class Source(NamedTuple):
    """What the kernel reads."""

    data: Octets
    classes: Octets
    names: Octets
    plan: Integers


class Sink(NamedTuple):
    """Where the kernel writes, and what it knows between two calls; all arrays are flat."""

    words: Integers
    places: Integers
    views: Integers
    """Column, row: the two words of an Arrow string view"""
    valid: Octets
    """Column, row: 1 where there is a text"""
    aside: Integers
    documents: Integers


def new_sink(asked: Asked, octets: int, at: int, *, many: bool) -> Sink:
    """A sink to begin with at a place of the file, with room for a piece of so many octets."""
    columns, rows = asked.columns, octets // SMALL_RECORD + 8
    seen = ABOVE_AT + SPAN_WORDS * len(asked.above)
    words = np.zeros(seen + columns, np.int64)
    words[ABOVE_AT:seen] = -1
    for word, value in (
        (AT, at), (DEPTH, asked.depth), (RECORD_NODE, asked.record), (MANY, many), (SEEN, seen),
        (VARIABLES, len(asked.header)), (AROUND, len(asked.above)), (ROOM_ROWS, rows),
    ):
        words[word] = value
    document = DOCUMENT_WORDS + SPAN_WORDS * len(asked.header)
    return Sink(
        words, np.empty(PLACE_WORDS * rows, np.int64), np.zeros(2 * columns * rows, np.int64),
        np.zeros(columns * rows, np.uint8), np.empty(ASIDE_WORDS * (rows + columns), np.int64),
        np.empty(document * (rows if many else 2), np.int64),
    )


class Taken(NamedTuple):
    """What a sink held; places and values set aside count rows and documents from its first."""

    places: Integers
    views: Integers
    valid: Octets
    aside: Integers
    documents: Integers


def taken(sink: Sink) -> Taken:
    """What the sink holds of records and whole documents, which it then holds no more."""
    words = sink.words
    rows, room, whole = int(words[ROWS]), int(words[ROOM_ROWS]), int(words[DOCUMENTS])
    documents = document_rows(sink)
    views = sink.views.reshape(-1, room, 2)[:, :rows]
    valid = sink.valid.reshape(-1, room)[:, :rows]
    held = Taken(
        sink.places.reshape(-1, PLACE_WORDS)[:rows].copy(), views.copy(), valid.copy(),
        sink.aside.reshape(-1, ASIDE_WORDS)[: words[ASIDE]].copy(), documents[:whole].copy(),
    )
    views[:] = valid[:] = 0
    # The document that is still open goes on.
    if words[LEVEL]:
        documents[0] = documents[whole]
    words[ROWS] = words[ASIDE] = words[DOCUMENTS] = 0
    return held


def document_rows(sink: Sink) -> Integers:
    """A row for each document."""
    return sink.documents.reshape(-1, DOCUMENT_WORDS + SPAN_WORDS * int(sink.words[VARIABLES]))


def open_elements(sink: Sink) -> list[list[int]]:
    """The words of each element that is open, the root first."""
    words = sink.words
    stack = words[STACK + STACK_WORDS : STACK + STACK_WORDS * (int(words[LEVEL]) + 1)]
    rows: list[list[int]] = stack.reshape(-1, STACK_WORDS).tolist()
    return rows
