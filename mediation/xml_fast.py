"""Large sound files of XML by their octets: what `xml_plain` would read, many times as fast."""

from collections.abc import Sequence
from itertools import chain
from typing import Final

import polars as pl

from mediation.lines import BOM
from mediation.profile import Profile
from mediation.threads import each
from mediation.xml_judge import DECLARATION, NotSoundError, judge, tree
from mediation.xml_octets import PIECE_OCTETS, Piece, Walk
from mediation.xml_paths import asked
from mediation.xml_plain import DECLARED, FAULT, Read
from mediation.xml_xpath import Column, is_local, record_path

LEAST_OCTETS: Final = 1 << 14
"""Below this the exact reading takes less time than the loading of compiled code"""
LARGEST: Final = (1 << 31) - 1
"""Octets that an Arrow view can point into"""
JUDGES: Final = 2
"""Threads that judge, for as many cores"""
_Rows = list[tuple[str | None, ...]]


def read_fast(data: bytes, profile: Profile, columns: dict[str, Column]) -> Read | None:
    """What is in a file; None for one that is not sound, not of the profile or not simple."""
    if not LEAST_OCTETS <= len(data) <= LARGEST:
        return None
    form = profile.format
    wanted = asked(form.record, form.namespaces, form.columns, form.header)
    declared = DECLARED.match(data)
    plain = declared is None or declared[1].lower() == b"utf-8"
    # A byte order mark counts for more than the declaration.
    if wanted is None or (not plain and (form.many_documents or data.startswith(BOM))):
        return None
    if not all(is_local(form.columns[name]) for name in wanted.others):
        return None
    try:
        return _read(Walk(data, wanted, form.many_documents, plain), profile, columns)
    except NotSoundError:
        return None


def _read(walk: Walk, profile: Profile, columns: dict[str, Column]) -> Read | None:
    """What is in a file; None where it is not of the profile, NotSoundError where not sound."""
    from mediation import xml_columns as found

    data, others = walk.data, walk.asked.others
    written = DECLARATION.match(data, len(BOM) if data.startswith(BOM) else 0)
    declaration = written[0] if written and not walk.many else b""
    path, of_trees = record_path(profile), [columns[name] for name in others]

    def look(piece: Piece) -> _Rows:
        octets = piece.document(data, declaration)
        if of_trees:
            return _rows(octets, walk, path, of_trees, piece.records)
        judge(octets)
        return []

    # Several pieces are looked at beside the compiled pass that finds them.
    rows = each(look, walk.pieces(), threads=1 if len(data) <= PIECE_OCTETS else JUDGES)
    headers = found.headers(walk, declaration)
    places, owners = found.places(walk)
    if not found.ours(walk, profile, headers, owners):
        return None
    trees = pl.DataFrame(
        list(chain.from_iterable(rows)), dict.fromkeys(others, pl.String), orient="row"
    )
    texts = found.columns(walk, declaration) | {name: trees[name] for name in others}
    return Read(
        places, pl.DataFrame([texts[name].alias(name) for name in columns]),
        [{f"hdr.{name}": text for name, text in header.items()} for header in headers],
        owners, pl.DataFrame(schema=FAULT),
    )


def _rows(
    octets: bytes, walk: Walk, path: Sequence[str], columns: Sequence[Column], records: int
) -> _Rows:
    """The columns that need a tree, of each record of a piece."""
    root = tree(octets)
    elements = list(root) if walk.many else [root]
    for tag in path:
        elements = [child for element in elements for child in element.iterchildren(tag)]
    if len(elements) != records:
        raise NotSoundError
    return [tuple(column(element) for column in columns) for element in elements]
