"""Longest prefix match as one sorted search over prefixes flattened to disjoint intervals."""

from dataclasses import dataclass, field

import polars as pl

from rating.validity import change_times, epoch_of, valid_in

WIDTH = 15
"""Digits of a number that count: the longest E.164 number"""

_SIZE = 10**WIDTH * 16


def number_key(number: pl.Expr) -> pl.Expr:
    """The sort key of digits: padded to WIDTH, the length in the low bits; null for other text.

    The length keeps a number that is shorter than a prefix out of that prefix's interval.
    """
    head = number.str.slice(0, WIDTH)
    digits = pl.when(head.str.contains("^[0-9]+$")).then(head)
    return digits.str.pad_end(WIDTH, "0").cast(pl.Int64) * 16 + digits.str.len_bytes().cast(
        pl.Int64
    )


def flatten(prefixes: list[str]) -> tuple[list[int], list[int]]:
    """Starts of disjoint key intervals, ascending, and each one's longest prefix as an index.

    The index is -1 where no prefix matches.
    """
    spans = sorted(
        (int(p.ljust(WIDTH, "0")) * 16 + len(p), (int(p) + 1) * 10 ** (WIDTH - len(p)) * 16, at)
        for at, p in enumerate(prefixes)
    )
    starts, owners = [0], [-1]
    open_spans = [(_SIZE, -1)]

    def begin(key: int, owner: int) -> None:
        if starts[-1] == key:
            owners[-1] = owner
        elif owners[-1] != owner:
            starts.append(key)
            owners.append(owner)

    for start, end, at in spans:
        while open_spans[-1][0] <= start:
            closed = open_spans.pop()[0]
            begin(closed, open_spans[-1][1])
        begin(start, at)
        open_spans.append((end, at))
    while len(open_spans) > 1:
        closed = open_spans.pop()[0]
        begin(closed, open_spans[-1][1])
    return starts, owners


@dataclass(frozen=True, slots=True)
class NumberPlan:
    """The prefixes with their validity, and the times at which the set of valid ones changes."""

    prefixes: pl.DataFrame
    changes: pl.Series
    _flat: dict[int, pl.DataFrame] = field(default_factory=dict)

    @classmethod
    def of(cls, prefixes: pl.DataFrame) -> "NumberPlan":
        """The plan of the catalog's table number_plan."""
        return cls(prefixes, change_times(prefixes))

    def destinations(self, numbers: pl.DataFrame) -> pl.DataFrame:
        """Per row with a match: `row`, destination_prefix, destination, destination_zone.

        `numbers` has row, started_at (naive UTC) and number (text).
        """
        keyed = numbers.select(
            "row", number_key(pl.col("number")).alias("key"),
            epoch=epoch_of(numbers["started_at"], self.changes),
        ).drop_nulls("key")
        found = [pl.DataFrame(schema=_FOUND)]
        for epoch in keyed["epoch"].unique(maintain_order=True).to_list():
            rows = keyed.filter(pl.col("epoch") == epoch)
            intervals = self._intervals(epoch)
            at = epoch_of(rows["key"], intervals["start"]) - 1
            found.append(rows.select("row").hstack(intervals[at].drop("start")))
        return pl.concat(found).drop_nulls("destination_zone")

    def _intervals(self, epoch: int) -> pl.DataFrame:
        """The disjoint intervals of one epoch: start and destination columns, null for none."""
        if epoch not in self._flat:
            valid = valid_in(self.prefixes, self.changes, epoch)
            starts, owners = flatten(valid["prefix"].to_list())
            rows = valid.select(
                pl.col("prefix").alias("destination_prefix"), "destination",
                pl.col("zone").alias("destination_zone"),
            ).with_row_index("owner").cast({"owner": pl.Int64})
            self._flat[epoch] = (
                pl.DataFrame({"start": starts, "owner": owners})
                .cast({"start": pl.Int64, "owner": pl.Int64})
                .join(rows, on="owner", how="left", maintain_order="left")
                .drop("owner")
            )
        return self._flat[epoch]


_FOUND = {
    "row": pl.Int64(), "destination_prefix": pl.String(), "destination": pl.String(),
    "destination_zone": pl.String(),
}
