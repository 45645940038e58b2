"""Compiled passes over the octets of a text file: where its lines and columns are, and their texts.

Texts are Arrow string views: two words each, of the length, then either the text itself or its
first four octets, the number of a buffer and the place in it.
"""

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from asn1.compiled import njit
from asn1.machine import inlined, word_at
from mediation.line_texts import WINDOW
from mediation.lines import DOUBLED, LF, TORN, WIDE, Offsets

# Numba itself comes after asn1.compiled, which loads it in half the time.
# isort: split
from numba import types
from numba.extending import intrinsic

Octets = NDArray[np.uint8]

BLOCK: Final = 64
"""Octets that are looked at together"""
INLINE: Final = 12
"""Octets that fit a view itself"""
_CR, _BLANK, _TAB = 13, 32, 9
_UTF8_NEXT, _UTF8_MARK = 0x80, 0xC0
"""The first bits of every octet of a character but its first, and their mask"""
_OCTET, _MASK = ir.IntType(8), ir.IntType(BLOCK)
_OCTETS = ir.VectorType(_OCTET, BLOCK)


def _loaded(context: Any, builder: Any, sig: Any, args: Any) -> Any:  # noqa: ANN401
    data = context.make_array(sig.args[0])(context, builder, args[0]).data
    place = builder.bitcast(builder.gep(data, [args[1]]), _OCTETS.as_pointer())
    octets = builder.load(place)
    octets.align = 1
    return octets


@intrinsic  # type: ignore[untyped-decorator]
def _equal(_: Any, octets: Any, at: Any, _wanted: Any) -> Any:  # noqa: ANN401
    """A bit for each octet of a block that is the wanted one, the lowest for the first."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:  # noqa: ANN401
        wanted = builder.trunc(args[2], _OCTET)
        every = ir.Constant(_OCTETS, ir.Undefined)
        for n in range(BLOCK):
            every = builder.insert_element(every, wanted, ir.Constant(ir.IntType(32), n))
        found = builder.icmp_unsigned("==", _loaded(context, builder, sig, args), every)
        return builder.bitcast(found, _MASK)

    return types.int64(octets, at, types.int64), code


@intrinsic  # type: ignore[untyped-decorator]
def _high(_: Any, octets: Any, at: Any) -> Any:  # noqa: ANN401
    """A bit for each octet of a block that is no ASCII."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:  # noqa: ANN401
        none = ir.Constant(_OCTETS, [0] * BLOCK)
        found = builder.icmp_signed("<", _loaded(context, builder, sig, args), none)
        return builder.bitcast(found, _MASK)

    return types.int64(octets, at), code


@intrinsic  # type: ignore[untyped-decorator]
def _lowest(_: Any, _mask: Any) -> Any:  # noqa: ANN401
    """The number of the lowest bit that is set; there is one."""

    def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:  # noqa: ANN401
        return builder.cttz(args[0], ir.IntType(1)(1))

    return types.int64(types.int64), code


@intrinsic  # type: ignore[untyped-decorator]
def _ones(_: Any, _mask: Any) -> Any:  # noqa: ANN401
    """How many bits are set."""

    def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:  # noqa: ANN401
        return builder.ctpop(args[0])

    return types.int64(types.int64), code


@inlined
def _marks(octets: Octets, at: int, wanted: int) -> int:  # pragma: no cover - compiled
    """The same as _equal, for a block that may go beyond the end."""
    if at + BLOCK <= len(octets):
        return int(_equal(octets, at, wanted))
    mask = 0
    for n in range(len(octets) - at):
        if octets[at + n] == wanted:
            mask |= 1 << n
    return mask


@inlined
def _highs(octets: Octets, at: int) -> int:  # pragma: no cover - compiled
    """The same as _high, for a block that may go beyond the end."""
    if at + BLOCK <= len(octets):
        return int(_high(octets, at))
    mask = 0
    for n in range(len(octets) - at):
        if octets[at + n] >= _UTF8_NEXT:
            mask |= 1 << n
    return mask


@njit(cache=True, nogil=True, _nrt=False)
def counted(octets: Octets, wanted: int) -> int:  # pragma: no cover - compiled
    """How often an octet occurs."""
    found = 0
    for block in range(0, len(octets), BLOCK):
        found += _ones(_marks(octets, block, wanted))
    return found


@inlined
def _closing(  # pragma: no cover - compiled
    octets: Octets, delimiter: int, quote: int, opening: int
) -> tuple[int, int]:
    """Where a quote is closed, before a delimiter or line end, and flags; -1 where it is not."""
    size, at, flags = len(octets), opening + 1, 0
    while at < size:
        if _highs(octets, at):
            flags |= WIDE
        mask = _marks(octets, at, quote)
        if not mask:
            at += BLOCK
            continue
        at += _lowest(mask)
        if at + 1 == size:
            return at, flags
        after = octets[at + 1]
        if after in (delimiter, LF):
            return at, flags
        if after == _CR and (at + 2 == size or octets[at + 2] == LF):
            return at, flags
        if after != quote:
            return -1, flags
        flags |= DOUBLED
        at += 2
    return -1, flags


@inlined
def _put_line(  # pragma: no cover - compiled
    lines: tuple[Offsets, ...], found: int, start: int, end: int, told: tuple[int, int, int]
) -> int:
    """How many lines there are with this one; `told` are its first part, the next, its flags."""
    starts, ends, firsts, columns, notes = lines
    starts[found], ends[found], firsts[found] = start, end, told[0]
    columns[found], notes[found] = told[1] - told[0] + 1, told[2]
    return found + 1


@njit(cache=True, nogil=True, _nrt=False)
def cut(  # pragma: no cover - compiled
    octets: Octets, delimiter: int, quote: int, first: int, lines: tuple[Offsets, ...],
    parts: Offsets
) -> tuple[int, int]:
    """How many lines that are not empty from the octet `first` on, and delimiters, it has found.

    Of the lines it puts down starts, ends, first parts, columns and flags, of the delimiters their
    places. Delimiter and quote are LF where there is none. A quote that opens a column encloses
    all up to the one that closes it, line ends too. One that is out of place costs its line, in
    which no further quote is looked at. WIDE is also the line that begins or ends near such an
    octet.
    """
    found = part = begin = flags = 0
    start = block = first
    size = len(octets)
    while block < size:
        wide = WIDE if _highs(octets, block) else 0
        flags |= wide
        mask = _marks(octets, block, LF)
        mask |= _marks(octets, block, delimiter) | _marks(octets, block, quote)
        following = block + BLOCK
        while mask:
            at = block + _lowest(mask)
            mask &= mask - 1
            octet = octets[at]
            if octet == LF:
                end = at - 1 if at > start and octets[at - 1] == _CR else at
                if end > start:
                    found = _put_line(lines, found, start, end, (begin, part, flags))
                start, begin, flags = at + 1, part, wide
            elif octet == delimiter:
                parts[part] = at
                part += 1
            elif not flags & TORN:
                close, held = -1, 0
                if at == start or octets[at - 1] == delimiter:
                    close, held = _closing(octets, delimiter, quote, at)
                if close < 0:
                    flags |= TORN
                    continue
                flags |= held
                following = close + 1
                break
        block = following
    end = size - 1 if size > start and octets[size - 1] == _CR else size
    if end > start:
        found = _put_line(lines, found, start, end, (begin, part, flags))
    return found, part


@njit(cache=True, nogil=True, _nrt=False)
def told_apart(  # pragma: no cover - compiled
    octets: Octets, starts: Offsets, ends: Offsets, texts: Octets, bounds: Offsets, whole: int,
    found: NDArray[np.bool_]
) -> None:
    """Notes which pieces start with one of the texts or, if `whole`, are one of them.

    The texts stand one behind another, each from one of the bounds to the next.
    """
    for row in range(len(starts)):
        start, size = starts[row], ends[row] - starts[row]
        found[row] = False
        for number in range(len(bounds) - 1):
            first = bounds[number]
            length = bounds[number + 1] - first
            if size < length or (whole and size != length):
                continue
            at = 0
            while at < length and octets[start + at] == texts[first + at]:
                at += 1
            if at == length:
                found[row] = True
                break


@inlined
def _first_octets(octets: Octets, at: int, count: int) -> int:  # pragma: no cover - compiled
    """At most eight octets as a word, the first lowest, the rest of it zero."""
    if at + 8 <= len(octets):
        word = word_at(octets, at)
        return word & (1 << 8 * count) - 1 if count < 8 else word
    word = 0
    for n in range(count):
        word |= int(octets[at + n]) << 8 * n
    return word


@inlined
def _put(octets: Octets, at: int, size: int, view: Offsets, where: int) -> None:  # pragma: no cover
    """Writes the view of octets; `where` is the second word of one that is too long for it."""
    head = _first_octets(octets, at, min(size, 4))
    view[0] = size | head << 32
    if size > INLINE:
        view[1] = where
    else:
        view[1] = _first_octets(octets, at + 4, size - 4) if size > 4 else 0


@inlined
def _put_plain(octets: Octets, at: int, size: int, view: Offsets) -> None:  # pragma: no cover
    """Writes the view of octets of the file itself."""
    _put(octets, at, size, view, at >> WINDOW | (at & ((1 << WINDOW) - 1)) << 32)


@inlined
def _is_to_change(  # pragma: no cover - compiled
    octets: Octets, at: int, end: int, quote: int, high: int
) -> bool:
    """Whether octets hold a quote or, if that counts, no ASCII."""
    while at < end:
        mask = -1 if end - at >= BLOCK else (1 << (end - at)) - 1
        if quote >= 0 and _marks(octets, at, quote) & mask:
            return True
        if high and _highs(octets, at) & mask:
            return True
        at += BLOCK
    return False


@inlined
def _put_anew(  # pragma: no cover - compiled
    octets: Octets, at: int, end: int, rewriting: tuple[int, int, Octets, Octets, int],
    view: Offsets
) -> int:
    """Writes the view of a text that is put anew on the heap; where that ends then."""
    quote, buffer, charset, heap, used = rewriting
    start = used
    while at < end:
        octet = int(octets[at])
        for n in range(charset[4 * octet]):
            heap[used] = charset[4 * octet + 1 + n]
            used += 1
        # Of a doubled quote the second is left out.
        at += 2 if octet == quote else 1
    _put(heap, start, used - start, view, buffer | start << 32)
    return used if used - start > INLINE else start


@inlined
def _put_null(view: Offsets, known: Octets, row: int) -> None:  # pragma: no cover - compiled
    view[0] = view[1] = 0
    known[row >> 3] &= ~(1 << (row & 7))


@njit(cache=True, nogil=True, _nrt=False)
def part_texts(  # pragma: no cover - compiled
    octets: Octets, lines: tuple[Offsets, ...], parts: Offsets, kinds: Offsets, places: Offsets,
    rewriting: tuple[int, int, Octets, Octets], room: tuple[Offsets, Octets], span: tuple[int, int]
) -> int:
    """The octets of heap used for the columns of the lines in the span, as texts put into `room`.

    `places` has a row for each kind of line: the number of each column in it, -1 for none. A
    column that is empty without quotes is null, as is one that the line is too short for.
    """
    starts, ends, firsts, columns, notes = lines
    quote, buffer, charset, heap = rewriting
    views, known = room
    high = charset[4 * _UTF8_NEXT] != 1
    used = 0
    for row in range(span[0], span[1]):
        begin, last, kind = firsts[row], columns[row] - 1, kinds[row]
        anew = notes[row] & (DOUBLED | WIDE)
        for column in range(places.shape[1]):
            view, place = views[column, row], places[kind, column]
            if place < 0 or place > last:
                _put_null(view, known[column], row)
                continue
            at = parts[begin + place - 1] + 1 if place else starts[row]
            end = parts[begin + place] if place < last else ends[row]
            if at == end:
                _put_null(view, known[column], row)
                continue
            if octets[at] == quote:
                at, end = at + 1, end - 1
            if anew and _is_to_change(octets, at, end, quote, high):
                used = _put_anew(octets, at, end, (quote, buffer, charset, heap, used), view)
            else:
                _put_plain(octets, at, end - at, view)
    return used


@inlined
def _place(octets: Octets, start: int, end: int, count: int) -> int:  # pragma: no cover - compiled
    """Where that many characters of UTF-8 end, or the line."""
    at = start
    for _ in range(count):
        at += 1
        while at < end and octets[at] & _UTF8_MARK == _UTF8_NEXT:
            at += 1
        if at >= end:
            return end
    return at


@inlined
def _is_blank(octet: int) -> bool:  # pragma: no cover - compiled
    return octet == _BLANK or _TAB <= octet <= _CR


@njit(cache=True, nogil=True, _nrt=False)
def slice_texts(  # pragma: no cover - compiled
    octets: Octets, lines: tuple[Offsets, ...], _: Offsets, kinds: Offsets, places: Offsets,
    rewriting: tuple[int, int, Octets, Octets], room: tuple[Offsets, Octets], span: tuple[int, int]
) -> int:
    """The same for columns by their places in the line; blanks of ASCII around them are left out.

    `places` holds for each kind of line the start and the size of each column in characters; -1
    is a column that it has not, and null.
    """
    starts, ends, _, _, notes = lines
    quote, buffer, charset, heap = rewriting
    views, known = room
    of_several = charset[4 * _UTF8_NEXT] == 1
    used = 0
    for row in range(span[0], span[1]):
        kind, wide = kinds[row], notes[row] & WIDE
        for column in range(views.shape[0]):
            view = views[column, row]
            start, size = places[kind, 2 * column], places[kind, 2 * column + 1]
            if start < 0:
                _put_null(view, known[column], row)
                continue
            at, end = starts[row] + start, ends[row]
            if wide and of_several:
                at = _place(octets, starts[row], end, start)
                end = _place(octets, at, end, size)
            else:
                at, end = min(at, end), min(at + size, end)
            while at < end and _is_blank(octets[at]):
                at += 1
            while at < end and _is_blank(octets[end - 1]):
                end -= 1
            if wide and not of_several and _is_to_change(octets, at, end, quote, 1):
                used = _put_anew(octets, at, end, (quote, buffer, charset, heap, used), view)
            else:
                _put_plain(octets, at, end - at, view)
    return used
