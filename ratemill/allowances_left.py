"""What an account has left of its allowances at a moment, and until when it can be used."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import polars as pl

from charging.allowance_use import used
from charging.ledger import Ledger
from rating.catalog import Catalog
from rating.catalog_column import UNITS
from rating.catalog_read import ALWAYS, NEVER
from rating.local_time import ALWAYS_S, period_starts

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001
_KILO: Final = 1024


class AllowanceLeft(msgspec.Struct, frozen=True):
    """One period of one allowance; quantities in its own unit, times in UTC."""

    allowance: str
    holder: str
    """account, a SIM or a pool"""
    unit: str
    granted: str
    used: str
    left: str
    since: datetime | None
    until: datetime | None
    """None: no end"""


class _Held(NamedTuple):
    holder: str
    zone: str
    allowance: str
    granted_from: datetime
    granted_to: datetime
    since: datetime
    """what began before does not count"""


def allowances_left(
    catalog: Catalog, ledger: Ledger, account: str, at: datetime
) -> list[AllowanceLeft]:
    """What the account can use at a moment (UTC), what ends first first."""
    held = list(dict.fromkeys(_held(catalog, account, at)))
    if not held:
        return []
    holders = pl.Series("holder", sorted({one.holder for one in held}))
    gone = {
        (holder, allowance, start): (amount, scale)
        for holder, allowance, start, amount, scale in used(ledger, holders).select(
            "holder", "allowance", "period_start", "used", "scale").iter_rows()
    }
    found: dict[tuple[str, str, datetime], AllowanceLeft] = {}
    ends: dict[tuple[str, str, datetime], datetime] = {}
    for one in held:
        for start, until in _periods(catalog, one, at):
            key = one.holder, one.allowance, start
            # of several grants the one that ends last counts
            last = max(until or NEVER, ends.get(key, until or NEVER))
            ends[key] = last
            found[key] = _left(catalog, one, start, last, gone.get(key, (0, 1)))
    return sorted(found.values(), key=lambda a: (a.until or NEVER, a.allowance, a.holder))


def _held(catalog: Catalog, account: str, at: datetime) -> Iterator[_Held]:
    """What the account may draw on at the moment."""
    frames = catalog.frames
    own = frames["accounts"].filter(account=account)
    zone = own["timezone"].item() if own.height else catalog.home_zone
    holders = [("account", account, f"account:{account}", zone, ALWAYS)]
    had = frames["subscriptions"].filter(account=account)
    first = had.group_by("product").agg(pl.col("valid_from").min()).join(
        _valid(had, at), on="product", how="semi"
    )
    holders += [
        ("product", product, f"account:{account}", zone, since)
        for product, since in first.sort("product").iter_rows()
    ]
    for kind, column, local in (("sim", "imsi", zone), ("pool", "pool", catalog.home_zone)):
        names = _valid(frames[f"{kind}s"].filter(account=account), at)[column].unique().sort()
        holders += [(kind, name, f"{kind}:{name}", local, ALWAYS) for name in names]
    grants = _valid(frames["grants"], at)
    for kind, name, holder, local, since in holders:
        for row in grants.filter(holder_kind=kind, holder=name).iter_rows(named=True):
            yield _Held(holder, local, row["allowance"], row["valid_from"], row["valid_to"],
                        max(since, row["valid_from"]))


def _valid(frame: pl.DataFrame, at: datetime) -> pl.DataFrame:
    return frame.filter(pl.col("valid_from") <= at, pl.col("valid_to") > at)


def _row(catalog: Catalog, allowance: str) -> dict[str, Any]:
    named = pl.col("allowance") == allowance
    return catalog.frames["allowances"].row(by_predicate=named, named=True)


def _periods(
    catalog: Catalog, held: _Held, at: datetime
) -> list[tuple[datetime, datetime]]:
    """Start of each period whose quantity can be used, and when that ends."""
    row = _row(catalog, held.allowance)
    if row["period"] == "once":
        return [(held.granted_from, held.granted_to)]
    starts = period_starts(held.zone, row["period"])
    now, first = (
        int(np.searchsorted(starts, (moment - _EPOCH) // timedelta(seconds=1), "right")) - 1
        for moment in (at, held.since)
    )
    oldest = max(now - row["roll_over"], first, 0)
    return [
        (_time(starts[number]), min(_time(starts[number + row["roll_over"] + 1]), held.granted_to))
        for number in range(oldest, now + 1)
    ]


def _time(second: np.int64) -> datetime:
    # the first period has no begin
    return _EPOCH + timedelta(seconds=max(int(second), ALWAYS_S))


def _left(
    catalog: Catalog, held: _Held, start: datetime, until: datetime, gone: tuple[int, int]
) -> AllowanceLeft:
    """The figures of one period, as rating counts them."""
    row = _row(catalog, held.allowance)
    _, factor, power = UNITS[row["unit"]]
    size = factor * _KILO ** power
    granted = Fraction(row["quantity_num"], row["quantity_den"] * size)
    spent = Fraction(gone[0], gone[1] * size)
    return AllowanceLeft(
        held.allowance, held.holder, row["unit"], _text(granted), _text(spent),
        _text(max(granted - spent, Fraction(0))), None if start == ALWAYS else start,
        None if until == NEVER else until,
    )


def _text(quantity: Fraction) -> str:
    """The quantity to two decimals, cut off: nobody is promised what he does not have."""
    hundredths = quantity.numerator * 100 // quantity.denominator
    return f"{hundredths // 100:,}.{hundredths % 100:02d}".rstrip("0").rstrip(".")
