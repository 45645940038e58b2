"""Money of the charging function: exact products, rounding, and what follows from the parts.

A sum of money is *exact* while it counts 1/scale of a micro-unit, the scale being that of the
start rate: the prices of all rates of an event are whole at it.
"""

from math import gcd

from rating.price_arrays import (
    DOWN,
    E_FIXED,
    E_FX,
    E_PERCENT,
    E_TARIFF,
    E_TAX,
    E_UNITS,
    FX_DEN,
    FX_NUM,
    HALF_UP,
    MAX_INT64,
    MILLION,
    OVERFLOW,
    PRICED,
    R_MARKUP,
    R_MAXIMUM,
    R_MINIMUM,
    R_SCALE,
    R_SETUP,
    T_MODE,
    T_TAX_INCLUDED,
    T_UNIT,
    UP,
    X_ADJUST,
    X_AMOUNT,
    X_BILLED,
    X_COVERED,
    X_DISCOUNT,
    X_NANOS,
    X_NET,
    X_RATE,
    X_ROUNDING,
    X_SETUP,
    X_TARIFF_AMOUNT,
    X_TAX,
    Book,
    Out,
    Row,
)


def round_ratio(whole: int, rest: int, size: int, more: int, of: int, mode: int) -> int:
    """The integer that whole + (rest + more/of) / size is rounded to; whole or the one after it."""
    # rest below size, more below of: twice the fraction less one is (twice + 2 more/of) / size
    twice = rest - (size - rest)
    if mode == DOWN or (rest == 0 and more == 0):
        return whole
    if mode == UP or twice > 0 or (twice == 0 and more > 0):
        return whole + 1
    if twice < -1 or (twice == -1 and more < of - more):
        return whole
    if twice == -1 and more > of - more:
        return whole + 1
    return whole + 1 if mode == HALF_UP else whole + whole % 2


def multiply_divide(value: int, by: int, divisor: int) -> tuple[int, int]:
    """Quotient and remainder of value * by / divisor, however large the product; -1 on overflow."""
    if by == 0 or value <= MAX_INT64 // by:
        quotient = value * by // divisor
        return quotient, value * by - quotient * divisor
    whole = value // divisor
    rest = value - whole * divisor
    if whole > MAX_INT64 // by:
        return -1, 0
    quotient, left = 0, 0
    for bit in range(62, -1, -1):
        quotient *= 2
        for addend in (left, rest if (by >> bit) & 1 else 0):
            if left >= divisor - addend:
                left -= divisor - addend
                quotient += 1
            else:
                left += addend
    if quotient > MAX_INT64 - whole * by:
        return -1, 0
    return whole * by + quotient, left


def scaled_amount(value: int, by: int, divisor: int, unit: int, mode: int) -> int:
    """Value * by / divisor rounded to a multiple of the unit; -1 on overflow."""
    micros, more = multiply_divide(value, by, divisor)
    if micros < 0 or micros > MAX_INT64 - unit:
        return -1
    steps = micros // unit
    return round_ratio(steps, micros - steps * unit, unit, more, divisor, mode) * unit


def money_scale(rate: Row) -> int:
    """The scale of exact sums at a start rate; an imported one has its own."""
    return rate[R_SCALE] if rate[R_MARKUP] < 0 else MILLION // gcd(rate[R_MARKUP], MILLION)


def bounded(rate: Row, exact: int, scale: int) -> int:
    """The exact sum raised to the rate's minimum or lowered to its maximum; -1 on overflow."""
    whole = exact // scale
    if whole < rate[R_MINIMUM]:
        if rate[R_MINIMUM] > MAX_INT64 // scale:
            return -1
        return rate[R_MINIMUM] * scale
    if 0 <= rate[R_MAXIMUM] <= whole:
        return rate[R_MAXIMUM] * scale
    return exact


def discounted(event: Row, exact: int, scale: int) -> tuple[int, int]:
    """The exact sum less the event's discounts, and further millionths of 1/scale."""
    more = 0
    if event[E_PERCENT] > 0:
        kept = max(MILLION - event[E_PERCENT], 0)
        whole = exact // MILLION
        part = (exact - whole * MILLION) * kept
        exact = whole * kept + part // MILLION
        more = part % MILLION
    if event[E_FIXED] > exact // scale:
        return 0, 0
    return exact - event[E_FIXED] * scale, more


def pay(event: Row, book: Book, result: Out, amount: int) -> int:
    """The status; net, tax and the amount due of a tariff amount are written to the result."""
    tariff = book.tariffs[event[E_TARIFF]]
    unit, mode, tax = tariff[T_UNIT], tariff[T_MODE], event[E_TAX]
    if event[E_FX] >= 0:
        fx = book.fx[event[E_FX]]
        amount = scaled_amount(amount, fx[FX_NUM], fx[FX_DEN], unit, mode)
        if amount < 0:
            return OVERFLOW
    net, due = amount, amount
    if tax > 0 and tariff[T_TAX_INCLUDED] == 1:
        net = scaled_amount(due, MILLION, MILLION + tax, unit, mode)
    elif tax > 0:
        added = scaled_amount(net, tax, MILLION, unit, mode)
        if added < 0 or added > MAX_INT64 - net:
            return OVERFLOW
        due = net + added
    result[X_NET] = net
    result[X_TAX] = due - net
    result[X_AMOUNT] = due
    return PRICED


def settle(event: Row, book: Book, result: Out, exact: int) -> int:
    """The status; what follows from the exact sum of the parts is written to the result."""
    if result[X_BILLED] == result[X_COVERED] and (result[X_BILLED] > 0 or event[E_UNITS] == 0):
        return PRICED
    tariff = book.tariffs[event[E_TARIFF]]
    rate = book.rates[result[X_RATE]]
    scale = money_scale(rate)
    fee = rate[R_SETUP]
    if fee > (MAX_INT64 - exact) // scale:
        return OVERFLOW
    charge = exact + fee * scale
    raised = bounded(rate, charge, scale)
    if raised < 0:
        return OVERFLOW
    final, more = discounted(event, raised, scale)
    micros = final // scale
    rest = final - micros * scale
    size = scale * tariff[T_UNIT]
    steps = final // size
    steps = round_ratio(steps, final - steps * size, size, more, MILLION, tariff[T_MODE])
    if micros > MAX_INT64 // 1000 - 1:
        return OVERFLOW
    result[X_SETUP] = fee
    result[X_ADJUST] = raised // scale - charge // scale
    result[X_DISCOUNT] = micros - raised // scale
    result[X_NANOS] = micros * 1000 + (rest * 1000 + more // 1000) // scale
    result[X_TARIFF_AMOUNT] = steps * tariff[T_UNIT]
    result[X_ROUNDING] = result[X_TARIFF_AMOUNT] - micros
    return pay(event, book, result, result[X_TARIFF_AMOUNT])
