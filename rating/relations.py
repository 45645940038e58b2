"""Whether the two parties of an event are friends or of one closed user group."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from rating.identity import digits_number
from rating.validity import Ints

_HOLDS = pl.col("started_at").is_between("valid_from", "valid_to", closed="left")


@dataclass(frozen=True, slots=True)
class Relations:
    """Friends and closed user groups by numbers."""

    friends: pl.DataFrame
    """account_no, other, valid_from, valid_to"""
    members: pl.DataFrame
    """group, number, valid_from, valid_to"""

    @classmethod
    def of(cls, friends: pl.DataFrame, groups: pl.DataFrame, accounts: pl.Series) -> "Relations":
        """Of the catalog tables friends and groups; account_no is the place in accounts."""
        known = accounts if friends.height else accounts.clear()
        rows = known.rename("account").to_frame().with_row_index("account_no")
        number = digits_number(pl.col("number"))
        return cls(
            friends.join(rows.cast({"account_no": pl.Int64}), on="account").select(
                "account_no", number.alias("other"), "valid_from", "valid_to"),
            groups.select("group", number, "valid_from", "valid_to"),
        )

    @property
    def none(self) -> bool:
        """Whether there are no friends and no groups."""
        return self.friends.is_empty() and self.members.is_empty()

    def codes(self, events: pl.DataFrame) -> Ints:
        """Per event 0 for none, 1 for @group, 2 for @friend, 3 for both.

        `events` has account_no (-1: none), own (text: the charged MSISDN), other_party (text) and
        started_at.
        """
        found = np.zeros(events.height, np.int64)
        row = pl.int_range(pl.len(), dtype=pl.Int64)
        asked = events.select(
            "account_no", "started_at", row=row, other=digits_number(pl.col("other_party")),
            own=digits_number(pl.col("own")) if self.members.height else None,
        ).drop_nulls("other")
        found[self._grouped(asked)] |= 1
        found[self._befriended(asked)] |= 2
        return found

    def _befriended(self, asked: pl.DataFrame) -> Ints:
        hits = asked.join(self.friends, on=["account_no", "other"]).filter(_HOLDS)
        return hits["row"].unique().to_numpy()

    def _grouped(self, asked: pl.DataFrame) -> Ints:
        if self.members.is_empty():
            return np.zeros(0, np.int64)
        own = self.members.rename({"number": "own"})
        other = self.members.rename({"number": "other"})
        hits = (
            asked.join(own, on="own").filter(_HOLDS).drop("valid_from", "valid_to")
            .join(other, on=["group", "other"]).filter(_HOLDS)
        )
        return hits["row"].unique().to_numpy()
