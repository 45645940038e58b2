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

    def of(
        self, ref: str, columns: Sequence[str] | None = None, *, withdrawn: bool = False
    ) -> pl.DataFrame:
        """Columns of table charge of one file, words as String; legs that were revised at the end.

        With `withdrawn` also the last charges of records that corrections found no price for. None
        while the file is not posted.
        """
        partner, file_id = split(ref)
        names = list(columns or CHARGE.names)
        if not self._lake.done(partner, file_id, "post"):
            return CHARGE.empty().select(names)
        read = list(dict.fromkeys([*names, "record_index", "leg", "revision"]))
        path = self._lake.path(CHARGE, partner, file_id, "rate")
        rated = CHARGE.plain(pl.read_parquet(path, columns=read, glob=False))
        turned = self._lake.load(REJECT, partner, file_id, "post").select("record_index", "stage")
        if withdrawn:
            turned = turned.filter(pl.col("stage") != "rate")
        if turned.height:
            rated = rated.join(turned, on="record_index", how="anti", maintain_order="left")
        revised = self._revised.get((partner, file_id))
        if revised is None:
            return rated.select(names)
        newer = self._read(revised, read)
        keys = ["record_index", "leg"]
        rows = rated.select(read).join(
            newer.select(*keys, newer="revision"), on=keys, how="left", maintain_order="left"
        )
        # a file that was rolled back and posted anew is beyond what was revised before
        stale = (pl.col("newer") > pl.col("revision")).fill_null(value=False)
        replaced = newer.join(rows.filter(stale), on=keys, how="semi").sort(keys)
        return pl.concat([rows.filter(~stale).select(read), replaced.select(read)]).select(names)

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
