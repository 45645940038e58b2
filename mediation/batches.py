"""Many small files at once: what a file costs whatever its size is paid once for all of them."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from mediation.cut_together import cut_together, may_be_together
from mediation.decided import Decided, edited
from mediation.decoded import Decoded
from mediation.file_context import FileContext
from mediation.mediate import Read, believable, read
from mediation.outcome import Outcome
from mediation.profile import Profile
from mediation.unpack import UnpackError, unpack

_OF_FILE: Final = frozenset({"file_id", "record_index"})


class Received(NamedTuple):
    """A file as it came, and what a person said of its records."""

    data: bytes
    ctx: FileContext
    decided: Decided = Decided()


def read_each(files: Sequence[Received], profile: Profile) -> list[Read]:
    """For each file of one partner what `mediate.read` gives, in their order."""
    if len(files) == 1 or not may_be_together(profile.format):
        return [read(file.data, profile, file.ctx, file.decided) for file in files]
    contents = [_unpacked(file.data) for file in files]
    found = cut_together(contents, profile, [file.ctx for file in files])
    return [
        read(file.data, profile, file.ctx, file.decided) if decoded is None
        else Read(file.ctx, content, edited(decoded, file.decided.edits), file.decided)
        for file, content, decoded in zip(files, contents, found, strict=True)
    ]


def _unpacked(data: bytes) -> bytes:
    """What is in a file; nothing where it cannot be opened."""
    try:
        return unpack(data)
    except UnpackError:
        return b""


def believable_each(files: Sequence[Read], profile: Profile) -> list[Outcome]:
    """For each file of one partner what `mediate.believable` says of it, in their order."""
    found: dict[int, Outcome] = {}
    # A key of where a record is would differ in company.
    by_place = any(_OF_FILE.intersection(names) for names in profile.identity.values())
    for alike in [[at] for at in range(len(files))] if by_place else _alike(files):
        outcomes = _together([files[at] for at in alike], profile)
        found.update(zip(alike, outcomes, strict=True))
    return [found[at] for at in range(len(files))]


def _alike(files: Sequence[Read]) -> list[list[int]]:
    """The places of files whose records mean the same in one table as each in its own."""
    groups: dict[Hashable, list[int]] = {}
    for at, file in enumerate(files):
        groups.setdefault(_meaning(file), []).append(at)
    return list(groups.values())


def _meaning(file: Read) -> Hashable:
    """All of a file beside its records that normalize and validate look at."""
    header = file.decoded.header
    return (
        file.ctx.received_at, header.kind, header.currency, header.sender, header.recipient,
        tuple(file.decoded.records.schema.items()),
    )


def _together(files: Sequence[Read], profile: Profile) -> list[Outcome]:
    """The outcomes of files that are alike."""
    first = files[0]
    if len(files) == 1:
        return [believable(first.decoded, profile, first.ctx)]
    # Rejects of decoding have numbers between those of the records.
    counts = [_numbers(file.decoded) for file in files]
    starts = [0, *accumulate(counts)]
    rows = pl.concat(
        (file.decoded.records.with_columns(pl.col("record_index") + start)
         for file, start in zip(files, starts, strict=False)),
        rechunk=True,
    )
    whole = believable(replace(first.decoded, records=rows), profile, first.ctx)
    return [
        Outcome(passed, rejects)
        for passed, rejects in zip(
            _apart(whole.passed, files, starts),
            _apart(whole.rejects, files, starts),
            strict=True,
        )
    ]


def _numbers(decoded: Decoded) -> int:
    """One more than the largest record_index of the file's records."""
    numbers = decoded.records["record_index"].to_numpy()
    return int(numbers.max(initial=-1)) + 1


def _apart(
    rows: pl.DataFrame, files: Sequence[Read], starts: Sequence[int]
) -> Iterator[pl.DataFrame]:
    """The rows of each file, with its own record indices and its id."""
    order = rows["record_index"]
    ordered = rows if order.is_sorted() else rows.sort("record_index", maintain_order=True)
    cuts = np.searchsorted(ordered["record_index"].to_numpy(), starts)
    for number, file in enumerate(files):
        begin, end = int(cuts[number]), int(cuts[number + 1])
        if begin == end:
            yield rows.clear()
            continue
        mine = ordered.slice(begin, end - begin)
        yield mine.with_columns(
            record_index=mine["record_index"] - starts[number],
            file_id=pl.lit(file.ctx.file_id),
        )
