"""The one charging function: what an event costs, by docs/rating.md, in integers only.

`rating.price_single` calls it as it stands, `rating.price_batch` compiles this very source and
that of price_allowances, price_money and price_time. So they know plain integers and tables of
`rating.price_arrays`, and check for overflow before each product and sum: Python would not need
it, 64 bits do. An exact sum of money is one of `rating.price_money`.
"""

from rating.price_allowances import add_draw, counter_of, cover
from rating.price_arrays import (
    CHARGE_MISSING,
    D_BEFORE,
    D_BUCKET,
    E_CARD,
    E_HOLDER,
    E_IMPORT,
    E_IMPORT_FX,
    E_PLACE,
    E_START_S,
    E_TARIFF,
    E_TIMED,
    E_UNITS,
    EP_BANDS,
    FX_DEN,
    FX_NUM,
    INTERVALS_NEAREST,
    INTERVALS_UP,
    MAX_INT64,
    MAX_SCALE,
    MAX_TIMED_S,
    MAX_UNITS,
    MILLION,
    NO_ROOM,
    OVERFLOW,
    P_FROM,
    P_PRICE,
    PRICED,
    PT_AMOUNT,
    PT_BAND,
    PT_RATE,
    PT_TIER,
    PT_UNITS,
    R_FIRST,
    R_MARKUP,
    R_NEXT,
    R_SCALE,
    R_SETUP,
    R_TIER,
    R_TIERS,
    RATE_MISSING,
    STAGE_PART,
    T_INTERVALS,
    T_MODE,
    T_STAGE,
    T_UNIT,
    X_AMOUNT,
    X_BILLED,
    X_COLUMNS,
    X_COVERED,
    X_DRAW_FROM,
    X_DRAWS,
    X_PART_FROM,
    X_PARTS,
    X_RATE,
    X_STATUS,
    Book,
    Out,
    OutTable,
    Row,
    Sheet,
    Table,
)
from rating.price_money import money_scale, round_ratio, scaled_amount, settle
from rating.price_time import rate_at, stretch_end


def rounded_units(units: int, first: int, following: int, mode: int) -> int:
    """Units rounded to whole intervals: one first interval, then further ones."""
    if units <= 0:
        return 0
    low, high = 0, first
    if units >= first:
        rest = (units - first) % following
        low = units - rest
        high = low + following if rest > 0 else low
    if mode == INTERVALS_UP or (mode == INTERVALS_NEAREST and units - low >= high - units):
        return high
    return low


def add_part(  # noqa: PLR0913, PLR0917
    event: Row, book: Book, sheet: Sheet, exact: int, amount: int,
    band: int, rate: int, tier: int, units: int,
) -> int:
    """The exact sum with the exact amount added and the part written, or minus the status."""
    scale = money_scale(book.rates[sheet.result[X_RATE]])
    tariff = book.tariffs[event[E_TARIFF]]
    if tariff[T_STAGE] == STAGE_PART:
        size = scale * tariff[T_UNIT]
        steps = amount // size
        steps = round_ratio(steps, amount - steps * size, size, 0, 1, tariff[T_MODE])
        if steps > MAX_INT64 // size:
            return -OVERFLOW
        amount = steps * size
    if amount > MAX_INT64 - exact:
        return -OVERFLOW
    at = sheet.result[X_PARTS]
    if at == len(sheet.parts):
        return -NO_ROOM
    part = sheet.parts[at]
    part[PT_BAND] = band
    part[PT_RATE] = rate
    part[PT_TIER] = tier
    part[PT_UNITS] = units
    part[PT_AMOUNT] = (exact + amount) // scale - exact // scale
    sheet.result[X_PARTS] = at + 1
    return exact + amount


def charge_import(event: Row, book: Book, sheet: Sheet, band: int, rate: int, units: int) -> int:
    """The exact charge of the partner with mark-up, or minus the status."""
    amount = event[E_IMPORT]
    if event[E_IMPORT_FX] >= 0:
        fx = book.fx[event[E_IMPORT_FX]]
        mode = book.tariffs[event[E_TARIFF]][T_MODE]
        amount = scaled_amount(amount, fx[FX_NUM], fx[FX_DEN], 1, mode)
    scale = money_scale(book.rates[rate])
    parts = scale + book.rates[rate][R_MARKUP] * scale // MILLION
    if amount < 0 or amount > MAX_INT64 // parts:
        return -OVERFLOW
    return add_part(event, book, sheet, 0, amount * parts, band, rate, -1, units)


def charge_tiers(
    event: Row, book: Book, sheet: Sheet, band: int, rate: int, units: int, exact: int
) -> int:
    """The exact sum with the units charged at the tiers of the rate, or minus the status."""
    position = sheet.result[X_BILLED] - sheet.result[X_COVERED]
    holding, bucket = counter_of(event, book, rate)
    if holding >= 0:
        position = sheet.used[bucket]
        if position > MAX_INT64 - units:
            return -OVERFLOW
        if not add_draw(sheet, holding, bucket, 0, units):
            return -NO_ROOM
    tier = book.rates[rate][R_TIER]
    last = tier + book.rates[rate][R_TIERS] - 1
    while tier < last and book.tiers[tier + 1][P_FROM] <= position:
        tier += 1
    while units > 0 and exact >= 0:
        run = units
        if tier < last:
            run = min(run, book.tiers[tier + 1][P_FROM] - position)
        price = book.tiers[tier][P_PRICE]
        if price > 0 and run > MAX_INT64 // price:
            return -OVERFLOW
        exact = add_part(event, book, sheet, exact, run * price, band, rate, tier, run)
        position += run
        units -= run
        tier += 1
    return exact


def charge_stretch(
    event: Row, book: Book, sheet: Sheet, band: int, rate: int, units: int, exact: int
) -> int:
    """The exact sum with the billed units of a stretch covered and charged, or minus the status."""
    if rate < 0:
        return -RATE_MISSING
    if book.rates[rate][R_MARKUP] >= 0:
        if rate != sheet.result[X_RATE]:
            return -RATE_MISSING
        sheet.result[X_BILLED] += units
        return charge_import(event, book, sheet, band, rate, units)
    covered = 0
    if event[E_HOLDER] >= 0 and event[E_PLACE] >= 0:
        covered = cover(event, book, sheet, band, units)
        if covered < 0:
            return covered
    if covered > 0:
        exact = add_part(event, book, sheet, exact, 0, band, rate, -1, covered)
    if exact >= 0 and covered < units:
        exact = charge_tiers(event, book, sheet, band, rate, units - covered, exact)
    sheet.result[X_BILLED] += units
    sheet.result[X_COVERED] += covered
    return exact


def charge_units(
    event: Row, book: Book, sheet: Sheet, units: int, band: int, rate: int, until: int
) -> int:
    """The exact sum of the event's parts, or minus the status; band and rate are of its start."""
    start_rate = book.rates[rate]
    if start_rate[R_MARKUP] >= 0 or event[E_TIMED] == 0:
        until = MAX_INT64
    end_s = event[E_START_S] + units
    mode = book.tariffs[event[E_TARIFF]][T_INTERVALS]
    elapsed, billed, exact = 0, 0, 0
    while elapsed < units and exact >= 0:
        stop_s, next_band, next_rate, until = stretch_end(event, book, end_s, band, rate, until)
        elapsed = stop_s - event[E_START_S]
        upto = rounded_units(elapsed, start_rate[R_FIRST], start_rate[R_NEXT], mode)
        if upto > billed:
            exact = charge_stretch(event, book, sheet, band, rate, upto - billed, exact)
        billed = upto
        band, rate = next_band, next_rate
    return exact


def fault(event: Row, book: Book, rate: int) -> int:
    """The status that the event's figures and its start rate alone decide, else PRICED."""
    if rate < 0:
        return RATE_MISSING
    start = book.rates[rate]
    if start[R_MARKUP] >= 0 and event[E_IMPORT] < 0:
        return CHARGE_MISSING
    units = event[E_UNITS]
    if units < 0 or units > MAX_UNITS or (event[E_TIMED] == 1 and units > MAX_TIMED_S):
        return OVERFLOW
    if max(start[R_FIRST], start[R_NEXT]) > MAX_UNITS or start[R_SCALE] > MAX_SCALE:
        return OVERFLOW
    return PRICED


def undo(sheet: Sheet) -> None:
    """Takes the event's draws back, and empties its result but for status and rate."""
    result = sheet.result
    for at in range(result[X_DRAWS] - 1, result[X_DRAW_FROM] - 1, -1):
        draw = sheet.draws[at]
        sheet.used[draw[D_BUCKET]] = draw[D_BEFORE]
    result[X_PARTS] = result[X_PART_FROM]
    result[X_DRAWS] = result[X_DRAW_FROM]
    for column in range(X_BILLED, X_AMOUNT + 1):
        result[column] = 0


def price_event(event: Row, book: Book, sheet: Sheet, part_from: int, draw_from: int) -> int:
    """The event's status; its result is written, its parts and draws from those rows on.

    Unless it is priced, its draws are taken back. After NO_ROOM it can be asked again.
    """
    result = sheet.result
    for column in range(X_COLUMNS):
        result[column] = 0
    result[X_PART_FROM], result[X_PARTS] = part_from, part_from
    result[X_DRAW_FROM], result[X_DRAWS] = draw_from, draw_from
    band, rate, until = rate_at(event, book, event[E_START_S])
    result[X_RATE] = rate
    status = fault(event, book, rate)
    if status == PRICED:
        units = event[E_UNITS]
        if units == 0 and book.rates[rate][R_MARKUP] >= 0 and event[E_IMPORT] > 0:
            units = 1
        exact = charge_units(event, book, sheet, units, band, rate, until)
        status = settle(event, book, result, exact) if exact >= 0 else -exact
    result[X_STATUS] = status
    if status != PRICED:
        undo(sheet)
    return status


def look_ahead(
    events: Table, order: Row, begin: int, end: int, book: Book, coming: Out
) -> None:
    """Reads where the rates of coming events stand, one step of all after the other.

    Memory that is far away is then under way for many of them at once.
    """
    if len(book.rates) == 0:
        return
    for place in range(begin, end):
        coming[place - begin] = book.card_from[events[order[place]][E_CARD]]
    for at in range(end - begin):
        coming[at] = book.epochs[coming[at]][EP_BANDS]
    for at in range(end - begin):
        coming[at] = max(book.band_rates[coming[at]], 0)
    for at in range(end - begin):
        coming[at] = book.rates[coming[at]][R_MARKUP] + book.rates[coming[at]][R_SETUP]


def price_events(  # noqa: PLR0913, PLR0917
    events: Table, order: Row, begin: int, book: Book,
    used: Out, results: OutTable, parts: OutTable, draws: OutTable, coming: Out,
    part_from: int, draw_from: int,
) -> tuple[int, int, int]:
    """How far it came in the order, and how many rows of parts and draws are written by then.

    It begins at a place of the order and stops at the end, or where there is no room for an event.
    `coming` is room for look_ahead.
    """
    ahead = begin
    for place in range(begin, len(order)):
        if place == ahead:
            ahead = min(place + len(coming), len(order))
            look_ahead(events, order, place, ahead, book, coming)
        event = order[place]
        sheet = Sheet(used, results[event], parts, draws)
        if price_event(events[event], book, sheet, part_from, draw_from) == NO_ROOM:
            return place, part_from, draw_from
        part_from = results[event][X_PARTS]
        draw_from = results[event][X_DRAWS]
    return len(order), part_from, draw_from
