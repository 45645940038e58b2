"""What compiles the kernels that read values."""

from itertools import product

import polars as pl
from msgspec.structs import replace

from mediation.profile import Field
from mediation.read_values import PLACE, read_values
from mediation.readers import reading

_TIME = Field(read="local_time", column="text", format="%Y%m%d%H%M%S")
_TIMES = (replace(_TIME, zone="Europe/Vienna"), replace(_TIME, offset_column="offset"))


def warm() -> None:
    """Reads a few records by every kernel."""
    rows = list(product(("mo", "mt"), ("+0100", "Z"), ("20260901120000",)))
    texts = pl.DataFrame(rows, ["direction", "offset", "text"], orient="row")
    records = texts.select(*(pl.lit(0, pl.Int32).alias(name) for name in PLACE), pl.all())
    for time in _TIMES:
        fields = {
            "direction": Field(read="map", column="direction", map={"mo": "mo", "mt": "mt"}),
            "imsi": Field(read="digits", column="text"),
            "other_party": Field(read="number", column="text"),
            "duration_s": Field(read="duration", format="hms", column="text"),
            "volume_up_bytes": Field(read="integer", column="text"),
            "started_at": time,
        }
        read_values(records, [reading(n, f, set(texts.columns)) for n, f in fields.items()], ())
