"""The catalog's tables as declared: one CSV file each, columns in any order, a header line.

Validity is half-open: a row holds from 00:00 of valid_from until 00:00 of valid_to, both in the
home time zone; empty is open. Money is decimal text of at most six places, without a currency
sign. `*` in a zone or band matches all; the most specific row wins, the serving zone counting
before the destination zone before the band.

{columns}
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "text", "digits", "choice", "zone", "date", "money", "balance", "count", "days", "clock"
]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ANY = "*"


@dataclass(frozen=True, slots=True)
class Column:
    """One CSV column: name, kind, meaning, whether it may be empty, and what it refers to."""

    name: str
    kind: Kind
    doc: str
    empty: bool = False
    refers: str = ""
    """table.column in which the value must occur"""
    wild: bool = False
    """`*` is allowed"""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CatalogTable:
    """One CSV file: name, grain, columns, and the keys that hold one row at a time each."""

    name: str
    grain: str
    columns: tuple[Column, ...]
    keys: tuple[tuple[str, ...], ...]

    @property
    def dated(self) -> bool:
        """Whether the rows have a validity."""
        return any(c.name == "valid_from" for c in self.columns)


C = Column
_VALIDITY = (
    C("valid_from", "date", "first day, YYYY-MM-DD", empty=True),
    C("valid_to", "date", "the day after the last, YYYY-MM-DD", empty=True),
)


def _price_columns(bands: tuple[str, ...]) -> tuple[Column, ...]:
    """The columns that rates and agreements share, from the service on."""
    band = C("band", "choice", "*: no time bands", choices=bands) if bands else C(
        "band", "text", "time band or *", refers="calendars.band", wild=True)
    return (
        C("service", "choice", "voice, sms or data", choices=("voice", "sms", "data")),
        C("direction", "choice", "mo or mt", choices=("mo", "mt")),
        C("serving_zone", "text", "zone of the serving network, or *", refers="networks.zone",
          wild=True),
        C("destination_zone", "text", "zone of the called number, or *; only * matches mt and data",
          refers="number_plan.zone", wild=True),
        band,
        *_VALIDITY,
        C("setup_fee", "money", "fee for each event of more than zero units"),
        C("first_interval", "count", "first interval in units; a started one is billed whole"),
        C("next_interval", "count", "every further interval in units"),
        C("price", "money", "price of `per` units, before tax"),
        C("per", "count", "units that the price is for"),
        C("unit", "choice", "s for voice, bytes for data, event for sms",
          choices=("s", "bytes", "event")),
    )


_QUESTION = ("service", "direction", "serving_zone", "destination_zone", "band")

TABLES: tuple[CatalogTable, ...] = (
    CatalogTable("accounts", "one balance that usage is charged to", (
        C("account", "text", "account id"),
        C("customer", "text", "customer the account belongs to"),
        C("mode", "choice", "prepaid or postpaid", choices=("prepaid", "postpaid")),
        C("currency", "text", "currency of the account and of the prices it pays"),
        C("timezone", "zone", "IANA zone in which time bands of band_time home are read"),
        C("product", "text", "product the account has", refers="products.product"),
        C("opening_balance", "balance", "balance before the first posting; may be negative"),
    ), (("account",),)),
    CatalogTable("sims", "one SIM with its number while both belong to an account", (
        C("imsi", "digits", "IMSI"),
        C("msisdn", "digits", "MSISDN, E.164 digits without +"),
        C("account", "text", "account that pays", refers="accounts.account"),
        *_VALIDITY,
    ), (("imsi",), ("msisdn",))),
    CatalogTable("networks", "one network that serves our subscribers", (
        C("tadig", "text", "TADIG code"),
        C("mcc_mnc", "digits", "mobile country and network code"),
        C("country", "text", "ISO 3166 code of the country"),
        C("zone", "text", "serving zone"),
        C("timezone", "zone", "IANA zone of the network's main place"),
        *_VALIDITY,
    ), (("tadig",),)),
    CatalogTable("number_plan", "one prefix; the longest that matches a number wins", (
        C("prefix", "digits", "leading digits in E.164, without +"),
        C("destination", "text", "name of the destination"),
        C("zone", "text", "destination zone"),
        *_VALIDITY,
    ), (("prefix",),)),
    CatalogTable("products", "what a subscriber bought: a tariff and how its time bands are read", (
        C("product", "text", "product id"),
        C("tariff", "text", "tariff of its rates", refers="rates.tariff"),
        C("calendar", "text", "calendar of its time bands", refers="calendars.calendar"),
        C("band_time", "choice", "home: the account's time zone; serving: the subscriber's place",
          choices=("home", "serving")),
        *_VALIDITY,
    ), (("product",),)),
    CatalogTable("calendars", "one stretch of the week in one time band; a calendar has no gaps", (
        C("calendar", "text", "calendar id"),
        C("days", "days", "a day (sat) or a range of days (mon-fri)"),
        C("from", "clock", "HH:MM, local time"),
        C("to", "clock", "HH:MM, not included; 24:00 is the day's end"),
        C("band", "text", "name of the time band"),
    ), ()),
    CatalogTable("rates", "one retail price", (
        C("tariff", "text", "tariff id"), *_price_columns(()),
    ), (("tariff", *_QUESTION),)),
    CatalogTable("agreements", "one wholesale price (IOT) agreed with a partner", (
        C("partner", "text", "partner profile name"),
        C("currency", "text", "currency of the price"), *_price_columns((ANY,)),
    ), (("partner", *_QUESTION),)),
)

SERVICE_UNIT = {"voice": "s", "data": "bytes", "sms": "event"}


def _describe() -> str:
    """The tables and columns as text."""
    lines = []
    for table in TABLES:
        lines += [f"{table.name}.csv: {table.grain}"]
        lines += [f"    {c.name}: {c.doc}" for c in table.columns]
    return "\n".join(lines)


__doc__ = (__doc__ or "").replace("{columns}", _describe())
