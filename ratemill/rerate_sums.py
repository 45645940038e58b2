"""Sums of what a re-rating changes, gathered batch by batch."""

from typing import Final

import polars as pl

_SUMS: Final = {"legs": pl.Int64, "changed": pl.Int64, "before": pl.Int128, "after": pl.Int128}
_AT_ONCE: Final = 2_000_000
"""Rows of sums of batches that are put together at once: memory follows it"""
BY: Final = {
    "totals": ("leg", "currency"),
    "accounts": ("leg", "account", "currency"),
    "partners": ("leg", "partner", "currency"),
    "zones": ("leg", "serving_zone", "destination_zone", "currency"),
    "products": ("leg", "product", "currency"),
}
"""What the difference is told by"""
_PAID: Final = ("accounts", "products")
"""By these only the retail legs count"""


class Sums:
    """Legs, those that change, and amounts before and after (micro-units), by some columns."""

    def __init__(self, *by: str) -> None:
        self._by = by
        self._parts: list[pl.DataFrame] = []
        self._rows = 0

    def add(self, facts: pl.DataFrame) -> None:
        """Count facts, as rerate_compare.Compared has them."""
        part = facts.group_by(self._by).agg(
            legs=pl.len().cast(pl.Int64), changed=pl.col("changed").sum().cast(pl.Int64),
            before=pl.col("before").cast(pl.Int128).sum(),
            after=pl.col("after").cast(pl.Int128).sum(),
        )
        self._parts.append(part)
        self._rows += part.height
        if self._rows > _AT_ONCE:
            self._parts = [self._summed()]
            # what is together already costs nothing more
            self._rows = 0

    @property
    def frame(self) -> pl.DataFrame:
        """The columns, legs, changed, before, after and difference, in the columns' order."""
        if not self._parts:
            schema = dict.fromkeys(self._by, pl.String()) | dict.fromkeys(_SUMS, pl.Int64())
            return pl.DataFrame(schema=schema).with_columns(difference=pl.col("after"))
        return self._summed().with_columns(
            pl.col("before", "after").cast(pl.Int64),
            difference=(pl.col("after") - pl.col("before")).cast(pl.Int64),
        ).sort(self._by)

    def _summed(self) -> pl.DataFrame:
        return pl.concat(self._parts).group_by(self._by).agg(pl.col(*_SUMS).sum())


class Difference:
    """Sums by all that BY names."""

    def __init__(self) -> None:
        self._sums = {name: Sums(*columns) for name, columns in BY.items()}

    def add(self, facts: pl.DataFrame) -> None:
        """Count facts, as rerate_compare.Compared has them."""
        for name, sums in self._sums.items():
            # what a partner is owed is told by partner
            mine = facts.filter(pl.col("leg") == "retail") if name in _PAID else facts
            sums.add(mine)

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """By the names in BY the sums, the greatest difference first."""
        return {
            name: sums.frame.sort(pl.col("difference").abs(), descending=True, maintain_order=True)
            for name, sums in self._sums.items()
        }
