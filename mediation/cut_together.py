"""Delimited files of one partner cut in one pass, where each comes to what it does by itself."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import polars as pl

from mediation.decoded import Decoded
from mediation.delimited import decode_delimited
from mediation.file_context import FileContext
from mediation.file_header import file_header
from mediation.lines import BOM, LF
from mediation.profile import Profile
from mediation.profile_form import Format

_LF: Final = bytes([LF])


def cut_together(
    contents: Sequence[bytes], profile: Profile, contexts: Sequence[FileContext]
) -> list[Decoded | None]:
    """For each file what decode_delimited gives; None where that has to look at it alone.

    Which is a file with a line that is no record, and one whose first line differs.
    """
    found: list[Decoded | None] = [None] * len(contents)
    if not may_be_together(profile.format):
        return found
    groups: dict[bytes, list[int]] = {}
    for at, content in enumerate(contents):
        names = _names(content, profile.format)
        if names is not None:
            groups.setdefault(names, []).append(at)
    for names, group in groups.items():
        if len(group) > 1:
            some = _joined(names, [contents[at] for at in group], profile,
                           [contexts[at] for at in group])
            for at, one in zip(group, some, strict=True):
                found[at] = one
    return found


def may_be_together(form: Format) -> bool:
    """Whether a line means the same wherever it stands, but for a line of names."""
    return form.kind == "delimited" and form.encoding != "utf-16" and not (
        form.lines or form.skip_lines or form.skip_after_header or form.comment or form.escape
    )


def _names(content: bytes, form: Format) -> bytes | None:
    """A file's line of names with its end; None where the line may not be its first record."""
    if _LF not in content or content.startswith(BOM):
        return None
    if form.names:
        return b""
    names = content[: content.index(_LF) + 1]
    quoted = bool(form.quote) and form.quote.encode() in names
    return None if quoted or not names.strip() else names


def _joined(
    names: bytes, contents: Sequence[bytes], profile: Profile, contexts: Sequence[FileContext]
) -> Iterator[Decoded | None]:
    """What the files with this line of names are; None as cut_together says."""
    bodies = [content[len(names):] for content in contents]
    ended = [body if body.endswith(_LF) else body + _LF for body in bodies]
    bounds = len(names) + np.cumsum([0, *map(len, ended)])
    whole = decode_delimited(b"".join([names, *ended]), profile, contexts[0])
    away = whole.rejects["byte_offset"]
    if whole.told or away.has_nulls() or whole.rejects["record_index"].has_nulls():
        yield from [None] * len(contents)
        return
    starts, faulty = whole.records["byte_offset"].to_numpy(), np.sort(away.to_numpy())
    cuts, bad = np.searchsorted(starts, bounds), np.searchsorted(faulty, bounds)
    # A quote that is not closed goes on into the next file: none begins in the midst of a line.
    begun = np.isin(bounds, starts) | np.isin(bounds, faulty)
    begun[-1] = True
    for at, ctx in enumerate(contexts):
        first, end = int(cuts[at]), int(cuts[at + 1])
        if first == end or bad[at] != bad[at + 1] or not (begun[at] and begun[at + 1]):
            yield None
            continue
        mine = whole.records.slice(first, end - first)
        yield Decoded(
            file_header(profile, ctx, {}),
            mine.with_columns(
                pl.Series("record_index", np.arange(end - first, dtype=np.int32)),
                mine["byte_offset"] - int(bounds[at] - len(names)),
            ),
            whole.rejects.clear(),
        )
