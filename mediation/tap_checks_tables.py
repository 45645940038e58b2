"""TAP validation of a file's own tables: currencies, taxes, recording entities, messages."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from mediation.tap_sight import FileCheck, Sight

_CURRENCIES: Final = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP
BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB
EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD
JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU
MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD
RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY
TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XAG XAU XBA XBB XBC XBD XCD
XCG XDR XOF XPD XPF XPT XSU XUA YER ZAR ZMW ZWG ZWL
"""
CURRENCIES: Final = frozenset(_CURRENCIES.split())
"""Codes of ISO 4217, with those that left it lately: files lag behind."""

ENTITY_TYPES: Final = range(1, 12)
"""1 MSC, 2 SMSC, 3 GGSN, 4 SGSN, 5 GMLC, 6 Wi-Fi, 7 P-GW, 8 S-GW, 9 P-CSCF, 10 TRF, 11 ATCF. No
public source has 5 to 11: a partner may agree on others, and the profile then accepts the error."""

TAX_TYPES: Final = ("01", "02", "03", "04")
"""National, regional, county, local."""

CHARGE_TYPES: Final = ("00", "01", "03", "04", "21", "50")
"""Total, airtime, toll, directory assistance, surcharge, IOT total; others are reserved."""

_ENTITY_IDS: Final = (
    "recEntityId", "mscId", "msisdn", "iPTextV4Address", "iPTextV6Address", "gmlcAddress",
)
_RATES: Final = ("accountingInfo", "currencyConversionInfo")
_TAXES: Final = ("accountingInfo", "taxation")
_ENTITIES: Final = ("networkInfo", "recEntityInfo")
_MESSAGES: Final = "messageDescriptionInfo"
Row = dict[str, Any]


def _no_taxes(sight: Sight) -> Iterator[str]:
    yield from _missing_table(sight, "taxation", "tax_information", "tax_value", "taxes")


def _no_discounts(sight: Sight) -> Iterator[str]:
    yield from _missing_table(sight, "discounting", "discount_information", "discount", "discounts")


def _missing_table(
    sight: Sight, table: str, records: str, value: str, what: str
) -> Iterator[str]:
    if "accountingInfo" in sight.file.groups and not sight.rows("accountingInfo", table):
        stated = sight.table(records)[value].drop_nulls().len()
        if stated:
            yield f"{table} is absent, and {stated} {what} are stated"


def _no_rates(sight: Sight) -> Iterator[str]:
    if "accountingInfo" not in sight.file.groups or sight.rows(*_RATES):
        return
    charged = sight.events.filter(sight.events["charge_stated"] > 0).height
    if charged:
        yield f"currencyConversionInfo is absent, and {charged} records have a charge"


def _absent(group: str, name: str, sight: Sight) -> Iterator[str]:
    if group in sight.file.groups and sight.group(group).get(name) in (None, "", []):
        yield f"{name} is absent"


def _currency(sight: Sight, *, known_form: bool) -> Iterator[str]:
    found = sight.group("accountingInfo").get("localCurrency")
    if not found or found in CURRENCIES:
        return
    if bool(re.fullmatch("[A-Z]{3}", found)) == known_form:
        yield f"localCurrency is {found!r}"


def _each(
    table: tuple[str, str], wrong: Callable[[Row], str | None], sight: Sight
) -> Iterator[str]:
    """What is wrong with each row of a table, beginning with its place, from 1."""
    for number, row in enumerate(sight.rows(*table), 1):
        said = wrong(row)
        if said:
            yield f"{table[1]} row {number}: {said}"


def _lacks(name: str) -> Callable[[Row], str | None]:
    return lambda row: f"{name} is absent" if row.get(name) in (None, "") else None


def _not_within(name: str, allowed: range) -> Callable[[Row], str | None]:
    def wrong(row: Row) -> str | None:
        found = row.get(name)
        if found is None or found in allowed:
            return None
        return f"{name} is {found}, not {allowed[0]} to {allowed[-1]}"

    return wrong


def _text(name: str, sound: str, *, allowed: tuple[str, ...] = ()) -> Callable[[Row], str | None]:
    """Whether a text has its form; or, with `allowed`, whether one of that form is a known one."""

    def wrong(row: Row) -> str | None:
        found = row.get(name)
        if not found or (found in allowed if allowed else re.fullmatch(sound, found)):
            return None
        if allowed and not re.fullmatch(sound, found):
            return None
        return f"{name} is {found!r}"

    return wrong


def _negative_places(row: Row) -> str | None:
    places = row.get("numberOfDecimalPlaces", 0)
    return f"numberOfDecimalPlaces is {places}" if places < 0 else None


def _no_identity(row: Row) -> str | None:
    found = any(row.get(name) for name in _ENTITY_IDS)
    return None if found else f"recEntityCode {row.get('recEntityCode')} has no id"


def _total_type(row: Row) -> str | None:
    return "chargeType is 00, the total of all" if row.get("chargeType") == "00" else None


def _twice(
    table: tuple[str, str], code: str, sight: Sight, *, alike: bool | None = None
) -> Iterator[str]:
    """Codes that stand twice; with `alike` only those of rows that are equal, or that differ."""
    first: dict[int, Row] = {}
    for row in sight.rows(*table):
        if code not in row:
            continue
        known = first.setdefault(row[code], row)
        if known is not row and alike in {None, known == row}:
            yield f"{code} {row[code]} stands twice in {table[1]}"


def _message_lacks(name: str, sight: Sight) -> Iterator[str]:
    for number, row in enumerate(sight.file.groups.get(_MESSAGES) or [], 1):
        if row.get(name) in (None, ""):
            yield f"{_MESSAGES} row {number}: {name} is absent"


def _rows(table: tuple[str, str], wrong: dict[str, Callable[[Row], str | None]]
          ) -> Iterator[FileCheck]:
    for name, each in wrong.items():
        yield FileCheck(name, partial(_each, table, each))


ACCOUNTING_CHECKS: Final[tuple[FileCheck, ...]] = (
    FileCheck("TAP_5_30", _no_taxes),
    FileCheck("TAP_5_31", _no_discounts),
    FileCheck("TAP_5_32", partial(_absent, "accountingInfo", "localCurrency")),
    FileCheck("TAP_5_34", _no_rates),
    FileCheck("TAP_5_35", partial(_absent, "accountingInfo", "tapDecimalPlaces")),
    FileCheck("TAP_135_10", partial(_currency, known_form=False)),
    FileCheck("TAP_135_20", partial(_currency, known_form=True)),
    *_rows(_RATES, {
        "TAP_106_30": _lacks("exchangeRateCode"),
        "TAP_106_31": _lacks("numberOfDecimalPlaces"),
        "TAP_106_33": _lacks("exchangeRate"),
        "TAP_159_20": _negative_places,
        "TAP_105_20": _not_within("exchangeRateCode", range(100)),
    }),
    FileCheck("TAP_106_34", partial(_twice, _RATES, "exchangeRateCode")),
    *_rows(_TAXES, {
        "TAP_216_30": _lacks("taxCode"),
        "TAP_216_31": _lacks("taxType"),
        "TAP_216_32": _lacks("taxRate"),
        "TAP_217_10": _text("taxType", "[0-9]{2}"),
        "TAP_217_20": _text("taxType", "[0-9]{2}", allowed=TAX_TYPES),
        "TAP_215_10": _text("taxRate", "[0-9]+"),
        "TAP_215_20": _text("taxRate", "(?![0-9]+$).*|[0-9]{7}"),
        "TAP_71_11": _text("chargeType", "[0-9]{2}"),
        "TAP_71_21": _text("chargeType", "[0-9]{2}", allowed=CHARGE_TYPES),
        "TAP_71_22": _total_type,
    }),
    FileCheck("TAP_216_33", partial(_twice, _TAXES, "taxCode", alike=False)),
    FileCheck("TAP_216_34", partial(_twice, _TAXES, "taxCode", alike=True)),
)

NETWORK_CHECKS: Final[tuple[FileCheck, ...]] = (
    FileCheck("TAP_6_30", partial(_absent, "networkInfo", "utcTimeOffsetInfo")),
    FileCheck("TAP_6_33", partial(_absent, "networkInfo", "recEntityInfo")),
    *_rows(_ENTITIES, {
        "TAP_183_30": _lacks("recEntityCode"),
        "TAP_183_31": _lacks("recEntityType"),
        "TAP_183_32": _no_identity,
        "TAP_186_20": _not_within("recEntityType", ENTITY_TYPES),
        "TAP_184_20": _not_within("recEntityCode", range(1000)),
    }),
    FileCheck("TAP_183_33", partial(_twice, _ENTITIES, "recEntityCode", alike=False)),
    FileCheck("TAP_183_34", partial(_twice, _ENTITIES, "recEntityCode", alike=True)),
    FileCheck("TAP_143_30", partial(_message_lacks, "messageDescriptionCode")),
    FileCheck("TAP_143_31", partial(_message_lacks, "messageDescription")),
)
