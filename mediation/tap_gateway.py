"""The gateway of packet sessions in TAP: with the charging id it tells the parts of one session."""

from typing import Final

import polars as pl

from asn1.tap_file import TapFile
from asn1.tap_header import TapHeader

_GATEWAYS: Final = (3, 7)
"""Types of recording entity: GGSN and P-GW. A session may change its other nodes."""


def with_gateway(records: pl.DataFrame, file: TapFile, header: TapHeader) -> pl.DataFrame:
    """The records with `gateway`: the id of the first gateway that each lists, null without one.

    The codes by which records name it hold for one file; the id holds for all.
    """
    ids = {code: id_ for code, (kind, id_) in header.rec_entities.items()
           if kind in _GATEWAYS and id_}
    listed = file.tables.get("rec_entity_code")
    if listed is None or not ids:
        return records.with_columns(gateway=pl.lit(None, pl.String))
    named = listed.select(
        "record_index",
        gateway=pl.col("rec_entity_code").replace_strict(
            list(ids), list(ids.values()), default=None, return_dtype=pl.String
        ),
    ).drop_nulls("gateway")
    first = named.unique("record_index", keep="first", maintain_order=True)
    return records.join(first, on="record_index", how="left", maintain_order="left")
