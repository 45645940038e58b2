"""The tables in a file's header (rates, taxes, offsets, entities), each row as a line of text."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

_TAX_TYPES: Final = {"01": "national", "02": "regional", "03": "county", "04": "local"}
_ENTITY_TYPES: Final = {
    1: "MSC", 2: "SMSC", 3: "GGSN", 4: "SGSN", 5: "GMLC", 6: "Wi-Fi", 7: "P-GW", 8: "S-GW",
    9: "P-CSCF", 10: "TRF", 11: "ATCF",
}
_TITLES: Final = {
    "currencyConversionInfo": "Exchange rates",
    "taxation": "Taxes",
    "discounting": "Discounts",
    "utcTimeOffsetInfo": "UTC offsets",
    "recEntityInfo": "Recording entities",
    "messageDescriptionInfo": "Messages",
    "vasInfo": "Value added services",
    "calledNumAnalysisList": "Called number analysis",
    "operatorSpecInformation": "Operator's own words",
    "operatorSpecList": "Operator's own words",
}
_CODES: Final = (
    "exchangeRateCode", "taxCode", "discountCode", "utcTimeOffsetCode", "recEntityCode",
    "messageDescriptionCode", "vasCode", "calledNumAnalysisCode",
)
_AUDITS: Final = frozenset({"auditControlInfo", "rapAuditControlInfo"})
_TAX_RATE_PLACES: Final = 5
_DISCOUNT_RATE_PLACES: Final = 2


class HeaderList(NamedTuple):
    """A list under its title: a line for each of its rows."""

    title: str
    lines: list[str]


class Currency(NamedTuple):
    """What amounts are in: decimal places and currency of the file, and the sender's own."""

    places: int
    name: str
    local: str


def currency_of(header: dict[str, Any]) -> Currency:
    """The currency that a file's header states."""
    return Currency(
        header.get("tap_decimal_places") or 0, header.get("tap_currency") or "",
        header.get("local_currency") or "local currency",
    )


def amount_text(amount: int, currency: Currency) -> str:
    """An amount in the file's units as people write it: 1101 in three places is 1.101 SDR."""
    return f"{Decimal(amount).scaleb(-currency.places):,f} {currency.name}".rstrip()


def header_lists(groups: dict[str, Any], currency: Currency) -> list[HeaderList]:
    """The lists in the groups beside the records and the audit, in file order."""
    return [
        HeaderList(_TITLES.get(name, name), [_line(name, row, currency) for row in rows])
        for name, rows in _lists(groups)
    ]


def _lists(groups: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    for name, value in groups.items():
        if isinstance(value, list) and value:
            yield name, value
        elif isinstance(value, dict) and name not in _AUDITS:
            yield from _lists(value)


def _line(name: str, row: object, currency: Currency) -> str:
    if not isinstance(row, dict):
        return str(row)
    code = next((str(row[c]) for c in _CODES if c in row), "")
    return f"{code:>4}  {_meaning(name, row, currency)}"


def _meaning(name: str, row: dict[str, Any], currency: Currency) -> str:
    """The row without its code; element by element where it is no table of our knowledge."""
    match name:
        case "currencyConversionInfo" if "exchangeRate" in row:
            rate = Decimal(row["exchangeRate"]).scaleb(-_places(row))
            return f"1 {currency.name} = {rate:f} {currency.local}"
        case "taxation":
            kind = _TAX_TYPES.get(row.get("taxType", ""), row.get("taxType", ""))
            return f"{kind:<10}{_percent(row.get('taxRate'), _TAX_RATE_PLACES)}{_rest(row)}"
        case "discounting":
            return _discount(row.get("discountApplied", row), currency)
        case "recEntityInfo":
            kind = _ENTITY_TYPES.get(row.get("recEntityType", 0), str(row.get("recEntityType", "")))
            return f"{kind:<8}{_rest(row)}"
        case "utcTimeOffsetInfo":
            return str(row.get("utcTimeOffset", ""))
    return _rest(row).strip()


def _places(row: dict[str, Any]) -> int:
    """Decimal places; those that make no sense are passed over."""
    places = int(row.get("numberOfDecimalPlaces", 0))
    return places if 0 <= places <= 9 else 0


def _discount(applied: dict[str, Any], currency: Currency) -> str:
    if "discountRate" in applied:
        return _percent(applied["discountRate"], _DISCOUNT_RATE_PLACES)
    amount = applied.get("fixedDiscountValue", applied.get("fixedDiscountValueUntil310"))
    return "" if amount is None else amount_text(amount, currency)


def _percent(rate: object, places: int) -> str:
    text = str(rate)
    if rate is None or not (text.isascii() and text.isdigit()):
        return ""
    return f"{Decimal(text).scaleb(-places):f} %"


def _rest(row: dict[str, Any]) -> str:
    """The elements that have no column of their own, with their names unless they identify."""
    shown = {*_CODES, "recEntityType", "taxType", "taxRate"}
    return "".join(
        f"  {value}" if name == "recEntityId" else f"  {name} {value}"
        for name, value in row.items() if name not in shown
    )
