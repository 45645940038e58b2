"""What the charging function reads and writes: tables of integers, a row each, by columns.

The same names hold lists of tuples (in plain Python) and int64 arrays (compiled), so nothing heavy
is imported here. The columns of a table are the constants with the prefix in brackets. Times are
seconds since 1970 UTC, money is in micro-units unless said otherwise.
"""

from typing import NamedTuple, Protocol

MIN_S = -(2**62)
MAX_INT64 = 2**63 - 1
MAX_UNITS = 2**60
"""Most units of an event, and of an interval: rounding up then stays within 64 bits"""
MAX_TIMED_S = 31_622_400
"""Longest event priced by time, 366 days: bounds the walk over its stretches"""
MAX_SCALE = 2**43
"""Largest scale: that of a unit of money then fits, a million micro-units"""
MILLION = 1_000_000
DAY_S = 86_400

# What becomes of an event. NO_ROOM: too little for its parts or draws; to be asked again with more.
PRICED, RATE_MISSING, OVERFLOW, CHARGE_MISSING, NO_ROOM = range(5)
LEFT_OUT = -1

HALF_UP, HALF_EVEN, UP, DOWN = range(4)
INTERVALS_UP, INTERVALS_NEAREST, INTERVALS_DOWN = range(3)
STAGE_PART, STAGE_EVENT = range(2)

# The columns of the tables below.
T_CALENDAR, T_STAGE, T_MODE, T_UNIT, T_TAX_INCLUDED, T_INTERVALS = range(6)
(R_SETUP, R_MINIMUM, R_MAXIMUM, R_FIRST, R_NEXT, R_TIER, R_TIERS, R_COUNTER, R_MARKUP,
 R_SCALE) = range(10)
P_FROM, P_PRICE = range(2)
EP_FROM_S, EP_BANDS = range(2)
S_SECOND, S_BAND = range(2)
SH_FROM_S, SH_OFFSET_S = range(2)
FX_NUM, FX_DEN = range(2)
H_ALLOWANCE, H_SIM, H_FROM_S, H_TO_S, H_CLOCK, H_BUCKET, H_PERIOD, H_LINE = range(8)
A_PRIORITY, A_QUANTITY, A_ROLL, A_COUNTER = range(4)
SC_COST = 0

(E_START_S, E_UNITS, E_TIMED, E_CARD, E_TARIFF, E_ZONE, E_OFFSET_S, E_HOLDER, E_SIM, E_PLACE,
 E_PERCENT, E_FIXED, E_FX, E_TAX, E_IMPORT, E_IMPORT_FX) = range(16)
(X_STATUS, X_RATE, X_BILLED, X_COVERED, X_SETUP, X_ADJUST, X_DISCOUNT, X_ROUNDING,
 X_TARIFF_AMOUNT, X_NANOS, X_NET, X_TAX, X_AMOUNT, X_PART_FROM, X_PARTS, X_DRAW_FROM,
 X_DRAWS) = range(17)
X_COLUMNS = 17
# PT_TIER is -1 where no price per unit applies: covered units, and those of an imported rate.
PT_BAND, PT_RATE, PT_TIER, PT_UNITS, PT_AMOUNT = range(5)
# A counter's row has no D_UNITS; its D_TAKEN are the charged units.
D_HOLDING, D_BUCKET, D_UNITS, D_TAKEN, D_BEFORE = range(5)


class Row(Protocol):
    """Integers by position."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> int: ...


class Table(Protocol):
    """Rows of integers by position."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Row: ...


class Out(Row, Protocol):
    """Integers by position, to be written."""

    def __setitem__(self, index: int, value: int, /) -> None: ...


class OutTable(Protocol):
    """Rows of integers by position, to be written."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Out: ...


class Book(NamedTuple):
    """All that prices depend on but the event and what was used before.

    A `…_from` vector has one number more than what it divides: item i is the slice of rows from
    `…_from[i]` to `…_from[i + 1]`.
    """

    tariffs: Table
    """[T_] Calendar, rounding and tax of each tariff."""
    rates: Table
    """[R_] The rows of the rate table without their tiers."""
    tiers: Table
    """[P_] The tiers of a rate in succession, the first from 0 on."""
    card_from: Row
    """Divides the epochs into rate cards."""
    epochs: Table
    """[EP_] From when on which rates hold; the first of a card from MIN_S."""
    band_rates: Row
    """At EP_BANDS + band: the rate that holds in the band, -1 where there is none."""
    day_from: Row
    """At eight times the calendar + day type (0 Monday … 7 holiday): divides the slots."""
    slots: Table
    """[S_] From which second of a day on which band holds; the first of a day from 0."""
    holiday_from: Row
    """Divides the holidays into calendars."""
    holidays: Row
    """Local days since 1970-01-01, ascending."""
    shift_from: Row
    """Divides the shifts into time zones."""
    shifts: Table
    """[SH_] From when on a zone has which offset; the first of a zone from MIN_S."""
    fx: Table
    """[FX_] Exchange rates as ratios."""
    holding_from: Row
    """Divides the holdings into holders."""
    holdings: Table
    """[H_] A holder's by priority, then allowance, then line."""
    allowances: Table
    """[A_] Allowances and counters, by their line."""
    clock_from: Row
    """Divides the periods into clocks."""
    periods: Row
    """When each period of a clock begins, ascending."""
    scope_at: Row
    """At (allowance * places + place) * bands + band: its row of scopes, -1 where none."""
    scopes: Table
    """[SC_] What a unit of usage costs."""
    sizes: Row
    """How many places, and how many bands."""


class Sheet(NamedTuple):
    """What pricing an event writes."""

    used: Out
    """By bucket: how much of a holding's period is used, scaled; a counter's charged units."""
    result: Out
    """[X_] What the event costs."""
    parts: OutTable
    """[PT_] Units and amounts by band, rate and tier; rows from X_PART_FROM up to X_PARTS."""
    draws: OutTable
    """[D_] What was drawn on allowances and counters; rows from X_DRAW_FROM up to X_DRAWS."""
