"""Sums of what a re-rating changes, gathered batch by batch."""

from math import prod
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from rating.validity import Ints, rows_index

_SUMS: Final = {"legs": pl.Int64, "changed": pl.Int64, "before": pl.Int128, "after": pl.Int128}
_AMOUNTS: Final = ("before", "after")
_AT_ONCE: Final = 2_000_000
"""Rows of sums of batches that are put together at once: memory follows it"""
_CELLS: Final = 1 << 16
"""Most combinations of words that are summed in an array with a place for each"""
_HALF: Final = 32
"""Bits of the lower half of an amount: sums of halves do not leave 64 bits"""
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


class Facts(NamedTuple):
    """Legs of one kind with what they came to before and come to now."""

    leg: str
    rows: pl.DataFrame
    """account, partner, currency, product, both zones, changed, before and after (micro-units)"""
    payer: Ints | None = None
    """row of the catalog's accounts that the account is, if that is known"""


class _Cells:
    """Sums of facts in arrays, each fact's place given as a number."""

    def __init__(self, size: int) -> None:
        self._legs, self._changed = np.zeros(size, np.int64), np.zeros(size, np.int64)
        self._amounts = {name: np.zeros((2, size), np.int64) for name in _AMOUNTS}

    def add(self, at: Ints, rows: pl.DataFrame) -> None:
        """Count facts (changed, before and after) at these places."""
        np.add.at(self._legs, at, 1)
        np.add.at(self._changed, at[rows["changed"].to_numpy()], 1)
        for name, (low, high) in self._amounts.items():
            values = rows[name].to_numpy()
            np.add.at(low, at, values & ((1 << _HALF) - 1))
            upper = values >> _HALF
            if upper.any():
                np.add.at(high, at, upper)

    @property
    def found(self) -> tuple[Ints, pl.DataFrame]:
        """The places that anything was counted at, and the sums there."""
        at = np.flatnonzero(self._legs)
        halves = {
            f"{half}_{name}": values[at] for name, pair in self._amounts.items()
            for half, values in zip(("low", "high"), pair, strict=True)
        }
        sums = pl.DataFrame({"legs": self._legs[at], "changed": self._changed[at], **halves})
        return at, sums.select("legs", "changed", *(
            (pl.col(f"high_{name}").cast(pl.Int128) * (1 << _HALF) + pl.col(f"low_{name}"))
            .alias(name) for name in _AMOUNTS
        ))


class Sums:
    """Legs, those that change, and amounts before and after (micro-units), by some columns."""

    def __init__(self, leg: str, *by: str) -> None:
        """By the leg, which is first, and columns of facts."""
        self._by = leg, *by
        self._parts: list[pl.DataFrame] = []
        self._rows = 0

    def add(self, facts: Facts) -> None:
        """Count facts."""
        rows, by = facts.rows, self._by[1:]
        part = _by_words(rows, by) if _few(rows, by) else rows.group_by(
            pl.col(by).cast(pl.String)
        ).agg(
            legs=pl.len().cast(pl.Int64), changed=pl.col("changed").sum().cast(pl.Int64),
            before=pl.col("before").cast(pl.Int128).sum(),
            after=pl.col("after").cast(pl.Int128).sum(),
        )
        self.put(facts.leg, part)

    def put(self, leg: str, part: pl.DataFrame) -> None:
        """Count sums by the columns but the leg."""
        self._parts.append(part.select(pl.lit(leg).alias(self._by[0]), *self._by[1:], *_SUMS))
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


def _few(rows: pl.DataFrame, by: tuple[str, ...]) -> bool:
    """Whether the columns are words of few combinations."""
    kinds = [rows.schema[name] for name in by]
    return prod(
        kind.categories.len() + 1 if isinstance(kind, pl.Enum) else _CELLS for kind in kinds
    ) < _CELLS


def _by_words(rows: pl.DataFrame, by: tuple[str, ...]) -> pl.DataFrame:
    """Sums by columns that are Enums; the columns are String."""
    words = [rows.schema[name].categories for name in by]  # type: ignore[attr-defined]
    # null is one word more
    sizes = [len(of_column) + 1 for of_column in words]
    codes = [
        rows[name].to_physical().cast(pl.Int64).fill_null(size - 1).to_numpy()
        for name, size in zip(by, sizes, strict=True)
    ]
    cells = _Cells(prod(sizes))
    cells.add(np.ravel_multi_index(codes, sizes), rows)
    at, sums = cells.found
    places = np.unravel_index(at, sizes)
    return sums.with_columns(
        pl.concat([of_column, pl.Series([None], dtype=pl.String)])[place].alias(name)
        for name, of_column, place in zip(by, words, places, strict=True)
    )


class _Payers:
    """Sums of facts by the row of the catalog's accounts."""

    def __init__(self, accounts: pl.DataFrame) -> None:
        self._accounts = accounts
        self._cells = _Cells(accounts.height)

    def add(self, payer: Ints, rows: pl.DataFrame) -> None:
        self._cells.add(payer, rows)

    @property
    def frame(self) -> pl.DataFrame:
        """Sums by account and currency."""
        at, sums = self._cells.found
        return self._accounts[rows_index(at)].select("account", "currency").hstack(sums)


class Difference:
    """Sums by all that BY names."""

    def __init__(self, accounts: pl.DataFrame) -> None:
        """`accounts` are those of the catalog, with their currency."""
        self._sums = {name: Sums(*columns) for name, columns in BY.items()}
        self._payers = _Payers(accounts)

    def add(self, facts: Facts) -> None:
        """Count facts."""
        for name, sums in self._sums.items():
            # what a partner is owed is told by partner
            if facts.rows.is_empty() or (name in _PAID and facts.leg != "retail"):
                continue
            if name == "accounts" and facts.payer is not None:
                self._payers.add(facts.payer, facts.rows)
            else:
                sums.add(facts)

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """By the names in BY the sums, the greatest difference first; nothing is added after."""
        paid = self._payers.frame
        if paid.height:
            self._sums["accounts"].put("retail", paid)
        return {
            name: sums.frame.sort(pl.col("difference").abs(), descending=True, maintain_order=True)
            for name, sums in self._sums.items()
        }
