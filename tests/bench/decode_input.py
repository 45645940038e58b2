"""TAP 3.12 files of any number of events: distinct ones, repeated under a header that fits them.

Of a hundred events 30 are calls made, 20 calls received, 15 short messages, 30 data sessions and 5
sessions over IP; one has some 410 octets in 66 elements, 41 of them values. Files are kept below
.ratemill/bench until this module or the grammar changes.
"""

import hashlib
import random
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal, NamedTuple

from report import OUT, ROOT

from asn1.ber import read_header
from asn1.encode import encode_transfer_batch
from asn1.indefinite import to_indefinite

DISTINCT = 20_000
START = datetime(2026, 1, 5)
FILE_TAG, LIST_TAG = b"\x61", b"\x63"
Value = dict[str, Any]
Lengths = Literal["definite", "indefinite"]


class Event(NamedTuple):
    """A call event, when it starts (UTC), and what it adds to the audit's totals."""

    value: Value
    start: datetime
    charge: int
    tax: int
    discount: int


def events(count: int) -> list[Event]:
    """That many events, all different and always the same ones."""
    draw = random.Random(12)
    kinds = draw.choices((_call_made, _call_received, _message, _data_session, _ip_session),
                         weights=(30, 20, 15, 30, 5), k=count)
    return [_Draws(draw, number).event(kind) for number, kind in enumerate(kinds)]


def _local_time(moment: datetime, code: int) -> Value:
    return {"localTimeStamp": f"{moment:%Y%m%d%H%M%S}", "utcTimeOffsetCode": code}


class _Draws:
    """The random values of one event."""

    def __init__(self, draw: random.Random, number: int) -> None:
        self.number = number
        self.integer = draw.randrange
        self.chance = draw.random
        self.charge = draw.randrange(50, 2_000_000)
        self.tax = self.charge // 5
        self.discount = self.charge // 20
        self.seconds = draw.randrange(1, 4_000)
        self.starts_at, self.hours_east = self.moment(), draw.randrange(4)
        self.start = _local_time(self.starts_at, self.hours_east)

    def event(self, kind: Any) -> Event:
        value, utc = kind(self), self.starts_at - timedelta(hours=self.hours_east)
        return Event(value, utc, self.charge, self.tax, self.discount)

    def digits(self, prefix: str, count: int) -> str:
        return f"{prefix}{self.integer(10 ** count):0{count}}"

    def moment(self) -> datetime:
        return START + timedelta(seconds=self.integer(86_400))

    def time(self) -> Value:
        return _local_time(self.moment(), self.integer(4))

    def subscriber(self) -> Value:
        return {"simChargeableSubscriber": {
            "imsi": self.digits("23801", 10), "msisdn": self.digits("4520", 6)}}

    def call_type(self) -> Value:
        return {"callTypeLevel1": self.integer(3), "callTypeLevel2": self.integer(40),
                "callTypeLevel3": self.integer(300)}

    def charging(self, item: str, details: int, units: int) -> Value:
        """What all charge informations share; the first detail is the total."""
        types = ("00", "01", "03", "04")[:details]
        return {
            "chargedItem": item,
            "exchangeRateCode": self.integer(4),
            "callTypeGroup": self.call_type(),
            "chargeDetailList": [
                {"chargeType": kind, "charge": self.charge // (n or 1),
                 "chargeableUnits": units, "chargedUnits": -(-units // 60) * 60,
                 **({} if n else {"chargeDetailTimeStamp": self.time()})}
                for n, kind in enumerate(types)
            ],
        }

    def charge_information(self, item: str, details: int, units: int) -> Value:
        return {
            **self.charging(item, details, units),
            "taxInformation": [{"taxCode": self.integer(3), "taxValue": self.tax}],
            "discountInformation": {"discountCode": self.integer(3), "discount": self.discount},
        }

    def service(self, code: str, item: str, details: int) -> list[Value]:
        return [{
            "basicService": {"serviceCode": {"teleServiceCode": code}},
            "chargingTimeStamp": self.time(),
            "chargeInformationList": [self.charge_information(item, details, self.seconds)],
        }]

    def place(self) -> Value:
        return {
            "networkLocation": {
                "recEntityCode": self.integer(8), "callReference": self.digits("", 10),
                "locationArea": self.integer(65_536), "cellId": self.integer(1 << 28)},
            "geographicalLocation": {"servingNetwork": self.digits("AAA", 2)},
        }

    def remarks(self) -> Value:
        """Two events of five carry an operator's own information."""
        if self.chance() < 0.6:
            return {}
        return {"operatorSpecInformation": [
            f"event {self.number} of the day", self.digits("route 4711, trunk ", 4)]}


def _call_made(draws: _Draws, code: str = "11", details: int = 3) -> Value:
    number = draws.digits("45", 8)
    return {"mobileOriginatedCall": {
        "basicCallInformation": {
            "chargeableSubscriber": draws.subscriber(),
            "destination": {"calledNumber": number, "dialledDigits": number,
                            "calledPlace": draws.digits("Place ", 3)},
            "destinationNetwork": draws.digits("BBB", 2),
            "callEventStartTimeStamp": draws.start,
            "totalCallEventDuration": draws.seconds,
            "causeForTerm": draws.integer(5),
        },
        "locationInformation": draws.place(),
        "equipmentIdentifier": {"imei": draws.digits("35", 14)},
        "basicServiceUsedList": draws.service(code, "D", details),
        **draws.remarks(),
    }}


def _call_received(draws: _Draws, code: str = "11", details: int = 3) -> Value:
    return {"mobileTerminatedCall": {
        "basicCallInformation": {
            "chargeableSubscriber": draws.subscriber(),
            "callOriginator": {"callingNumber": draws.digits("46", 9),
                               "clirIndicator": draws.integer(2)},
            "originatingNetwork": draws.digits("CCC", 2),
            "callEventStartTimeStamp": draws.start,
            "totalCallEventDuration": draws.seconds,
            "causeForTerm": draws.integer(5),
        },
        "locationInformation": draws.place(),
        "equipmentIdentifier": {"imei": draws.digits("35", 14)},
        "basicServiceUsedList": draws.service(code, "D", details),
        **draws.remarks(),
    }}


def _message(draws: _Draws) -> Value:
    if draws.chance() < 0.7:
        return _call_made(draws, "22", 2)
    return _call_received(draws, "21", 2)


def _data_session(draws: _Draws) -> Value:
    volumes = draws.integer(1 << 32), draws.integer(1 << 28)
    return {"gprsCall": {
        "gprsBasicCallInformation": {
            "gprsChargeableSubscriber": {
                "chargeableSubscriber": draws.subscriber(),
                "pdpAddress": ".".join(str(draws.integer(256)) for _ in range(4))},
            "gprsDestination": {"accessPointNameNI": draws.digits("internet.partner", 2),
                                "accessPointNameOI": draws.digits("mnc001.mcc", 3)},
            "callEventStartTimeStamp": draws.start,
            "totalCallEventDuration": draws.seconds,
            "causeForTerm": draws.integer(5),
            "partialTypeIndicator": "FIL"[draws.integer(3)],
            "chargingId": draws.integer(1 << 32),
        },
        "gprsLocationInformation": {
            "gprsNetworkLocation": {
                "recEntity": [draws.integer(8), draws.integer(8)],
                "locationArea": draws.integer(65_536), "cellId": draws.integer(1 << 28)},
            "geographicalLocation": {"servingNetwork": draws.digits("AAA", 2)},
        },
        "equipmentIdentifier": {"imei": draws.digits("35", 14)},
        "gprsServiceUsed": {
            "dataVolumeIncoming": volumes[0],
            "dataVolumeOutgoing": volumes[1],
            "chargeInformationList": [draws.charge_information("X", 3, sum(volumes))],
        },
        **draws.remarks(),
    }}


def _ip_session(draws: _Draws) -> Value:
    draws.discount = 0  # there is no place for it
    return {"mobileSession": {
        "mobileSessionService": draws.integer(3),
        "chargedParty": {
            "imsi": draws.digits("23801", 10), "msisdn": draws.digits("4520", 6),
            "publicUserId": draws.digits("sip:+4520", 6) + "@ims.example",
            "imei": draws.digits("35", 14)},
        "geographicalLocation": {"servingNetwork": draws.digits("AAA", 2)},
        "locationArea": draws.integer(65_536),
        "cellId": draws.integer(1 << 28),
        "eventReference": draws.digits("session", 8),
        "recEntityCodeList": [draws.integer(8)],
        "serviceStartTimestamp": draws.start,
        "causeForTerm": draws.integer(5),
        "totalCallEventDuration": draws.seconds,
        "nonChargedParty": {"nonChargedPartyNumber": draws.digits("47", 8)},
        "sessionChargeInfoList": [{
            **draws.charging("E", 2, draws.seconds),
            "taxInformationList": [{"taxCode": draws.integer(3), "taxValue": draws.tax}],
        }],
        **draws.remarks(),
    }}


class _Records(NamedTuple):
    """The encoded events: octets, and up to each event their length and the audit's values."""

    octets: bytes
    ends: list[int]
    earliest: list[datetime]
    latest: list[datetime]
    charges: list[int]
    taxes: list[int]
    discounts: list[int]

    def repeated(self, count: int) -> bytes:
        whole, rest = divmod(count, len(self.latest))
        return self.octets * whole + self.octets[: self.ends[rest]]

    def audit(self, count: int) -> Value:
        whole, rest = divmod(count, len(self.latest))
        charge, tax, discount = (
            sums[-1] * whole + sums[rest] for sums in (self.charges, self.taxes, self.discounts))
        last = min(count, len(self.latest)) - 1
        return {
            "earliestCallTimeStamp": _utc_time(self.earliest[last]),
            "latestCallTimeStamp": _utc_time(self.latest[last]),
            "totalCharge": charge, "totalTaxValue": tax, "totalDiscountValue": discount,
            "callEventDetailsCount": count,
        }


@cache
def _records(distinct: int, lengths: Lengths) -> _Records:
    drawn = events(distinct)
    batch = encode_transfer_batch({"callEventDetails": [e.value for e in drawn]})
    single = list(_elements(inside(inside(batch))))
    if lengths == "indefinite":
        single = [to_indefinite(octets) for octets in single]
    return _Records(
        b"".join(single), _sums(map(len, single)),
        list(accumulate((e.start for e in drawn), min)),
        list(accumulate((e.start for e in drawn), max)),
        _sums(e.charge for e in drawn), _sums(e.tax for e in drawn),
        _sums(e.discount for e in drawn),
    )


def _sums(numbers: Iterable[int]) -> list[int]:
    return list(accumulate(numbers, initial=0))


def _elements(octets: bytes) -> Iterator[bytes]:
    """The elements of definite length that the octets are, one behind the other."""
    start = 0
    while start < len(octets):
        _, length, at = read_header(octets, start, len(octets))
        yield octets[start : at + length]
        start = at + length


def inside(octets: bytes) -> bytes:
    """The content of the one element of definite length that the octets are."""
    return octets[read_header(octets, 0, len(octets))[2]:]


def group(tag: bytes, content: bytes, lengths: Lengths) -> bytes:
    if lengths == "indefinite":
        return tag + b"\x80" + content + b"\0\0"
    return tag + b"\x84" + len(content).to_bytes(4, "big") + content


def transfer_batch(count: int, lengths: Lengths = "definite") -> bytes:
    """The octets of a file of that many events."""
    records = _records(min(count, DISTINCT), lengths)
    before = inside(encode_transfer_batch(_header()))
    behind = inside(encode_transfer_batch({"auditControlInfo": records.audit(count)}))
    if lengths == "indefinite":
        before = b"".join(map(to_indefinite, _elements(before)))
        behind = to_indefinite(behind)
    listed = group(LIST_TAG, records.repeated(count), lengths)
    return group(FILE_TAG, before + listed + behind, lengths)


def _utc_time(utc: datetime) -> Value:
    return {"localTimeStamp": f"{utc:%Y%m%d%H%M%S}", "utcTimeOffset": "+0000"}


def _header() -> Value:
    moment = _utc_time(START + timedelta(days=2))
    return {
        "batchControlInfo": {
            "sender": "AAA01", "recipient": "BBB01", "fileSequenceNumber": "00012",
            "fileCreationTimeStamp": moment, "transferCutOffTimeStamp": moment,
            "fileAvailableTimeStamp": moment, "specificationVersionNumber": 3,
            "releaseVersionNumber": 12,
        },
        "accountingInfo": {
            "localCurrency": "EUR", "tapDecimalPlaces": 3,
            "taxation": [{"taxCode": n, "taxType": "13", "taxRate": "2000000"} for n in range(3)],
            "currencyConversionInfo": [
                {"exchangeRateCode": n, "numberOfDecimalPlaces": 5, "exchangeRate": 100_000 + n}
                for n in range(4)],
        },
        "networkInfo": {
            "utcTimeOffsetInfo": [
                {"utcTimeOffsetCode": n, "utcTimeOffset": f"+0{n}00"} for n in range(4)],
            "recEntityInfo": [
                {"recEntityCode": n, "recEntityType": 1, "recEntityId": f"4520{n:06}"}
                for n in range(8)],
        },
    }


def made(count: int, lengths: Lengths = "definite") -> Path:
    """The path of a file of that many events, made when it is not there."""
    state = hashlib.sha256(Path(__file__).read_bytes())
    state.update((ROOT / "asn1" / "modules" / "tap3.asn").read_bytes())
    path = OUT / f"decode-{lengths}-{count}-{state.hexdigest()[:12]}.tap"
    if not path.exists():
        OUT.mkdir(parents=True, exist_ok=True)
        for outdated in OUT.glob(f"decode-{lengths}-{count}-*.tap"):
            outdated.unlink()
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(transfer_batch(count, lengths))
        unfinished.replace(path)
    return path
