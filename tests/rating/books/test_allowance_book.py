"""What events may draw on, against a plain reading of the catalog; scopes; draws as told."""

import sys
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rating.price_arrays import (
    A_COUNTER,
    A_QUANTITY,
    A_ROLL,
    H_ALLOWANCE,
    H_BUCKET,
    H_CLOCK,
    H_FROM_S,
    H_LINE,
    H_PERIOD,
    H_SIM,
    H_TO_S,
)

sys.path.insert(0, str(Path(__file__).parent))

from allowance_cases import (
    ALLOWANCES,
    ORDER,
    PERIOD,
    START,
    VIENNA,
    ZONE_OF,
    asked,
    counted,
    hold,
    holdings_of,
    made,
    starts_of,
    use,
)


def second(at):
    return (at - START) // timedelta(seconds=1)


def may_draw(held, event, at):
    """(holder, allowance, period start) that an event may draw on, as the kernel reads it."""
    found = []
    if held.holder[event] < 0:
        return found
    table = held.matrices
    low, high = table.holding_from[held.holder[event]:held.holder[event] + 2].tolist()
    buckets = [start for _, start in starts_of(held)]
    named = holdings_of(held)
    for number in range(low, high):
        row = table.holdings[number].tolist()
        if row[H_SIM] not in (-1, held.sim[event]) or not row[H_FROM_S] <= at < row[H_TO_S]:
            continue
        now = 0
        if row[H_CLOCK] >= 0:
            first, end = table.clock_from[row[H_CLOCK]:row[H_CLOCK] + 2].tolist()
            now = int(np.searchsorted(table.periods[first:end], at, side="right")) - 1
        oldest = now - int(table.allowances[row[H_ALLOWANCE], A_ROLL])
        for period in range(max(row[H_PERIOD], oldest), now + 1):
            start = buckets[row[H_BUCKET] + period - row[H_PERIOD]]
            found.append((named["holder"][number], named["allowance"][number], start))
    return found


def begin(period, zone, at):
    """UTC start of the period of a zone's local time at a UTC moment."""
    day = at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()
    if period == "week":
        day -= timedelta(days=day.weekday())
    if period == "month":
        day = day.replace(day=1)
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return midnight.astimezone(UTC).replace(tzinfo=None)


def plainly(grants, pools, subscriptions, event):
    """What §5 of docs/rating.md lets an event draw on."""
    account, product, imsi, at = event
    found = set()
    member = {p["pool"] for p in pools
              if p["account"] == account and p["valid_from"] <= at < p["valid_to"]}
    for grant in grants:
        kind, holder, allowance = grant["holder_kind"], grant["holder"], grant["allowance"]
        holds = {"product": [product], "account": [account], "sim": [imsi], "pool": member}
        if holder not in holds[kind] or not grant["valid_from"] <= at < grant["valid_to"]:
            continue
        zone = VIENNA if kind == "pool" else ZONE_OF[account]
        owner = f"account:{account}" if kind == "product" else f"{kind}:{holder}"
        since = grant["valid_from"]
        if kind == "product":
            since = max(since, *[s["valid_from"] for s in subscriptions
                                 if (s["account"], s["product"]) == (account, product)] or [since])
        period, roll = PERIOD[allowance]
        if period == "once":
            found.add((owner, allowance, grant["valid_from"]))
            continue
        start = begin(period, zone, at)
        for _ in range(roll + 1):
            if start >= begin(period, zone, since):
                found.add((owner, allowance, start))
            start = begin(period, zone, start - timedelta(seconds=1))
    return found


DAYS = [date(2026, 3, 20) + timedelta(days=d) for d in (0, 1, 9, 10, 11, 12, 26, 40, 41, 60)]


def utc(day):
    return begin("day", VIENNA, datetime(day.year, day.month, day.day, 12))


SPAN = st.tuples(st.sampled_from(range(len(DAYS))), st.sampled_from(range(len(DAYS)))).filter(
    lambda pair: pair[0] < pair[1]).map(lambda pair: (DAYS[pair[0]], DAYS[pair[1]]))
GRANT = st.tuples(
    st.sampled_from([("product", "P"), ("product", "Q"), ("account", "A"), ("account", "B"),
                     ("sim", "1"), ("sim", "2"), ("pool", "p"), ("pool", "q")]),
    st.sampled_from(list(PERIOD)), SPAN,
)
EVENT = st.tuples(
    st.sampled_from("ABCD"), st.sampled_from("PQR"), st.sampled_from("123"),
    st.datetimes(datetime(2026, 3, 19), datetime(2026, 5, 25)).map(
        lambda at: at.replace(microsecond=0)),
)


@settings(max_examples=settings.default.max_examples // 2)
@given(st.lists(GRANT, max_size=8),
       st.lists(st.tuples(st.sampled_from("pq"), st.sampled_from("ABCD"), SPAN), max_size=5),
       st.lists(st.tuples(st.sampled_from("ABCD"), st.sampled_from("PQ"), st.sampled_from(DAYS)),
                max_size=4),
       st.lists(EVENT, min_size=1, max_size=12))
def test_what_events_may_draw_on(frames, granted, pooled, subscribed, events):
    grants = [
        {"holder_kind": kind, "holder": holder, "allowance": allowance, "valid_from": first,
         "valid_to": end} for (kind, holder), allowance, (first, end) in granted
    ]
    pools = [{"pool": pool, "account": account, "valid_from": first, "valid_to": end}
             for pool, account, (first, end) in pooled]
    subscriptions = [{"account": account, "product": product, "valid_from": first}
                     for account, product, first in subscribed]
    events = [e for e in events if all(
        utc(s["valid_from"]) <= e[3] for s in subscriptions
        if (s["account"], s["product"]) == e[:2])]
    book = made(frames, grants=grants, pools=pools, subscriptions=subscriptions)
    held = hold(book, asked(*(
        {"account": a, "product": p, "imsi": i, "started_at": at} for a, p, i, at in events
    )) if events else asked({}).clear(), use())
    dated = [[row | {key: utc(row[key]) for key in ("valid_from", "valid_to") if key in row}
              for row in rows] for rows in (grants, pools, subscriptions)]
    for number, event in enumerate(events):
        got = may_draw(held, number, second(event[3]))
        assert set(got) == plainly(*dated, event)
        ranks = [ORDER[allowance] for _, allowance, _ in got]
        assert ranks == sorted(ranks)
    assert len(held.used) == len(starts_of(held))
    rows = held.matrices.holdings.tolist()
    for low, high in pairwise(held.matrices.holding_from):
        key = [(*ORDER[ALLOWANCES[row[H_ALLOWANCE]]["allowance"]], row[H_LINE])
               for row in rows[low:high]]
        assert key == sorted(key)


def test_quantities_and_costs_at_the_allowance_s_scale(frames):
    book = made(frames, scopes=[
        {"allowance": "monthly", "takes": 2, "per": 3, "unit": "s"},
        {"allowance": "monthly", "takes": 1, "per": 1, "unit": "min", "serving_zone": "us"},
        {"allowance": "weekly", "takes": 0, "per": 1, "unit": "kB"},
    ])
    # 100 minutes at 1/60 s, half a megabyte at 1/1024 byte
    assert book.kinds.scales.tolist() == [60, 1024, 1, 1]
    assert book.allowances[:, A_QUANTITY].tolist() == [360_000, 524_288 * 1024, 7, 3]
    assert book.scopes.tolist() == [[40], [1], [0]]


SCOPE = st.fixed_dictionaries({
    "allowance": st.sampled_from(["monthly", "daily"]),
    "service": st.sampled_from(["voice", "sms", "*"]), "direction": st.sampled_from(["mo", "*"]),
    "serving_zone": st.sampled_from(["at", "eu", "us", "*"]),
    "destination_zone": st.sampled_from(["at", "eu", "@group", "@friend", "*"]),
    "band": st.sampled_from(["peak", "*"]), "partner": st.sampled_from(["x", "*"]),
})
CHAINS = {"at": ["at", "eu", "*"], "eu": ["eu", "*"], "us": ["us", "*"], "nil": ["*"]}


def best_scope(scopes, allowance, event, band):
    found = []
    serving, called = CHAINS[event["serving_zone"]], [
        *(r for r in ("@group", "@friend") if r in event["relation"]),
        *CHAINS[event["destination_zone"]],
    ]
    for number, scope in enumerate(scopes):
        exact = {name: scope[name] == value for name, value in (
            ("partner", event["partner"]), ("band", band), ("service", event["service"]),
            ("direction", event["direction"]))}
        if (
            scope["allowance"] == allowance and scope["serving_zone"] in serving
            and scope["destination_zone"] in called
            and all(same or scope[name] == "*" for name, same in exact.items())
        ):
            # a band `*` is as named as it gets for the band `*`
            found.append((serving.index(scope["serving_zone"]),
                          called.index(scope["destination_zone"]),
                          *(scope[name] == "*" for name in exact), number))
    return min(found)[-1] if found else -1


@settings(max_examples=settings.default.max_examples // 2)
@given(st.lists(SCOPE, max_size=15, unique_by=lambda s: tuple(s.values())),
       st.lists(st.fixed_dictionaries({
           "service": st.sampled_from(["voice", "sms", "vas"]),
           "direction": st.sampled_from(["mo", "mt"]),
           "serving_zone": st.sampled_from(list(CHAINS)),
           "destination_zone": st.sampled_from(list(CHAINS)),
           "relation": st.sampled_from(["", "@group", "@friend", "@group@friend"]),
           "partner": st.sampled_from(["x", "y"]),
       }), min_size=1, max_size=10))
def test_the_most_specific_scope_covers(frames, scopes, events):
    book = made(frames, scopes=[scope | {"unit": "s"} for scope in scopes], grants=[
        {"holder_kind": "account", "holder": "A", "allowance": "monthly"}])
    frame = asked(*events)
    hold(book, frame[:1], use())
    held = hold(book, frame, use())
    places, bands = held.matrices.sizes.tolist()
    for place, event in zip(held.place.tolist(), events, strict=True):
        for number, allowance in enumerate(ORDER):
            for band, name in enumerate(["*", "peak", "night"]):
                got = held.matrices.scope_at[(number * places + place) * bands + band]
                assert got == best_scope(scopes, allowance, event, name)


@pytest.fixture
def counting(frames):
    return counted(frames)


def test_counters_and_those_who_hold_nothing(counting):
    held = hold(counting, asked(
        {"tariff": "t"}, {"tariff": "u"}, {"tariff": "u", "imsi": "2"},
        {"account": "B", "tariff": "t"}, {"account": "nobody"}, {"account": None},
        {"account": "C", "tariff": "u"}, {"account": "D", "tariff": "t"},
    ), use())
    assert (held.holder >= 0).tolist() == [True, False, True, True, False, False, True, True]
    assert held.sim.tolist() == [-1, -1, 0, -1, -1, -1, -1, -1]
    names = holdings_of(held)
    assert names.rows() == [
        ("account:A", "k", "month"), ("account:A", "l", "day"), ("sim:2", "pass", "once"),
        ("account:B", "k", "month"), ("account:B", "l", "day"), ("pool:p", "daily", "day"),
        ("pool:p", "daily", "day"), ("account:D", "k", "month"), ("account:D", "l", "day"),
    ]
    # those who may draw on the same are walked together
    assert held.walk[0] == held.walk[2] == held.walk[6] == held.walk[7]
    assert held.walk[3] not in (-1, held.walk[0])
    assert held.walk[[1, 4, 5]].tolist() == [-1, -1, -1]
    counter = names["allowance"].is_in(["k", "l"])
    kinds = held.matrices.allowances[held.matrices.holdings[:, H_ALLOWANCE]]
    assert kinds[:, A_COUNTER].tolist() == counter.cast(pl.Int64).to_list()
    # both accounts of the pool use the same buckets
    assert held.matrices.holdings[5, H_BUCKET] == held.matrices.holdings[6, H_BUCKET]


def test_draws_are_told_as_charges_have_them(counting):
    held = hold(counting, asked({"account": "C", "tariff": "t"}, {"imsi": "2"}), use())
    # the counters are the account's own
    names = holdings_of(held)["allowance"].to_list()
    rows = held.matrices.holdings
    draws = np.array([
        [names.index("k"), rows[names.index("k"), H_BUCKET], 0, 5, 2],
        [names.index("pass"), rows[names.index("pass"), H_BUCKET], 1, 1, 0],
        [names.index("daily"), rows[names.index("daily"), H_BUCKET] + 2, 4, 4, 1],
    ], np.int64)
    assert held.drawn(draws).rows() == [
        ("k", None, starts_of(held)[int(draws[0, 1])][1], 0, 2, 5, 1),
        ("pass", "sim:2", datetime(2026, 4, 30, 22), 1, 0, 1, 1),
        ("daily", "pool:p", datetime(2026, 5, 14, 22), 4, 1, 4, 3),
    ]
    assert held.drawn(draws[:0]).height == 0


def test_nothing_is_held_where_nothing_is_granted(frames):
    held = hold(made(frames, allowances=[]), asked({}, {"account": "B"}), use())
    assert held.holder.tolist() == held.place.tolist() == held.sim.tolist() == [-1, -1]
    assert len(held.used) == holdings_of(held).height == 0
    assert held.matrices.holding_from.tolist() == [0]
    assert held.state_after(held.used).frame.height == 0


def test_holders_of_accounts_that_are_not_known_hold_nothing(frames):
    book = made(frames, grants=[
        {"holder_kind": "account", "holder": "B", "allowance": "daily"}])
    held = hold(book, asked({}, {"account": "B"}, {"account": "x"}), use())
    assert held.holder.tolist() == [-1, 0, -1]


def test_what_no_scope_covers_is_not_held(frames):
    book = made(frames, grants=[
        {"holder_kind": "account", "holder": "A", "allowance": name}
        for name in ("daily", "monthly", "weekly")
    ], scopes=[{"allowance": "monthly", "unit": "min", "service": "voice"},
               {"allowance": "daily", "unit": "event", "band": "peak"}])
    held = hold(book, asked({}, {"service": "sms"}, {}), use())
    assert held.holder.tolist() == [0, 1, 0]
    assert holdings_of(held)["allowance"].to_list() == ["monthly", "daily", "daily"]
    assert len(held.used) == 2 + 3
