"""Columns, places and header variables out of what the compiled pass over XML found."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from mediation.lines import PLACE
from mediation.profile import Profile
from mediation.xml_judge import translated
from mediation.xml_octets import Walk
from mediation.xml_paths import Integers, Octets
from mediation.xml_sink import DOCUMENT_WORDS, IS_ATTRIBUTE, IS_ODD, SPAN_WORDS


def places(walk: Walk) -> tuple[pl.DataFrame, Integers]:
    """record_index, byte_offset and byte_length of all records; the number of their documents."""
    parts, before = [], 0
    for held in walk.found:
        parts.append(held.places + np.array([0, 0, before]))
        before += len(held.documents)
    start, end, owner = np.concatenate(parts).T
    frame = pl.DataFrame(
        {"record_index": np.arange(len(start)), "byte_offset": start, "byte_length": end - start},
        schema_overrides=PLACE,
    )
    return frame, owner


def columns(walk: Walk, declaration: bytes) -> dict[str, pl.Series]:
    """The simple columns by name."""
    aside = _aside(walk)
    rows = sum(len(held.places) for held in walk.found)
    found = {
        name: _with(_series(walk, number), walk, aside[aside[:, 1] == number], declaration)
        for name, number in walk.asked.texts.items()
    }
    for name, (number, between) in walk.asked.joined.items():
        found[name] = _joined(walk, aside[aside[:, 1] == number], between, rows, declaration)
    return found


def headers(walk: Walk, declaration: bytes) -> list[dict[str, str]]:
    """The variables that each document states."""
    rows = np.concatenate([held.documents[:, DOCUMENT_WORDS:] for held in walk.found])
    values = rows.reshape(len(rows), -1, SPAN_WORDS)
    stated = values[:, :, 0] >= 0
    texts = iter(_texts(walk, values[stated], declaration))
    return [
        {name: text.strip() for name, is_ in zip(walk.asked.header, row, strict=True)
         if is_ and (text := next(texts))}
        for row in stated.tolist()
    ]


def ours(walk: Walk, profile: Profile, stated: Sequence[object], owners: Integers) -> bool:
    """Whether all documents are of the profile: their roots, and that something is found there."""
    roots = np.concatenate([held.documents[:, 2] for held in walk.found])
    if profile.format.namespaces and (roots < 1).any():
        return False
    held = np.bincount(owners, minlength=len(stated)) > 0
    return not profile.format.header or bool((held | np.array(list(map(bool, stated)))).all())


def _aside(walk: Walk) -> Integers:
    """Row, column, start, end and kind of the values that are not taken as they stand."""
    parts, before = [], 0
    for held in walk.found:
        parts.append(held.aside + np.array([before, 0, 0, 0, 0]))
        before += len(held.places)
    return np.concatenate(parts)


def _series(walk: Walk, number: int) -> pl.Series:
    """The column's texts, of which the longer ones stay in the file's octets."""
    views = np.concatenate([held.views[number] for held in walk.found])
    valid: Octets = np.concatenate([held.valid[number] for held in walk.found])
    known = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little").data)
    array = pa.Array.from_buffers(
        pa.string_view(), len(valid), [known, pa.py_buffer(views.data), pa.py_buffer(walk.data)]
    )
    return pl.Series(array, dtype=pl.String)


def _with(
    column: pl.Series, walk: Walk, aside: Integers, declaration: bytes
) -> pl.Series:
    """The column with the values that were set aside."""
    if not len(aside):
        return column
    texts = [text or None for text in _texts(walk, aside[:, 2:], declaration)]
    return column.scatter(aside[:, 0], pl.Series(texts, dtype=pl.String))


def _joined(
    walk: Walk, aside: Integers, between: str, rows: int, declaration: bytes
) -> pl.Series:
    """For each record the texts of all its nodes in a row; null where there is none."""
    texts = [text.strip() for text in _texts(walk, aside[:, 2:], declaration)]
    joined = (
        pl.DataFrame({"row": aside[:, 0], "text": pl.Series(texts, dtype=pl.String)})
        .filter(pl.col("text") != "")
        .group_by("row")
        .agg(pl.col("text").str.join(between))
    )
    return pl.Series([None], dtype=pl.String).new_from_index(0, rows).scatter(
        joined["row"], joined["text"]
    )


def _texts(walk: Walk, values: Integers, declaration: bytes) -> Sequence[str]:
    """The texts of values: start, end and kind."""
    data, texts, odd = walk.data, [], []
    for start, end, kind in values.tolist():
        if not kind & IS_ODD:
            texts.append(str(data[start:end], "utf-8"))
            continue
        quotes = 1 if kind & IS_ATTRIBUTE else 0
        odd.append((data[start - quotes : end + quotes], bool(quotes)))
        texts.append("")
    if odd:
        places = np.flatnonzero(values[:, 2] & IS_ODD).tolist()
        for place, text in zip(places, translated(odd, declaration), strict=True):
            texts[place] = text
    return texts
