"""XML by the compiled pass: pieces for lxml to judge, and where records and values lie."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from mediation.lines import BOM
from mediation.xml_judge import NotSoundError
from mediation.xml_paths import Asked, Octets, asked
from mediation.xml_sink import (
    ASIDE_FULL,
    AT,
    C_ATTRIBUTE,
    C_BLANK,
    C_NAME_END,
    C_TEXT,
    CONTENT,
    DOCUMENTS,
    DONE,
    LEVEL,
    PIECE,
    ROOM,
    ROWS,
    TAG,
    TAG_NAME_END,
    UNSOUND,
    Sink,
    Source,
    Taken,
    document_rows,
    new_sink,
    open_elements,
    taken,
)

PIECE_OCTETS: Final = 2 << 20
"""What is read at a time, and judged by lxml"""
_BETWEEN: Final = re.compile(
    rb"\s*(?:<\?xml\s+version=[\"']1\.0[\"'](?:\s+encoding=[\"'](?i:utf-8)[\"'])?"
    rb"(?:\s+standalone=[\"'](?:yes|no)[\"'])?\s*\?>)?\s*"
)
"""What may stand between two documents that are judged in one go"""
_Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the file at whose ends no record is open, and how many there are in it."""

    spans: _Spans
    before: bytes
    """Start tags of the elements that are open around its beginning"""
    behind: bytes
    """End tags of those that are open around its end"""
    records: int

    def document(self, data: bytes, declaration: bytes) -> bytes:
        """A document of its own, which is sound when the piece is."""
        parts = (data[start:end] for start, end in self.spans)
        return b"".join((declaration if self.before else b"", self.before, *parts, self.behind))


@dataclass(slots=True)
class Walk:
    """What the compiled pass finds in a file; complete when all pieces were taken."""

    data: bytes
    asked: Asked
    many: bool
    """Whether documents may follow one another"""
    plain: bool
    """Whether the file is in UTF-8"""
    found: list[Taken] = field(default_factory=list)

    def pieces(self) -> Iterator[Piece]:
        """The pieces of the file; NotSoundError where it cannot be followed."""
        from mediation.xml_kernel import read_piece

        octets, tables = np.frombuffer(self.data, np.uint8), self.asked.tables
        source = Source(octets, _classes(plain=self.plain), tables.names, tables.plan)
        at = len(BOM) if self.data.startswith(BOM) else 0
        sink = new_sink(self.asked, min(PIECE_OCTETS, len(octets)), at, many=self.many)
        words, begin, before, status = sink.words, 0, b"", ROOM
        while status != DONE:
            words[PIECE] = words[AT] + PIECE_OCTETS
            status = read_piece(source, sink)
            if status == UNSOUND:
                raise NotSoundError
            if status == ASIDE_FULL and not words[ROWS]:
                sink = sink._replace(aside=np.empty(2 * len(sink.aside), np.int64))
                continue
            tags, spans, records = open_elements(sink), self._spans(sink, begin), int(words[ROWS])
            begin = int(words[AT])
            self.found.append(taken(sink))
            names = [self.data[tag[TAG] + 1 : tag[TAG_NAME_END]] for tag in tags]
            behind = b"".join(b"</%s>" % name for name in names[::-1])
            yield self._piece(spans, before, behind, records)
            before = b"".join(self.data[tag[TAG] : tag[CONTENT]] for tag in tags)
        self._look_between()

    def _piece(self, spans: _Spans, before: bytes, behind: bytes, records: int) -> Piece:
        if self.many:
            before, behind = b"<w>" + before, behind + b"</w>"
        return Piece(spans, before, behind, records)

    def _spans(self, sink: Sink, begin: int) -> _Spans:
        """What was read since there, without what stands between documents."""
        end, whole = int(sink.words[AT]), int(sink.words[DOCUMENTS])
        if not self.many:
            return [(begin, end)]
        spans = document_rows(sink)[: whole + 1, :2].tolist()
        if sink.words[LEVEL]:
            spans[whole][1] = end
        else:
            del spans[whole:]
        return [(max(start, begin), stop) for start, stop in spans]

    def _look_between(self) -> None:
        """Refuses anything but blanks and usual declarations between several documents."""
        if not self.many:
            return
        first = len(BOM) if self.data.startswith(BOM) else 0
        ends = np.concatenate([held.documents[:, :2] for held in self.found]).ravel().tolist()
        if not ends:
            raise NotSoundError
        bounds = [first, *ends, len(self.data)]
        for start, end in zip(bounds[::2], bounds[1::2], strict=True):
            if not _BETWEEN.fullmatch(self.data, start, end):
                raise NotSoundError


def _classes(*, plain: bool) -> Octets:
    """What the kernel has to know of each octet."""
    classes = np.zeros(256, np.uint8)
    classes[list(b" \t\r\n")] = C_BLANK | C_NAME_END
    classes[list(b"/>=")] = C_NAME_END
    # Line ends become LF in texts, and all blanks spaces in attributes.
    classes[list(b"\t\r\n")] |= C_ATTRIBUTE
    classes[list(b"&\r")] |= C_TEXT | C_ATTRIBUTE
    if not plain:
        classes[128:] = C_TEXT | C_ATTRIBUTE
    return classes


def warm() -> None:
    """Compile what reads the octets, for no later process to do it."""
    nothing = asked(".", {}, {}, {})
    assert nothing is not None
    for _ in Walk(b"<a/>", nothing, many=False, plain=True).pieces():
        pass
