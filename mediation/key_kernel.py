"""The compiled kernel of usage keys: values framed, hashed by BLAKE2b, spelt as hex, row by row.

Texts are read where Arrow has them, as views: 16 octets of which the first four are the length,
then the text itself, or its first four octets, the number of its buffer and its place in there.
All rows are independent: several threads may fill parts of one output.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from asn1.compiled import njit
from asn1.machine import inlined, peek8, peek64, poke8, poke64, shift_right

Ints = npt.NDArray[np.int64]

TEXT, NUMBER = 0, 1
KIND, VALUES, VALID, FIRST_BIT, BUFFERS = range(5)
"""Of a column: TEXT or NUMBER; addresses of its views or numbers, of its bits of what is there
(0: all) and of the addresses of its buffers; and which bit is that of the first row"""
SERVICE, DIRECTION, START, LENGTH, FIRST, BEHIND = 0, 2, 4, 6, 7, 8
"""Of a kind: the two words of the views of its service and its direction, what its messages start
with and how long that is, and where its columns stand in the plan"""
KEYED, WITHOUT, LEFT = 0, 1, 2
"""What became of a row: it has its key; it has none; it is left to others, for its length"""

DIGITS: Final = 32
SPAN: Final = 20
"""Keys of 2 ** SPAN rows are in one buffer, whose places a view counts in 32 bits"""
LANES: Final = 4
"""Rows that are hashed side by side in vectors of 256 bits"""
BLOCK: Final = 128
MESSAGE_MAX: Final = 1024
"""Longest message that is hashed here; keys of calls are made of some 70 octets"""
LANE: Final = MESSAGE_MAX + 64
"""Octets of a row's message: what is written by words may go on behind its end"""
NUMBER_MAX: Final = 32
"""Octets that a number, or a length, takes at most with what is written behind its end"""
STATE: Final = LANES * LANE
COUNTED: Final = STATE + 64 * LANES
LAST: Final = COUNTED + 8 * LANES
SCRATCH: Final = LAST + 8 * LANES
"""Octets of scratch: messages, then vectors: eight of state, how much is counted, marks of ends"""

_IV: Final = (
    0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1,
    0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179,
)
_ORDERS: Final = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    (14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3),
    (11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4),
    (7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8),
    (9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13),
    (2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9),
    (12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11),
    (13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10),
    (6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5),
    (10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0),
)
"""RFC 7693: the order of the message's words in each round; two more rounds are like the first"""
_MIXED: Final = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)
"""The words of the state that a round mixes with each other"""

_WORD = ir.IntType(64)
_VECTOR = ir.VectorType(_WORD, LANES)


class Rows(NamedTuple):
    """What keys are made of: columns, kinds and the columns of each kind, as rows of numbers."""

    columns: Ints
    kinds: Ints
    plan: Ints


def _vector(value: int) -> ir.Constant:
    return ir.Constant(_VECTOR, [ir.Constant(_WORD, value)] * LANES)


def _rotated(builder: Any, value: Any, count: int) -> Any:  # noqa: ANN401
    """The vector's words rotated to the right."""
    rotate = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_VECTOR, [_VECTOR] * 3), f"llvm.fshr.v{LANES}i64"
    )
    return builder.call(rotate, [value, value, _vector(count)])


def _mix(builder: Any, state: list[Any], places: tuple[int, ...], first: Any, second: Any) -> None:  # noqa: ANN401
    """RFC 7693, 3.1: the function G."""
    a, b, c, d = places
    for word, turn_d, turn_b in ((first, 32, 24), (second, 16, 63)):
        state[a] = builder.add(builder.add(state[a], state[b]), word)
        state[d] = _rotated(builder, builder.xor(state[d], state[a]), turn_d)
        state[c] = builder.add(state[c], state[d])
        state[b] = _rotated(builder, builder.xor(state[b], state[c]), turn_b)


def _vectors_at(builder: Any, address: Any, count: int) -> list[Any]:  # noqa: ANN401
    """The places of that many vectors from the address on."""
    first = builder.inttoptr(address, _VECTOR.as_pointer())
    return [builder.gep(first, [_WORD(n)]) for n in range(count)]


def _loaded(builder: Any, place: Any) -> Any:  # noqa: ANN401
    value = builder.load(place)
    value.align = 8
    return value


def _message(builder: Any, address: Any) -> list[Any]:  # noqa: ANN401
    """The sixteen words of the block that each lane has at the address."""
    words = []
    for number in range(16):
        word = ir.Constant(_VECTOR, ir.Undefined)
        for lane in range(LANES):
            at = builder.add(address, _WORD(lane * LANE + number * 8))
            one = _loaded(builder, builder.inttoptr(at, _WORD.as_pointer()))
            word = builder.insert_element(word, one, ir.IntType(32)(lane))
        words.append(word)
    return words


@intrinsic  # type: ignore[untyped-decorator]
def _compress(_: Any, _block: Any, _scratch: Any) -> Any:  # noqa: ANN401
    """RFC 7693, 3.2: the function F on a block of each lane; one that counts nothing is left."""

    def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:  # noqa: ANN401
        block, scratch = args
        places = _vectors_at(builder, builder.add(scratch, _WORD(STATE)), 10)
        *before, counted, last = (_loaded(builder, place) for place in places)
        words = _message(builder, block)
        state = before + [_vector(value) for value in _IV]
        state[12] = builder.xor(state[12], counted)
        state[14] = builder.xor(state[14], last)
        for order in (*_ORDERS, *_ORDERS[:2]):
            for n, mixed in enumerate(_MIXED):
                _mix(builder, state, mixed, words[order[2 * n]], words[order[2 * n + 1]])
        goes_on = builder.icmp_signed("!=", counted, _vector(0))
        for n, old in enumerate(before):
            new = builder.xor(old, builder.xor(state[n], state[n + 8]))
            builder.store(builder.select(goes_on, new, old), places[n]).align = 8
        return _WORD(0)

    return types.int64(types.int64, types.int64), code


@inlined
def _eight_digits(number: int) -> int:
    """The last eight decimal digits of a number below 10 ** 8 as octets, the first one lowest."""
    both = number // 10_000 | number % 10_000 << 32
    tops = both * 10486 >> 20 & 0x7F0000007F
    pairs = (both - 100 * tops << 16) + tops
    tens = pairs * 103 >> 10 & 0x000F000F000F000F
    return tens + (pairs - 10 * tens << 8) + 0x3030303030303030


@inlined
def _few_digits(number: int) -> int:
    """How many digits a number below 10 ** 8 has."""
    return (1 + (number >= 10) + (number >= 100) + (number >= 1_000) + (number >= 10_000)
            + (number >= 100_000) + (number >= 1_000_000) + (number >= 10_000_000))


@inlined
def _digits(number: int) -> int:
    """How many digits a number has that is not negative."""
    if number < 100_000_000:
        return _few_digits(number)
    if number < 10_000_000_000_000_000:
        return 8 + _few_digits(number // 100_000_000)
    return 16 + _few_digits(number // 10_000_000_000_000_000)


@inlined
def _put_few(to: int, number: int, digits: int) -> int:
    """Writes a number of that many digits, eight at most; the place behind it."""
    poke64(to, shift_right(_eight_digits(number), 8 * (8 - digits)))
    return to + digits


@inlined
def _put_number(to: int, number: int, digits: int) -> int:
    """Writes a number of that many digits that is not negative; the place behind it."""
    if digits > 16:
        to = _put_few(to, number // 10_000_000_000_000_000, digits - 16)
        number, digits = number % 10_000_000_000_000_000, 16
    if digits > 8:
        to = _put_few(to, number // 100_000_000, digits - 8)
        number, digits = number % 100_000_000, 8
    return _put_few(to, number, digits)


@inlined
def _put_length(to: int, length: int) -> int:
    """Writes a length of up to four digits and a colon; the place behind them."""
    if length < 10:
        poke64(to, 0x3A30 + length)
        return to + 2
    if length < 100:
        poke64(to, 0x3A3030 + length // 10 + (length % 10 << 8))
        return to + 3
    to = _put_few(to, length, _few_digits(length))
    poke8(to, 0x3A)
    return to + 1


@inlined
def _put_text(to: int, view: int, buffers: int) -> int:
    """Writes a view's text behind its length; the place behind it."""
    word, more = peek64(view), peek64(view + 8)
    length: int = word & 0xFFFFFFFF
    to = _put_length(to, length)
    if length <= 12:
        poke64(to, shift_right(word, 32) | more << 32)
        poke64(to + 8, shift_right(more, 32))
        return to + length
    start = peek64(buffers + 8 * (more & 0xFFFFFFFF)) + shift_right(more, 32)
    for at in range(0, length - 8, 8):
        poke64(to + at, peek64(start + at))
    poke64(to + length - 8, peek64(start + length - 8))
    return to + length


@inlined
def _is_there(columns: Ints, column: int, row: int) -> bool:
    """Whether a column has a value in a row."""
    bits = columns[column, VALID]
    bit = columns[column, FIRST_BIT] + row
    return bool(bits == 0 or peek8(bits + (bit >> 3)) >> (bit & 7) & 1)


@inlined
def _kind_of(rows: Rows, row: int) -> int:
    """Which kind a row is, by its service and direction; -1 for none."""
    if not (_is_there(rows.columns, 0, row) and _is_there(rows.columns, 1, row)):
        return -1
    service = rows.columns[0, VALUES] + 16 * row
    direction = rows.columns[1, VALUES] + 16 * row
    for kind in range(rows.kinds.shape[0]):
        if (peek64(service) == rows.kinds[kind, SERVICE]
                and peek64(service + 8) == rows.kinds[kind, SERVICE + 1]
                and peek64(direction) == rows.kinds[kind, DIRECTION]
                and peek64(direction + 8) == rows.kinds[kind, DIRECTION + 1]):
            return kind
    return -1


@inlined
def _put_row(to: int, rows: Rows, row: int) -> tuple[int, int]:
    """Writes what is hashed of a row; its length, and what became of the row."""
    kind = _kind_of(rows, row)
    if kind < 0:
        return 0, WITHOUT
    start, end, room = to, to + MESSAGE_MAX, KEYED
    for at in range(0, BLOCK, 8):
        poke64(to + at, 0)
    poke64(to, rows.kinds[kind, START])
    poke64(to + 8, rows.kinds[kind, START + 1])
    to += rows.kinds[kind, LENGTH]
    for place in range(rows.kinds[kind, FIRST], rows.kinds[kind, BEHIND]):
        column = rows.plan[place]
        if not _is_there(rows.columns, column, row):
            return 0, WITHOUT
        values = rows.columns[column, VALUES]
        if rows.columns[column, KIND] == TEXT:
            view = values + 16 * row
            length = peek64(view) & 0xFFFFFFFF
            if length > MESSAGE_MAX or to + length + NUMBER_MAX > end:
                room = LEFT
            else:
                to = _put_text(to, view, rows.columns[column, BUFFERS])
        else:
            number = peek64(values + 8 * row)
            positive = abs(number)
            if positive < 0 or to + 2 * NUMBER_MAX > end:
                room = LEFT
            else:
                digits = _digits(positive)
                to = _put_length(to, digits + (number < 0))
                if number < 0:
                    poke8(to, 0x2D)
                    to += 1
                to = _put_number(to, positive, digits)
    return to - start, room


@inlined
def _pad(lane: int, length: int) -> None:
    """Fills the message's last block with zeros; in the first are no others behind its end."""
    if length > BLOCK:
        for at in range(length, (length + BLOCK - 1) // BLOCK * BLOCK, 8):
            poke64(lane + at, 0)


@inlined
def _hex_word(half: int) -> int:
    """The eight hex digits of four octets, the first one lowest."""
    wide = (half | half << 16) & 0x0000FFFF0000FFFF
    wide = (wide | wide << 8) & 0x00FF00FF00FF00FF
    nibbles = wide >> 4 & 0x000F000F000F000F | (wide & 0x000F000F000F000F) << 8
    letters = nibbles + 0x0606060606060606 >> 4 & 0x0101010101010101
    return nibbles + 0x3030303030303030 + letters * 39


@inlined
def _put_key(scratch: int, lane: int, row: int, views: int, keys: int) -> None:
    """Writes a lane's hash as the row's key, and the view of it."""
    for half in range(4):
        word = peek64(scratch + STATE + 8 * (lane + LANES * (half >> 1)))
        digits = _hex_word(shift_right(word, 32 * (half & 1)) & 0xFFFFFFFF)
        poke64(keys + row * DIGITS + 8 * half, digits)
    place = (row & (1 << SPAN) - 1) * DIGITS
    poke64(views + 16 * row, DIGITS | peek64(keys + row * DIGITS) << 32)
    poke64(views + 16 * row + 8, row >> SPAN | place << 32)


@inlined
def _hash(scratch: int, lengths: Ints) -> None:
    """Hashes the messages of the lanes into the state."""
    longest = 0
    for lane in range(LANES):
        longest = max(longest, lengths[lane])
        for number in range(8):
            poke64(scratch + STATE + 8 * (lane + LANES * number), _START[number])
    for at in range(0, max(longest, 1), BLOCK):
        for lane in range(LANES):
            counted = min(lengths[lane], at + BLOCK) if lengths[lane] > at else 0
            poke64(scratch + COUNTED + 8 * lane, counted)
            poke64(scratch + LAST + 8 * lane, -1 if counted == lengths[lane] else 0)
        _compress(scratch + at, scratch)


def _signed(word: int) -> int:
    return word - (word >> 63 << 64)


_START: Final = (_signed(_IV[0] ^ 0x01010000 ^ DIGITS // 2), *map(_signed, _IV[1:]))
"""The state before the first block: no key, a hash of as many octets as half the digits"""


# Without reference counts (_nrt) a call that is not inlined costs a tenth.
@njit(cache=True, nogil=True, error_model="numpy", _nrt=False, no_cfunc_wrapper=True)
def put_keys(  # pragma: no cover - compiled
    rows: Rows, first: int, behind: int, scratch: int, lengths: Ints, views: int, keys: int,
    became: npt.NDArray[np.int8],
) -> None:
    """Fill in the keys and their views from row `first` on, and what became of each row.

    `scratch` is the address of SCRATCH octets and `lengths` an array of LANES; `views` and `keys`
    are addresses with 16 and DIGITS octets for every row.
    """
    for start in range(first, behind, LANES):
        for lane in range(LANES):
            lengths[lane] = 0
            if start + lane < behind:
                to = scratch + lane * LANE
                lengths[lane], became[start + lane] = _put_row(to, rows, start + lane)
                _pad(to, lengths[lane])
        _hash(scratch, lengths)
        for lane in range(LANES):
            if start + lane < behind and became[start + lane] == KEYED:
                _put_key(scratch, lane, start + lane, views, keys)
