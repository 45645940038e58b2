"""What the holders of a batch hold, in the order of drawing, and what of it is counted together."""

from typing import Final, NamedTuple

from asn1.compiled import njit
from rating.allowance_grants import (
    AC_GRANT,
    AC_GRANTS,
    AC_HELD,
    AC_HELDS,
    AC_MEMBER,
    AC_MEMBERS,
    AC_ZONE,
    G_ALLOWANCE,
    G_FROM_S,
    G_LINE,
    G_TO_S,
    HE_PRODUCT,
    HE_SINCE_S,
    M_FROM_S,
    M_POOL,
    M_TO_S,
    GrantTables,
)
from rating.allowance_holders import (
    HO_EVENT,
    HO_FIRST,
    HO_LAST,
    HO_MOMENT,
    HO_OWN,
    HO_PLACE,
    INLINE,
    OPTIONS,
    Askers,
    Found,
)
from rating.local_time import ALWAYS_S
from rating.price_arrays import (
    A_ROLL,
    H_ALLOWANCE,
    H_BUCKET,
    H_CLOCK,
    H_FROM_S,
    H_LINE,
    H_PERIOD,
    H_SIM,
    H_TO_S,
    MAX_INT64,
)
from rating.row_spans import Flags, Ints, SmallInts

ST_OWNER, ST_HOLDING, ST_FIRST, ST_LAST, ST_BUCKET, ST_NEXT = range(6)
ST_COLUMNS: Final = 6
H_COLUMNS: Final = 8


class Timing(NamedTuple):
    """Periods of allowances."""

    kinds: Ints
    """per allowance its place in PERIODS, -1 for once"""
    allowances: Ints
    """[A_] of `Book`"""
    clock_of: Ints
    """per time zone (rows) and place in PERIODS (columns)"""
    clock_from: Ints
    periods: Ints
    last: Ints
    """zeros, a row a clock: begin, end and number of the period that was found last"""


class Holdings(NamedTuple):
    """Where the holdings of a batch are written."""

    covers: Flags
    """per place (rows) and allowance whether one has a scope there, or is a counter"""
    heads: SmallInts
    """zeros: its last store + 1 of each holder's account, then of all SIMs, then of all pools"""
    holding_from: Ints
    holdings: Ints
    """[H_] of `Book`"""
    store_of: Ints
    """per holding its store"""
    stores: SmallInts
    """[ST_] What is counted together: the owner, the first of its holdings, first and last period,
    first bucket, and the owner's store before + 1."""


@njit(**INLINE)
def _add(  # pragma: no cover - compiled
    held: Holdings, end: int, span: Ints, grants: GrantTables, grant: int,
    of: tuple[int, int, int],
) -> int:
    """The end of the holdings with a grant behind them if an event of the holder may draw on it.

    `of` is its owner, its SIM (-1: any), and since when its periods count.
    """
    row, granted = held.holdings[end], grants.grants[grant]
    since = max(granted[G_FROM_S], of[2])
    if (not held.covers[span[HO_PLACE], granted[G_ALLOWANCE]] or since > span[HO_LAST]
            or granted[G_TO_S] <= span[HO_FIRST]):
        return end
    row[H_ALLOWANCE], row[H_SIM] = granted[G_ALLOWANCE], of[1]
    row[H_FROM_S], row[H_TO_S] = granted[G_FROM_S], granted[G_TO_S]
    # until `_settle` they are the grant, its owner, and the moment whose period counts first
    row[H_LINE], row[H_BUCKET], row[H_PERIOD] = grant, of[0], since
    return end + 1


@njit(**INLINE)
def _claim_own(  # pragma: no cover - compiled
    held: Holdings, end: int, span: Ints, asked: Askers, own: SmallInts, grants: GrantTables
) -> int:
    """The end of the holdings behind those that the account of a holder has for itself."""
    event, products, counters = span[HO_EVENT], grants.of_products, grants.counters
    account, product, tariff = asked.account[event], asked.product[event], asked.tariff[event]
    since = ALWAYS_S
    for place in range(own[AC_HELD], own[AC_HELDS]):
        if grants.held[place, HE_PRODUCT] == product:
            since = grants.held[place, HE_SINCE_S]
    for place in range(products.start[product], products.start[product + 1]):
        end = _add(held, end, span, grants, products.rows[place], (account, -1, since))
    for place in range(own[AC_GRANT], own[AC_GRANTS]):
        end = _add(held, end, span, grants, grants.of_accounts[place], (account, -1, ALWAYS_S))
    for place in range(counters.start[tariff], counters.start[tariff + 1]):
        end = _add(held, end, span, grants, counters.rows[place], (account, -1, ALWAYS_S))
    return end


@njit(**INLINE)
def _claim_others(  # pragma: no cover - compiled
    held: Holdings, end: int, span: Ints, asked: Askers, own: SmallInts, grants: GrantTables
) -> int:
    """The end of the holdings behind those that a holder has by its SIM and pools."""
    sim, moment, sims = asked.sim[span[HO_EVENT]], span[HO_MOMENT], len(grants.accounts) - 1
    if sim >= 0:
        of_sims = grants.of_sims
        for place in range(of_sims.start[sim], of_sims.start[sim + 1]):
            end = _add(held, end, span, grants, of_sims.rows[place], (sims + sim, sim, ALWAYS_S))
    pools, of_pools = sims + len(grants.of_sims.start) - 1, grants.of_pools
    for number in range(own[AC_MEMBER], own[AC_MEMBERS]):
        member = grants.members[number]
        pool = member[M_POOL]
        if member[M_FROM_S] <= moment < member[M_TO_S]:
            for place in range(of_pools.start[pool], of_pools.start[pool + 1]):
                of = (pools + pool, -1, ALWAYS_S)
                end = _add(held, end, span, grants, of_pools.rows[place], of)
    return end


@njit(**INLINE)
def _sort(holdings: Ints, low: int, end: int) -> None:  # pragma: no cover - compiled
    """Put the holdings in the order of drawing, which is that of grants."""
    for last in range(low + 1, end):
        place = last
        while place > low and holdings[place - 1, H_LINE] > holdings[place, H_LINE]:
            for column in range(holdings.shape[1]):
                held = holdings[place, column]
                holdings[place, column] = holdings[place - 1, column]
                holdings[place - 1, column] = held
            place -= 1


@njit(**INLINE)
def period_at(timing: Timing, clock: int, at: int) -> int:  # pragma: no cover - compiled
    """The number of the period of a clock that holds at a moment."""
    last = timing.last[clock]
    if not last[0] <= at < last[1]:
        first, end = timing.clock_from[clock], timing.clock_from[clock + 1]
        low, high = first, end
        while high - low > 1:
            middle = (low + high) // 2
            if timing.periods[middle] <= at:
                low = middle
            else:
                high = middle
        last[0], last[2] = timing.periods[low], low - first
        last[1] = timing.periods[high] if high < end else MAX_INT64
    period: int = last[2]
    return period


@njit(**INLINE)
def _store(  # pragma: no cover - compiled
    held: Holdings, head: int, owner: int, stores: int, holding: int, newest: int
) -> int:
    """The owner's store for the holding, made as number `stores` if there is none.

    It spans the holding's first period and the newest one.
    """
    row = held.holdings[holding]
    number: int = held.heads[head] - 1
    oldest = row[H_PERIOD]
    while number >= 0:
        store = held.stores[number]
        other = held.holdings[store[ST_HOLDING]]
        # a quantity given once has the beginning of its grant in place of a clock
        if (other[H_ALLOWANCE] == row[H_ALLOWANCE] and other[H_CLOCK] == row[H_CLOCK]
                and (row[H_CLOCK] >= 0 or other[H_FROM_S] == row[H_FROM_S])):
            store[ST_FIRST] = min(store[ST_FIRST], oldest)
            store[ST_LAST] = max(store[ST_LAST], newest)
            return number
        number = store[ST_NEXT] - 1
    store = held.stores[stores]
    store[ST_OWNER], store[ST_HOLDING], store[ST_NEXT] = owner, holding, held.heads[head]
    store[ST_FIRST], store[ST_LAST], held.heads[head] = oldest, newest, stores + 1
    return stores


@njit(**INLINE)
def _settle(  # pragma: no cover - compiled
    row: Ints, span: Ints, zone: int, grants: GrantTables, timing: Timing
) -> int:
    """The newest period of a holding for the events of its holder; clock and first are written."""
    kind, since, newest = timing.kinds[row[H_ALLOWANCE]], row[H_PERIOD], 0
    row[H_CLOCK], row[H_PERIOD], row[H_LINE] = -1, 0, grants.grants[row[H_LINE], G_LINE]
    if kind >= 0:
        clock = timing.clock_of[zone, kind]
        newest = period_at(timing, clock, span[HO_LAST])
        oldest = period_at(timing, clock, span[HO_FIRST])
        oldest = max(oldest - timing.allowances[row[H_ALLOWANCE], A_ROLL], 0)
        if since > timing.periods[timing.clock_from[clock] + oldest]:
            oldest = max(oldest, period_at(timing, clock, since))
        row[H_CLOCK], row[H_PERIOD] = clock, oldest
    return newest


@njit(**OPTIONS)
def find_holdings(  # pragma: no cover - compiled
    asked: Askers, found: Found, grants: GrantTables, timing: Timing, held: Holdings
) -> tuple[int, int, int]:
    """How many holdings, stores and buckets the holders have."""
    end, stores, buckets, accounts = 0, 0, 0, len(grants.accounts) - 1
    pools = accounts + len(grants.of_sims.start) - 1
    for holder in range(len(found.holders)):
        span, low = found.holders[holder], end
        own = found.own[span[HO_EVENT]]
        end = _claim_own(held, low, span, asked, own, grants)
        end = _claim_others(held, end, span, asked, own, grants)
        _sort(held.holdings, low, end)
        held.holding_from[holder + 1] = end
        for number in range(low, end):
            row = held.holdings[number]
            owner = row[H_BUCKET]
            # a pool has the time zone of the home network
            newest = _settle(row, span, own[AC_ZONE] if owner < pools else 0, grants, timing)
            head = span[HO_OWN] if owner < accounts else len(found.holders) + owner - accounts
            held.store_of[number] = _store(held, head, owner, stores, number, newest)
            stores = max(stores, held.store_of[number] + 1)
    for number in range(stores):
        store = held.stores[number]
        store[ST_BUCKET] = buckets
        buckets += store[ST_LAST] - store[ST_FIRST] + 1
    for number in range(end):
        row, store = held.holdings[number], held.stores[held.store_of[number]]
        row[H_BUCKET] = store[ST_BUCKET] + row[H_PERIOD] - store[ST_FIRST]
    return end, stores, buckets
