"""Who of a batch holds something: its events by account and all that decides what that holds."""

from typing import Final, NamedTuple

from asn1.compiled import njit
from rating.allowance_grants import (
    AC_GRANT,
    AC_GRANTS,
    AC_MEMBER,
    AC_MEMBERS,
    AC_ZONE,
    M_FROM_S,
    M_POOL,
    M_TO_S,
    GrantTables,
)
from rating.local_time import ALWAYS_S
from rating.row_spans import Ints, SmallInts

HO_EVENT, HO_PLACE, HO_FIRST, HO_LAST, HO_MOMENT, HO_OWN = range(6)
HO_COLUMNS: Final = 6
OPTIONS: Final = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
INLINE: Final = {**OPTIONS, "cache": False, "no_cpython_wrapper": True, "forceinline": True}
_SPREAD: Final = -7046029254386353131
"""odd, and without a pattern in its bits"""


class Askers(NamedTuple):
    """Events by what decides who holds something for them; one value an event in each."""

    account: Ints
    """row of accounts, -1: none"""
    product: Ints
    """number among the products with grants"""
    tariff: Ints
    """number among the tariffs with counters"""
    sim: Ints
    """number among the SIMs with grants, -1: none of them"""
    at: Ints
    """start, microseconds since 1970"""
    place: Ints
    """number of all that scopes ask of an event"""


class Found(NamedTuple):
    """Where the holders of a batch are written."""

    own: SmallInts
    """[AC_] of the account of each event: together in memory, which the accounts are not"""
    firsts: SmallInts
    """zeros, one an account: its first holder + 1"""
    slots: SmallInts
    """zeros, a power of two and more than twice the events: all other holders + 1 by hash"""
    zones: Ints
    """zeros, one a time zone: 1 where a holder has it"""
    shares: Ints
    """zeros, one an event: 1 at the first holder of an account that shares with others"""
    holders: Ints
    """[HO_] The event that comes first and its place; starts of the first and the last event by
    time; the last change of the account's pools before; the first holder of the same account."""
    holder: Ints
    """per event, -1: nobody (also in the next)"""
    walk: Ints


@njit(**INLINE)
def _most(  # pragma: no cover - compiled
    asked: Askers, event: int, own: SmallInts, grants: GrantTables
) -> int:
    """No fewer than the holdings of the event's holder."""
    product, tariff, sim = asked.product[event], asked.tariff[event], asked.sim[event]
    most: int = own[AC_GRANTS] - own[AC_GRANT]
    most += grants.of_products.start[product + 1] - grants.of_products.start[product]
    most += grants.counters.start[tariff + 1] - grants.counters.start[tariff]
    if sim >= 0:
        most += grants.of_sims.start[sim + 1] - grants.of_sims.start[sim]
    for member in range(own[AC_MEMBER], own[AC_MEMBERS]):
        pool = grants.members[member, M_POOL]
        most += grants.of_pools.start[pool + 1] - grants.of_pools.start[pool]
    return most


@njit(**INLINE)
def _moment(own: SmallInts, grants: GrantTables, at: int) -> int:  # pragma: no cover - compiled
    """The last change of an account's pools up to a moment."""
    moment = ALWAYS_S
    for member in range(own[AC_MEMBER], own[AC_MEMBERS]):
        for edge in (grants.members[member, M_FROM_S], grants.members[member, M_TO_S]):
            if moment < edge <= at:
                moment = edge
    return moment


@njit(**INLINE)
def _is_for(  # pragma: no cover - compiled
    asked: Askers, holder: Ints, event: int, moment: int
) -> bool:
    """Whether a holder of the event's account is that of the event."""
    first = holder[HO_EVENT]
    same: bool = (
        asked.product[first] == asked.product[event] and asked.tariff[first] == asked.tariff[event]
        and asked.sim[first] == asked.sim[event] and holder[HO_PLACE] == asked.place[event]
        and holder[HO_MOMENT] == moment
    )
    return same


@njit(**INLINE)
def _further(  # pragma: no cover - compiled
    asked: Askers, found: Found, event: int, moment: int, own: int
) -> int:
    """The slot of a holder of an account that has others, free where there is none yet."""
    slots, code = found.slots, (own * 31 + asked.product[event]) * 31 + asked.tariff[event]
    code = ((code * 31 + asked.sim[event]) * 31 + asked.place[event]) * 31 + moment
    slot: int = ((code * _SPREAD) >> 32) & (len(slots) - 1)
    while slots[slot] > 0:
        row = found.holders[slots[slot] - 1]
        if row[HO_OWN] == own and _is_for(asked, row, event, moment):
            break
        slot = (slot + 1) & (len(slots) - 1)
    return slot


@njit(**OPTIONS)
def find_holders(  # pragma: no cover - compiled
    asked: Askers, grants: GrantTables, found: Found
) -> tuple[int, int]:
    """How many holders there are, and no fewer than their holdings; events without any have none.

    Holders come in the order of their first events.
    """
    count, room = 0, 0
    for event in range(len(asked.account)):
        here, found.holder[event] = found.own[event], -1
        most = _most(asked, event, here, grants) if asked.account[event] >= 0 else 0
        if most == 0:
            continue
        at = asked.at[event] // 1_000_000
        moment = _moment(here, grants, at)
        account, slot = asked.account[event], -1
        number = own = found.firsts[account] - 1
        if own >= 0 and not _is_for(asked, found.holders[own], event, moment):
            slot = _further(asked, found, event, moment, own)
            number = found.slots[slot] - 1
        if number < 0:
            number, row = count, found.holders[count]
            if own < 0:
                own, found.firsts[account] = count, count + 1
            else:
                found.slots[slot] = count + 1
            row[HO_EVENT], row[HO_PLACE] = event, asked.place[event]
            row[HO_MOMENT], row[HO_OWN] = moment, own
            row[HO_FIRST], row[HO_LAST] = at, at
            found.zones[here[AC_ZONE]] = 1
            if asked.sim[event] >= 0 or here[AC_MEMBER] < here[AC_MEMBERS]:
                found.shares[own] = 1
            count, room = count + 1, room + most
        else:
            row = found.holders[number]
            row[HO_FIRST], row[HO_LAST] = min(row[HO_FIRST], at), max(row[HO_LAST], at)
        found.holder[event] = number
    for event in range(len(asked.account)):
        found.walk[event] = -1
        if found.holder[event] >= 0:
            own = found.holders[found.holder[event], HO_OWN]
            found.walk[event] = 0 if found.shares[own] == 1 else own + 1
    return count, room
