"""Groups of a TAP file in which validation finds nothing, as asn1.encode takes them."""

from typing import Any

AVAILABLE = {"localTimeStamp": "20260902040000", "utcTimeOffset": "+0200"}
TIMES = {"transferCutOffTimeStamp": AVAILABLE, "fileAvailableTimeStamp": AVAILABLE}


def accounting(places: int, **other: Any) -> dict[str, Any]:
    """Accounting for the Norwegian krone; rate code 0 is 14.62 for an SDR."""
    rate = {"exchangeRateCode": 0, "numberOfDecimalPlaces": 2, "exchangeRate": 1462}
    return {
        "localCurrency": "NOK", "tapDecimalPlaces": places, "currencyConversionInfo": [rate],
    } | other


def network(**offsets: str) -> dict[str, Any]:
    """The network's tables: UTC offsets by code (c2="+0200"), and one switch, with code 1."""
    return {
        "utcTimeOffsetInfo": [
            {"utcTimeOffsetCode": int(code[1:]), "utcTimeOffset": offset}
            for code, offset in offsets.items()
        ],
        "recEntityInfo": [
            {"recEntityCode": 1, "recEntityType": 1, "recEntityId": "4790000099"}
        ],
    }


def audit(total: int, count: int, **other: Any) -> dict[str, Any]:
    """An audit without taxes and discounts."""
    return {
        "totalCharge": total, "totalTaxValue": 0, "totalDiscountValue": 0,
        "callEventDetailsCount": count,
    } | other
