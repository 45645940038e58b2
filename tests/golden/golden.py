"""Goldens: what each sample file becomes, as CSV beside it: x.usage.csv and two more."""

from pathlib import Path

import polars as pl

from mediation.schema import USAGE
from ratemill.demo import SAMPLE
from ratemill.home import Home
from ratemill.lake import Lake
from rating.schema import CHARGE

INBOX = SAMPLE / "inbox"
# The same in every row, or different after any change of the catalog: noise in a difference.
_NOISE = {"partner", "file_id", "catalog_version"}


def goldens(home: Home) -> dict[Path, str]:
    """Path beside each sample file to what the home has of it."""
    lake, texts = Lake(home.lake), {}
    for arrival in lake.arrivals().filter(pl.col("copy_of").is_null()).rows(named=True):
        partner, file_id = arrival["partner"], arrival["file_id"]
        at = INBOX / partner / "outgoing" / arrival["name"]
        rejects = lake.rejects(partner, file_id).sort("record_index", nulls_last=False)
        for kind, frame in (
            ("usage", lake.load(USAGE, partner, file_id, "mediate")),
            ("charges", lake.load(CHARGE, partner, file_id, "rate").with_columns(_lists())),
            ("rejects", rejects.drop("raw")),
        ):
            # Every file has at least its usage, if only the header of a file that brings none.
            if frame.height or kind == "usage":
                texts[at.with_name(f"{at.name}.{kind}.csv")] = csv_text(frame)
    return texts


def _lists() -> list[pl.Expr]:
    """The parts as text (band, units, price per units, amount), and the draws (what, from whom)."""
    field = pl.element().struct.field
    price = pl.format("{}/{}", field("price_micros"), field("price_units"))
    part = pl.format("{} {} {}@{}={}", field("band"), field("rate_line"), field("units"),
                     price.fill_null("covered"), field("amount_micros"))
    draw = pl.format("{} of {} {}: {} units, {}+{}/{}", field("allowance"),
                     field("holder").fill_null("account"),
                     field("period_start").dt.strftime("%F"), field("units"), field("before"),
                     field("taken"), field("scale"))
    return [pl.col(name).list.eval(one).list.join(" + ").replace("", None).alias(name)
            for name, one in (("parts", part), ("draws", draw))]


def csv_text(frame: pl.DataFrame) -> str:
    """The columns that say something, as CSV; all of them where there is no row."""
    names = [n for n in frame.columns if n not in _NOISE
             and (frame.is_empty() or frame[n].null_count() < frame.height)]
    return frame.select(names).write_csv()


def stored() -> set[Path]:
    """All goldens that lie beside the sample files."""
    return {p for kind in ("usage", "charges", "rejects") for p in INBOX.rglob(f"*.{kind}.csv")}
