"""Rate cards against a plain search of the rates, row by row."""

from datetime import date, datetime, timedelta
from itertools import pairwise

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from rating.price_arrays import MIN_S
from rating.rate_cards import QUESTION
from rating.tariff_book import TariffBook
from rating.zone_chains import Words, ZoneChains, chains

VIENNA = "Europe/Vienna"
ZONES = {"a": "", "b": "a", "c": "b", "d": "", "e": "d"}
DAYS = [None, date(2026, 1, 1), date(2026, 3, 1), date(2026, 6, 1), None]
RELATIONS = ["", "@group", "@friend", "@group@friend"]


def frames_of(frames, rates):
    return frames(
        tariffs=[{"tariff": "t"}, {"tariff": "u"}],
        calendars=[{"calendar": "c", "days": "mon-sun", "from": f"{8 * n:02}:00",
                    "to": f"{8 * n + 8:02}:00", "band": band} for n, band in enumerate("xyz")],
        zones=[{"zone": zone, "parent": parent} for zone, parent in ZONES.items()],
        rates=[{"first_interval": 1, "next_interval": 1, "price": 1, "per": 1} | rate
               for rate in rates],
    )


def chain(zone):
    above = [zone] if zone in ZONES else []
    while above and ZONES[above[-1]]:
        above.append(ZONES[above[-1]])
    return [*above, "*"]


def plain_search(rates, question, band, at):
    """Place of the rate that wins, -1 for none; written from §2 of docs/rating.md."""
    tariff, service, direction, relation, serving, destination = question
    serving_chain = chain(serving)
    called = [r for r in ("@group", "@friend") if r in relation] + chain(destination)
    found = []
    for place, rate in enumerate(rates):
        begins, ends = rate["span"]
        if (
            (rate["tariff"], rate["service"], rate["direction"]) == (tariff, service, direction)
            and rate["serving_zone"] in serving_chain and rate["destination_zone"] in called
            and rate["band"] in (band, "*")
            and (begins is None or begins <= at) and (ends is None or at < ends)
        ):
            found.append((serving_chain.index(rate["serving_zone"]),
                          called.index(rate["destination_zone"]), rate["band"] == "*", place))
    return min(found)[-1] if found else -1


RATE = st.fixed_dictionaries({
    "tariff": st.sampled_from("tu"), "service": st.sampled_from(["voice"] * 3 + ["data"]),
    "direction": st.sampled_from(["mo", "mo", "mt"]),
    "serving_zone": st.sampled_from([*ZONES, "*"]),
    "destination_zone": st.sampled_from([*ZONES, "*", "@group", "@friend"]),
    "band": st.sampled_from("xy*"),
    "span": st.sampled_from([(None, None), *[
        (DAYS[i], DAYS[j]) for i in range(4) for j in range(i + 1, 5)]]),
})
ASKED = st.tuples(
    st.sampled_from(["t", "t", "u", "none"]), st.sampled_from(["voice", "data", "sms"]),
    st.sampled_from(["mo", "mt"]), st.sampled_from(RELATIONS),
    st.sampled_from([*ZONES, "*", "nowhere"]), st.sampled_from([*ZONES, "*", "nowhere"]),
)
MOMENTS = [date(2025, 6, 1), date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1),
           date(2026, 5, 31), date(2026, 6, 1), date(2030, 1, 1)]


def midnight(day):
    """UTC seconds of midnight in Vienna."""
    hours = 2 if day.month in {5, 6} else 1
    at = datetime(day.year, day.month, day.day) - timedelta(hours=hours)
    return (at - datetime(1970, 1, 1)) // timedelta(seconds=1)


def without_overlaps(rates):
    """The rates less those that would be valid with an earlier one of their key."""
    kept = []
    for rate in rates:
        begins, ends = (d or limit for d, limit in zip(
            rate["span"], (date.min, date.max), strict=True))
        key = [v for k, v in rate.items() if k != "span"]
        if not any(
            [v for k, v in other.items() if k != "span"] == key
            and begins < (other["span"][1] or date.max) and (other["span"][0] or date.min) < ends
            for other in kept
        ):
            kept.append(rate)
    return kept


def cells(rate):
    begins, ends = rate["span"]
    return {k: v for k, v in rate.items() if k != "span"} | {
        "valid_from": begins or "", "valid_to": ends or "",
        "unit": "s" if rate["service"] == "voice" else "bytes",
    }


def answer(cards, card, band, at):
    rows = cards.epochs[cards.card_from[card]:cards.card_from[card + 1]]
    assert rows[0, 0] == MIN_S
    assert (rows[1:, 0] > rows[:-1, 0]).all()
    epoch = int((rows[:, 0] <= at).sum()) - 1
    return int(cards.band_rates[rows[epoch, 1] + band])


def questions(asked):
    return pl.DataFrame(asked, schema=dict.fromkeys(QUESTION, pl.String), orient="row")


@settings(max_examples=settings.default.max_examples // 2)
@given(st.lists(RATE, max_size=25), st.lists(ASKED, min_size=1, max_size=12), st.integers(0, 12))
def test_cards_equal_a_plain_search(frames, rates, asked, split):
    rates = without_overlaps(rates)
    book = TariffBook.of(frames_of(frames, [cells(rate) for rate in rates]), VIENNA)
    assert book.bands == ["*", "x", "y", "z"]
    # in two batches: cards already dealt stay as they are
    first = book.cards(questions(asked[:split])).tolist()
    dealt = book.cards(questions(asked)).tolist()
    assert dealt[:split] == first
    cards = book.deck
    for card, question in zip(dealt, asked, strict=True):
        for number, band in enumerate(book.bands):
            for day in MOMENTS:
                want = plain_search(rates, question, band, day)
                assert answer(cards, card, number, midnight(day)) == want
        rows = cards.epochs[cards.card_from[card]:cards.card_from[card + 1], 1]
        told = [cards.band_rates[at:at + len(book.bands)].tolist() for at in rows]
        assert all(a != b for a, b in pairwise(told))


def test_the_same_question_has_the_same_card(frames):
    book = TariffBook.of(frames_of(frames, []), VIENNA)
    ask = ("t", "voice", "mo", "", "a", "*")
    first, other, same = book.cards(questions([ask, ("u", *ask[1:]), ask])).tolist()
    assert first == same != other
    assert book.cards(questions([ask])).tolist() == [first]
    assert len(book.deck.card_from) == 3


def test_texts_of_any_kind_have_the_same_codes():
    words = Words(["b", "a"])
    texts = pl.Series(["a", "x", None, "b"])
    kinds = [pl.String, pl.Enum(["b", "a"]), pl.Enum(["a", "x", "b"]), pl.Categorical]
    for kind in kinds:
        assert words.codes(texts.cast(kind, strict=False)).tolist() == [1, 2, 2, 0]
    many = pl.Enum([*map(str, range(255)), "a"])
    assert words.codes(pl.Series(["a", None], dtype=many)).tolist() == [1, 2]


def test_chains(frames):
    zones = frames_of(frames, [])["zones"]
    got = {}
    for zone, ancestor, depth in chains(zones).iter_rows():
        assert depth == len(got.setdefault(zone, []))
        got[zone].append(ancestor)
    assert got == {zone: chain(zone) for zone in [*ZONES, "*"]}
    named = ZoneChains.of(zones)
    assert named.named("c", "@group@friend") == ["@group", "@friend", "c", "b", "a", "*"]
    assert named.named("nowhere") == ["*"]
