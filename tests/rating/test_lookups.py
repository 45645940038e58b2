"""Who, where, whom and by which relation: the rows of the catalog that hold at the start."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediation.schema import USAGE
from rating.conversions import rate_text
from rating.identity import digits_number, identities
from rating.lookups import Turned, local_times, locate
from rating.numbering import Answers, Numbers, distinct
from rating.rate import price_usage
from rating.row_search import Spread
from rating.schema import ALLOWANCE_USE, CHARGE
from rating.validity import frozen, numbered
from rating.zone_chains import RELATIONS

FRIENDS = """
    account,number,valid_from,valid_to
    A1,4712345,,2026-09-02
    A2,43512000,,
    """
GROUPS = """
    group,number,valid_from,valid_to
    team,43699000001,,2026-09-05
    team,4712345,2026-09-01,
    club,4712345,,
    club,43699000009,,
    """


@pytest.fixture
def found(usage):
    def of(catalog, *rows):
        frame = usage(*rows)
        turned = Turned(frame)
        return locate(frame, catalog.lookups, turned), turned.frame

    return of


def test_identity_by_imsi_else_number_at_the_time(catalog, found):
    change = datetime(2026, 9, 9, 22)
    located, turned = found(
        catalog,
        {"started_at": change - timedelta(microseconds=1)},
        {"started_at": change},
        {"imsi": None, "msisdn": "43699000002"},
        {"imsi": "232990000000009", "msisdn": "43699000002"},
        {"imsi": None, "msisdn": "43699000001", "started_at": datetime(2026, 9, 19, 22)},
        {"imsi": "0232990000000001"}, {"imsi": "+32990000000001"},
    )
    assert catalog.frames["accounts"]["account"][located.account].to_list() == ["A1", "A2", "A2"]
    # an IMSI that is not ours is not asked for by number
    assert turned["code"].to_list() == ["SUBSCRIBER_UNKNOWN"] * 4
    assert turned["record_index"].to_list() == [3, 4, 5, 6]


def test_a_subscription_of_the_sim_goes_before_that_of_the_account(catalog_of):
    catalog = catalog_of(subscriptions="""
        account,imsi,product,valid_from,valid_to
        A1,,home_bands,,
        A2,,away_bands,2026-01-01,
        A2,232990000000002,late,2026-03-01,2026-05-01
        A3,,late,2026-09-15,
        """)
    rows = catalog.identity.filter(pl.col("imsi") == "232990000000002").select(
        "product", pl.col("valid_from").dt.date().dt.to_string("%F"))
    assert rows.rows() == [
        (None, "0001-01-01"), ("away_bands", "2025-12-31"), ("late", "2026-02-28"),
        ("away_bands", "2026-04-30"),
    ]


moments = st.integers(0, 12).map(lambda day: datetime(2026, 1, 1) + timedelta(days=day))


@st.composite
def spans(draw, kind):
    """Rows of one key that do not overlap: (name, from, to)."""
    ends = sorted(draw(st.lists(moments, unique=True, max_size=6)))
    pairs = list(zip(ends[::2], ends[1::2], strict=False))
    return [(draw(kind), since, until) for since, until in pairs]


@given(spans(st.just("A")), spans(st.sampled_from("pq")), spans(st.sampled_from("rs")))
def test_intervals_of_identity_say_what_each_moment_does(sims, named, unnamed):
    dated = {"valid_from": pl.Datetime("us"), "valid_to": pl.Datetime("us")}
    text = dict.fromkeys(["a", "b", "c"], pl.String)

    def frame(names, rows):
        schema = dict(zip(names, text.values(), strict=True)) | dated
        return pl.DataFrame(rows, schema=schema, orient="row")

    frames = {
        "accounts": pl.DataFrame({"account": ["Z", "A"]}),
        "products": pl.DataFrame({"product": list("pqrs")}),
        "sims": frame(["account", "imsi", "msisdn"], [(a, "1", "2", f, t) for a, f, t in sims]),
        "subscriptions": frame(
            ["account", "imsi", "product"],
            [("A", "1", p, f, t) for p, f, t in named] + [("A", "", p, f, t) for p, f, t in unnamed]
            + [("A", "9", "p", datetime(2026, 1, 1), datetime(2026, 2, 1))],
        ),
    }
    rows = identities(frames)
    for day in range(13):
        at = datetime(2026, 1, 1, 12) + timedelta(days=day)

        def holds(found, at=at):
            return [name for name, since, until in found if since <= at < until]

        expected = [(holds(named) or holds(unnamed) or [None])[0]] if holds(sims) else []
        valid = rows.filter(pl.lit(at).is_between("valid_from", "valid_to", closed="left"))
        assert valid["product"].to_list() == expected
        assert valid["account_no"].to_list() == [1] * len(expected)


def test_a_ported_number_goes_before_its_prefix(catalog_of, found):
    catalog = catalog_of(ported="""
        number,destination,zone,valid_from,valid_to
        4319,Ported,eea,2026-09-02,
        """)
    call = {"other_party": "4319", "started_at": datetime(2026, 9, 3)}
    located, _ = found(catalog, call, call | {"started_at": datetime(2026, 9, 1)},
                       call | {"other_party": "43190"}, call | {"service": "vas",
                                                                "direction": "mt"})
    names = catalog.number_plan.rows["destination"][located.plan].to_list()
    assert names == ["Ported", "Vienna premium", "Vienna premium", "Ported"]


@pytest.mark.parametrize(
    ("change", "relation"),
    [
        ({}, "@group@friend"),
        ({"started_at": datetime(2026, 9, 3)}, "@group"),
        ({"started_at": datetime(2026, 9, 6)}, ""),
        ({"started_at": datetime(2026, 8, 30)}, "@friend"),
        ({"msisdn": "43699000009"}, "@group@friend"),
        ({"msisdn": "43699000008"}, "@friend"),
        ({"direction": "mt"}, "@group@friend"),
        ({"service": "data"}, "@group@friend"),
        ({"imsi": "232990000000002"}, ""),
        ({"imsi": "232990000000002", "other_party": "43512000"}, "@friend"),
    ],
)
def test_friends_and_groups(catalog_of, found, change, relation):
    catalog = catalog_of(friends=FRIENDS, groups=GROUPS)
    call = {"other_party": "4712345", "started_at": datetime(2026, 9, 1, 8)}
    located, _ = found(catalog, call | change)
    assert [RELATIONS[code] for code in located.relation] == [relation]


def test_the_clock_of_the_serving_network_where_the_record_agrees(catalog, found, usage):
    event = {"imsi": "232990000000002", "serving_network": "USAXM", "direction": "mt"}
    rows = (event | {"utc_offset_s": -14_400}, event | {"utc_offset_s": -18_000}, {})
    located, _ = found(catalog, *rows)
    zone, offset = local_times(
        located, located.tariff, usage(*rows)["utc_offset_s"], catalog.lookups)
    zones = catalog.tariff_book.time_zones
    assert zone.tolist() == [zones["America/New_York"], -1, zones["Europe/Vienna"]]
    assert offset[1] == -18_000


def test_usage_of_words_is_rated_as_that_of_texts(catalog, usage):
    texts = usage({"partner_charge_micros": 7, "partner_currency": "EUR"}, {"service": "data"},
                  {"partner": "nobody"}, {"serving_network": "NOWHERE"}, {"direction": "mt"})
    words = USAGE.worded(texts)
    assert words["service"].dtype == pl.Enum(["voice", "data"])
    made, same = (price_usage(one, catalog, ALLOWANCE_USE.empty()) for one in (texts, words))
    assert CHARGE.plain(made.charges).equals(CHARGE.plain(same.charges))
    assert USAGE.plain(made.turned).equals(USAGE.plain(same.turned))
    assert made.charges.height
    assert made.turned.height


def test_units_of_each_service(catalog, found):
    located, _ = found(
        catalog, {"duration_s": 7}, {"duration_s": None},
        {"service": "data", "volume_up_bytes": 5, "volume_down_bytes": None},
        {"service": "sms"}, {"service": "units", "events": 12, "other_party": None},
    )
    assert located.units.tolist() == [7, 0, 5, 1, 12]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(1, 4)), max_size=12),
       st.lists(st.tuples(st.integers(-1, 4), st.integers(-2, 14)), max_size=30))
def test_search_finds_the_row_that_holds(spans, asked):
    rows, latest = [], {}
    for key, start, length in sorted(spans):
        begin = max(start, latest.get(key, 0))
        rows.append((key, begin, begin + length))
        latest[key] = begin + length
    table = [frozen(np.array([row[i] for row in rows], np.int64)) for i in range(3)]
    wanted, at = (np.array([one[i] for one in asked], np.int64) for i in range(2))
    expected = [
        next((n for n, (k, since, until) in enumerate(rows) if k == key and since <= time < until),
             -1)
        for key, time in asked
    ]
    assert Spread.of(*table).rows_at(wanted, at).tolist() == expected


@given(st.lists(st.one_of(st.integers(0, 9), st.integers(0, 2**60))))
def test_distinct_numbers_what_is_equal(keys):
    different, place = distinct(np.array(keys, np.int64))
    assert different.tolist() == sorted(set(keys))
    assert different[place].tolist() == keys


@given(st.lists(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 40), max_size=60)))
def test_numbers_stay_and_grow(batches):
    numbers, first = Numbers(), {}
    for batch in batches:
        for key in batch:
            first.setdefault(key, len(first))
        assert numbers.of(np.array(batch, np.int64)).tolist() == [first[key] for key in batch]
        assert numbers.keys.tolist() == list(first)


def test_more_numbers_than_there_is_room_for():
    numbers, keys = Numbers(), np.arange(5000) << 40
    assert numbers.of(keys).tolist() == list(range(5000))
    assert numbers.of(keys[::-1]).tolist() == list(range(4999, -1, -1))


def test_a_question_is_asked_once():
    asked = []

    def double(questions):
        asked.append(questions.tolist())
        return questions * 2

    answers = Answers(double)
    assert answers.of(np.array([3, 5, 3])).tolist() == [6, 10, 6]
    assert answers.of(np.array([5, 4])).tolist() == [10, 8]
    assert asked == [[3, 5], [4]]


@pytest.mark.parametrize("kind", [pl.String, pl.Enum(["x", "b", "c"])])
def test_words_and_texts_have_the_same_numbers(kind):
    texts = pl.Series(["c", "x", None, "b"], dtype=kind)
    assert numbered(texts, ["a", "b", "c"]).tolist() == [2, -1, -1, 1]


def test_digits_as_numbers_keep_leading_zeros_apart():
    texts = pl.Series(["1", "01", "", "+1", "-1", "x", None, "9" * 15, "9" * 16])
    numbers = pl.DataFrame({"t": texts}).select(digits_number(pl.col("t"))).to_series()
    assert numbers.to_list() == [17, 18, None, None, None, None, None, (10**15 - 1) * 16 + 15, None]


@pytest.mark.parametrize(
    ("num", "den", "text"),
    [(1, 1, "1"), (5421, 5000, "1.0842"), (21, 2, "10.5"), (2, 21, "2/21"), (1, 8, "0.125"),
     (1, 10**9, "0.000000001"), (30, 1, "30")],
)
def test_rates_as_text(num, den, text):
    assert rate_text(num, den) == text
