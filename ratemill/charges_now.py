"""The charges that stand: of every leg the latest, of records whose charge was not given back."""

from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl

from mediation.schema import REJECT
from ratemill.lake import Lake
from ratemill.refs import split
from rating.schema import CHARGE

_FILE: Final = ["partner", "file_id"]
_LEG: Final = [*_FILE, "record_index", "leg"]


class ChargesNow:
    """The charges that stand, file by file; what corrections revised is read once.

    Only files whose last stage is done have any: what they passed on to posting and did not get
    turned away there is on the ledger.
    """

    def __init__(self, lake: Lake, refs: Iterable[str] | None = None) -> None:
        """Those of some files, or of all."""
        self._lake = lake
        paths = lake.corrections(CHARGE)
        keep = pl.lit(value=True)
        if refs is not None:
            keep = pl.concat_str(*_FILE, separator="/").is_in(list(refs))
        rows = (pl.read_parquet(path, columns=[*_LEG, "revision"], glob=False) for path in paths)
        none = CHARGE.empty().select(*_LEG, "revision")
        found = [
            CHARGE.plain(frame).with_row_index("row").filter(keep).with_columns(
                pl.lit(number, pl.Int64).alias("path")
            )
            for number, frame in enumerate(rows)
        ]
        first = none.with_row_index("row").with_columns(path=pl.lit(0, pl.Int64))
        latest = pl.concat([first, *found]).sort("revision").unique(_LEG, keep="last")
        self._paths = paths
        self._revised = latest.partition_by(_FILE, as_dict=True)
        self._whole: set[str] = set()

    def of(
        self, ref: str, columns: Sequence[str] | None = None, *, withdrawn: bool = False,
        words: bool = False,
    ) -> pl.DataFrame:
        """Columns of table charge of one file, words as String; legs that were revised at the end.

        With `withdrawn` also the last charges of records that corrections found no price for. With
        `words` what the file has as Enum stays one, unless legs were revised. None while the file
        is not posted.
        """
        partner, file_id = split(ref)
        names = list(columns or CHARGE.names)
        if not self._lake.done(partner, file_id, "post"):
            return CHARGE.empty().select(names)
        turned = self.turned(ref)
        if withdrawn:
            turned = turned.filter(pl.col("stage") != "rate")
        revised = self._revised.get((partner, file_id))
        needed = ["record_index"] if turned.height else []
        keys = ["record_index", "leg"]
        if revised is not None:
            needed = [*keys, "revision"]
        read = list(dict.fromkeys([*names, *needed]))
        path = self._lake.path(CHARGE, partner, file_id, "rate")
        rated = pl.read_parquet(path, columns=read, glob=False)
        if revised is not None or not words:
            rated = CHARGE.plain(rated)
        if turned.height:
            rated = rated.join(turned, on="record_index", how="anti", maintain_order="left")
        if revised is None:
            return rated.select(names)
        newer = self._read(revised, read)
        rows = rated.select(read).join(
            newer.select(*keys, newer="revision"), on=keys, how="left", maintain_order="left"
        )
        # a file that was rolled back and posted anew is beyond what was revised before
        stale = (pl.col("newer") > pl.col("revision")).fill_null(value=False)
        replaced = newer.join(rows.filter(stale), on=keys, how="semi").sort(keys)
        return pl.concat([rows.filter(~stale).select(read), replaced.select(read)]).select(names)

    def turned(self, ref: str) -> pl.DataFrame:
        """record_index and stage of the records of a posted file that do not stand."""
        partner, file_id = split(ref)
        path = self._lake.path(REJECT, partner, file_id, "post")
        names = ["record_index", "stage"]
        if ref in self._whole:
            return REJECT.empty().select(names)
        found = REJECT.plain(pl.read_parquet(path, columns=names, glob=False))
        if found.is_empty():
            # nearly all files: they are asked about several times
            self._whole.add(ref)
        return found

    def _read(self, revised: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
        """These rows of corrections."""
        parts = [CHARGE.empty().select(columns)]
        for (number,), rows in revised.partition_by("path", as_dict=True).items():
            # those of one file lie together
            places = rows["row"].cast(pl.Int64).sort()
            first = int(places[0])
            found = pl.scan_parquet(self._paths[number], glob=False).select(columns).slice(
                first, int(places[-1]) + 1 - first
            )
            parts.append(CHARGE.plain(found.collect()[places - first]))
        return pl.concat([part.select(columns) for part in parts])


def charges_of(lake: Lake, refs: Iterable[str]) -> pl.DataFrame:
    """Table charge: the charges that stand of some files."""
    wanted = list(refs)
    now = ChargesNow(lake, wanted)
    return pl.concat([CHARGE.empty(), *(now.of(ref) for ref in wanted)])


def of_leg(charges: pl.DataFrame, leg: str) -> pl.DataFrame:
    """The charges (with column leg) of one leg, in their order."""
    mine = charges["leg"] == leg
    count = int(mine.sum())
    # rating writes one leg after the other: what lies together need not be copied
    for first in (0, charges.height - count):
        if mine[first:first + count].all():
            return charges[first:first + count]
    return charges.filter(mine)


def beside(rows: pl.DataFrame, more: pl.DataFrame) -> pl.DataFrame:
    """The rows of those records that both have, in the order of `rows`, with the columns of both.

    Both have record_index, each once.
    """
    if rows["record_index"].equals(more["record_index"]):
        return rows.hstack(more.drop("record_index"))
    return rows.join(more, on="record_index", maintain_order="left")


def superseding(lake: Lake) -> pl.DataFrame:
    """partner, file_id, record_index, leg and latest revision of every leg that was revised.

    For views over all revisions: a leg of which nothing is said here has one revision.
    """
    rows = (
        CHARGE.plain(pl.read_parquet(path, columns=[*_LEG, "revision"], glob=False))
        for path in lake.corrections(CHARGE)
    )
    revised = pl.concat([CHARGE.empty().select(*_LEG, "revision"), *rows])
    parts = [revised]
    for partner, file_id in revised.select(_FILE).unique().iter_rows():
        path = lake.path(CHARGE, partner, file_id, "rate")
        if path.exists():
            rated = pl.read_parquet(path, columns=[*_LEG, "revision"], glob=False)
            parts.append(CHARGE.plain(rated).join(revised, on=_LEG, how="semi"))
    return pl.concat(parts).group_by(_LEG).agg(pl.col("revision").max()).sort(_LEG)
