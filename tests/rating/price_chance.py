"""Books and events for the charging function at random, crowded so that borders meet events."""

from random import Random

from price_books import FOREVER, allowance, book, event, holding, rate, tariff

from rating import price_arrays as cols
from rating.price_arrays import MIN_S, Book

BANDS, RATES, BUCKETS = 3, 4, 12
MIDNIGHT_S = 3 * 86_400


def moment(chance: Random) -> int:
    return MIDNIGHT_S + chance.randint(-300, 300)


def moments(chance: Random) -> list[int]:
    return sorted({moment(chance) for _ in range(chance.randint(0, 2))})


def calendar(chance: Random) -> dict:
    """One calendar, whose slots begin about midnight."""
    slots, day_from = [], [0]
    for _ in range(8):
        cuts = {chance.choice([chance.randint(1, 300), chance.randint(86_100, 86_399)])
                for _ in range(chance.randint(0, 3))}
        slots += [[cut, chance.randrange(BANDS)] for cut in [0, *sorted(cuts)]]
        day_from.append(len(slots))
    holidays = sorted(chance.sample([2, 3, 4], chance.randint(0, 2)))
    return {"slots": slots, "day_from": day_from, "holidays": holidays,
            "holiday_from": [0, len(holidays)]}


def cards(chance: Random) -> dict:
    """Two cards, one in three with gaps."""
    epochs, card_from = [], [0]
    for _ in range(2):
        for from_s in [MIN_S, *moments(chance)]:
            epochs.append([from_s, BANDS * len(epochs)])
        card_from.append(len(epochs))
    least = chance.choice([0, 0, -1])
    band_rates = [chance.randint(least, RATES - 1) for _ in range(BANDS * len(epochs))]
    return {"epochs": epochs, "card_from": card_from, "band_rates": band_rates}


def prices(chance: Random) -> dict:
    """Rates of one scale with their tiers; one book in four has imported rates too."""
    scale, rates, tiers = chance.choice([1, 3, 60, 1000]), [], []
    markups = chance.choice([[-1]] * 3 + [[-1, 0, 150_000]])
    for _ in range(RATES):
        cuts = sorted({chance.randint(1, 300) for _ in range(chance.randint(0, 2))})
        rates.append(rate(
            chance.randint(0, 2000), chance.randint(-1, 3000),
            chance.choice([-1, chance.randint(3000, 900_000)]),
            chance.randint(1, 100), chance.randint(1, 100), len(tiers), 1 + len(cuts),
            chance.choice([-1, 3]), chance.choice(markups), scale,
        ))
        tiers += [[cut, chance.randint(0, 5000)] for cut in [0, *cuts]]
    return {"rates": rates, "tiers": tiers}


def holders(chance: Random) -> dict:
    """Two holders of up to four allowances or counters."""
    kinds = [allowance(chance.randint(0, 3000), chance.randint(0, 1), chance.randint(0, 3))
             for _ in range(3)] + [allowance(counter=1)]
    holdings, holding_from = [], [0]
    for _ in range(2):
        chosen = sorted((chance.randint(0, 3) for _ in range(chance.randint(0, 4))),
                        key=lambda kind: (kinds[kind][cols.A_PRIORITY], kind))
        for line, kind in enumerate(chosen):
            clock = chance.randint(-1, 0)
            holdings.append(holding(
                kind, chance.choice([-1, -1, 0, 1]), chance.choice([0, 0, moment(chance)]),
                chance.choice([FOREVER, FOREVER, moment(chance)]), clock,
                chance.randrange(BUCKETS - 5), 0, line,
            ))
        holding_from.append(len(holdings))
    scopes = [[chance.randint(0, 20)] for _ in range(3)]
    return {
        "holdings": holdings, "holding_from": holding_from, "allowances": kinds, "scopes": scopes,
        "scope_at": [chance.randint(-1, 2) for _ in range(4 * 2 * BANDS)], "sizes": [2, BANDS],
        "clock_from": [0, 5],
        "periods": [MIN_S, *(MIDNIGHT_S + second for second in (-150, 0, 150, 10_000))],
    }


def book_at(chance: Random) -> Book:
    """A book of two tariffs, a time zone, and all of the above."""
    tariffs = [
        tariff(chance.randint(-1, 0), chance.randint(0, 1), chance.randint(0, 3),
               chance.choice([1, 10, 1000]), chance.randint(0, 1), chance.randint(0, 2))
        for _ in range(2)
    ]
    shifts = [[MIN_S, 0],
              *([at_s, chance.choice([-3600, 0, 60, 3600])] for at_s in moments(chance))]
    return book(
        tariffs=tariffs, shifts=shifts, shift_from=[0, len(shifts)],
        fx=[[chance.randint(1, 20), chance.randint(1, 20)], [10**18 + 9, 10**18]],
        **prices(chance), **cards(chance), **calendar(chance), **holders(chance),
    )


def event_at(chance: Random, *, huge: bool = False) -> list[int]:
    """An event; a huge one may be too much for 64 bits."""
    units = chance.randint(2**40, 2**62) if huge else chance.randint(0, 700)
    return event(
        units, moment(chance), chance.randint(0, 1), chance.randint(0, 1), chance.randint(0, 1),
        chance.randint(-1, 0), chance.choice([0, 120, -3600]), chance.randint(-1, 1),
        chance.randint(-1, 1), chance.randint(-1, 1), chance.choice([0, 0, 333_333, 1_000_000]),
        chance.choice([0, 0, 500]), chance.randint(-1, 1), chance.choice([0, 70_000, 190_000]),
        chance.choice([-1, 0, 5000, 4321]), chance.randint(-1, 1),
    )


def used_at(chance: Random) -> list[int]:
    """What was used before, by bucket."""
    return [chance.choice([0, chance.randint(0, 2000)]) for _ in range(BUCKETS)]
