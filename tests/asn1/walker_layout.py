"""A small layout with an element of every kind, octets for it, and its records read."""

from asn1 import layout as lay
from asn1.layout import Layout, LayoutColumn, LayoutContext, Slot
from asn1.records import Records, Span
from asn1.walker import read_records

CALL, MESSAGE = 1, 2
SIGNED, SIZE, DIGITS, TEXT, RAW, TIME, LIST, PASSED, INNER = range(10, 19)
ITEM, CODE, LONG = 20, 40, 300


def slots(*made: tuple[int, Slot]) -> dict[int, Slot]:
    return {number << 2 | 1: slot for number, slot in made}


LAYOUT = Layout(
    name="tap",
    tables=("event", "item"),
    columns=(
        LayoutColumn(0, "signed", "integer"),
        LayoutColumn(0, "size", "integer"),
        LayoutColumn(0, "digits", "text"),
        LayoutColumn(0, "text", "text"),
        LayoutColumn(0, "raw", "raw"),
        LayoutColumn(0, "time", "time"),
        LayoutColumn(1, "value", "integer"),
        LayoutColumn(1, "code", "integer"),
        LayoutColumn(0, "long", "text"),
    ),
    contexts=(
        LayoutContext(
            "Records", "variants", 0,
            slots(
                (CALL, Slot("call", lay.K_GROUP, opens=0, context=1, place=0)),
                (MESSAGE, Slot("message", lay.K_GROUP, opens=0, context=1, place=1)),
            ),
        ),
        LayoutContext(
            "Call", "sequence", 0,
            slots(
                (SIGNED, Slot("signed", lay.K_INTEGER, column=0)),
                (SIZE, Slot("size", lay.K_UNSIGNED, column=1)),
                (DIGITS, Slot("digits", lay.K_BCD, column=2)),
                (TEXT, Slot("text", lay.K_TEXT, column=3)),
                (RAW, Slot("raw", lay.K_RAW, column=4)),
                (TIME, Slot("time", lay.K_TIME, column=5)),
                (LIST, Slot("list", lay.K_GROUP, context=2)),
                (PASSED, Slot("passed", lay.K_PASS)),
                (INNER, Slot("inner", lay.K_GROUP, context=1)),
                (LONG, Slot("long", lay.K_TEXT, column=8)),
            ),
        ),
        LayoutContext(
            "List", "sequence", 0,
            slots(
                (ITEM, Slot("item", lay.K_GROUP, opens=1, context=3, place=2)),
                (CODE, Slot("code", lay.K_UNSIGNED, opens=1, column=7, place=3)),
            ),
        ),
        LayoutContext(
            "Item", "sequence", 1, slots((SIZE, Slot("value", lay.K_UNSIGNED, column=6))),
        ),
    ),
    places=("call", "message", "event.item", "event.code"),
    records=0,
    record_names=("call", "message"),
    kind_column="event",
)


def tlv(number: int, content: bytes, first: int = 0x40) -> bytes:
    assert len(content) < 128
    if number < 31:
        tag = bytes([first | number])
    elif number < 128:
        tag = bytes([first | 31, number])
    else:
        tag = bytes([first | 31, number >> 7 | 128, number & 127])
    return tag + bytes([len(content)]) + content


def group(number: int, *content: bytes) -> bytes:
    return tlv(number, b"".join(content), 0x60)


def call(*content: bytes) -> bytes:
    return group(CALL, *content)


def read(*octets: bytes | str, end: int | None = -1, limit: int | None = None) -> Records:
    data = b"".join(o if isinstance(o, bytes) else bytes.fromhex(o) for o in octets)
    limit = len(data) if limit is None else limit
    return read_records(data, Span(0, limit if end == -1 else end, limit), LAYOUT)
