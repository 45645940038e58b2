"""The errors of TAP validation that are looked for: item, code, severity, meaning and remedy.

A code of TD.57 means something only beside the item that it is about, so our own name for it is
TAP_<application tag of the item>_<code>. Only what mediation/tap_checks.py looks for stands here.
"""

from dataclasses import dataclass
from typing import Final, Literal

TapSeverity = Literal["warning", "severe", "fatal"]

REMEDIES: Final[dict[TapSeverity, str]] = {
    "warning": "None is needed: all is accepted. Tell the partner.",
    "severe": "Return the record to the partner; it comes again in a later file.",
    "fatal": "Return the file to the partner; it comes again under the same number.",
}
"""What to do about an error, where the error itself says nothing else."""


@dataclass(frozen=True, slots=True)
class TapError:
    """One error: application tag and name of its item, code, and what it costs.

    A warning is accepted, a severe error costs the record, a fatal one the file. since and until
    are the first and the last TAP release (3.x) that it is looked for in.
    """

    tag: int
    code: int
    item: str
    severity: TapSeverity
    meaning: str
    remedy: str = ""
    since: int = 1
    until: int = 12

    @property
    def name(self) -> str:
        """Our reject code for it."""
        return f"TAP_{self.tag}_{self.code}"

    @property
    def advice(self) -> str:
        """What a person does about it."""
        return self.remedy or REMEDIES[self.severity]


_W: Final = "warning"
_S: Final = "severe"
_F: Final = "fatal"
E = TapError

_HEADER: Final = (
    E(1, 30, "TransferBatch", _F, "The batch has no batchControlInfo."),
    E(1, 31, "TransferBatch", _F, "The batch has no accountingInfo."),
    E(1, 32, "TransferBatch", _F, "The batch has no networkInfo."),
    E(1, 36, "TransferBatch", _F, "The batch has no auditControlInfo."),
    E(4, 30, "BatchControlInfo", _F, "The header names no sender."),
    E(4, 31, "BatchControlInfo", _F, "The header names no recipient."),
    E(4, 32, "BatchControlInfo", _F, "The header has no fileSequenceNumber."),
    E(4, 33, "BatchControlInfo", _F, "The header has no fileAvailableTimeStamp."),
    E(4, 34, "BatchControlInfo", _F, "The header has no specificationVersionNumber."),
    E(4, 35, "BatchControlInfo", _W, "The header has no fileCreationTimeStamp.", until=10),
    E(4, 36, "BatchControlInfo", _W, "The header has no transferCutOffTimeStamp."),
    E(4, 37, "BatchControlInfo", _W,
      "A file of this number was turned away before, and this one names no RAP file that did it."),
    E(4, 38, "BatchControlInfo", _F,
      "The file is marked as test data, and its name is that of a live file.",
      "Ask the partner which it is; until then nothing of it is charged."),
    E(4, 39, "BatchControlInfo", _F,
      "The file is not marked as test data, and its name is that of a test file.",
      "Ask the partner which it is; until then nothing of it is charged."),
    E(4, 40, "BatchControlInfo", _W,
      "The file answers a RAP file, and no file of this number was turned away before."),
    E(109, 10, "FileSequenceNumber", _F, "The sequence number is not five digits."),
    E(109, 20, "FileSequenceNumber", _F, "The sequence number is not within 00001 to 99999."),
    E(109, 100, "FileSequenceNumber", _F,
      "The sequence number is another than that in the file's name."),
    E(108, 10, "FileCreationTimeStamp", _W, "The local time is not fourteen digits."),
    E(108, 20, "FileCreationTimeStamp", _W, "The digits are no time, or the offset is none."),
    E(108, 30, "FileCreationTimeStamp", _W, "The UTC offset is absent."),
    E(108, 100, "FileCreationTimeStamp", _W,
      "The file was made before its own cut-off time."),
    E(107, 10, "FileAvailableTimeStamp", _F, "The local time is not fourteen digits."),
    E(107, 20, "FileAvailableTimeStamp", _F, "The digits are no time, or the offset is none."),
    E(107, 30, "FileAvailableTimeStamp", _F, "The UTC offset is absent."),
    E(107, 11, "FileAvailableTimeStamp", _W,
      "The local time of a notification is not fourteen digits."),
    E(107, 21, "FileAvailableTimeStamp", _W,
      "The digits in a notification are no time, or the offset is none."),
    E(107, 31, "FileAvailableTimeStamp", _W, "The UTC offset is absent in a notification."),
    E(107, 100, "FileAvailableTimeStamp", _W, "The file was available before its cut-off time."),
    E(107, 101, "FileAvailableTimeStamp", _W, "The file was available before it was made."),
    E(107, 102, "FileAvailableTimeStamp", _W,
      "The notification was available before its cut-off time."),
    E(107, 103, "FileAvailableTimeStamp", _W, "The notification was available before it was made."),
    E(107, 104, "FileAvailableTimeStamp", _F, "The file was available after we received it.",
      "Compare the clocks; available_ahead_max_s in the profile allows for a difference."),
    E(107, 105, "FileAvailableTimeStamp", _W,
      "The notification was available after we received it."),
    E(227, 10, "TransferCutOffTimeStamp", _F, "The local time is not fourteen digits.", since=9),
    E(227, 20, "TransferCutOffTimeStamp", _F, "The digits are no time, or the offset is none.",
      since=9),
    E(227, 30, "TransferCutOffTimeStamp", _F, "The UTC offset is absent.", since=9),
    E(110, 10, "FileTypeIndicator", _F, "The file type is not one letter."),
    E(110, 20, "FileTypeIndicator", _F, "The file type is another letter than T."),
    E(181, 10, "RapFileSequenceNumber", _W, "The RAP number in the header is not five digits."),
    E(181, 20, "RapFileSequenceNumber", _W, "The RAP number in the header is 00000."),
)

_ACCOUNTING: Final = (
    E(5, 30, "AccountingInfo", _F, "Records state taxes, and the file has no tax table."),
    E(5, 31, "AccountingInfo", _F, "Records state discounts, and the file has no discount table."),
    E(5, 32, "AccountingInfo", _F, "The file names no local currency."),
    E(5, 34, "AccountingInfo", _F, "There are charges, and the file has no exchange rates."),
    E(5, 35, "AccountingInfo", _F, "The file does not say how many decimals its amounts have."),
    E(135, 10, "LocalCurrency", _F, "The local currency is not three capital letters."),
    E(135, 20, "LocalCurrency", _F, "The local currency is none of ISO 4217."),
    E(159, 20, "NumberOfDecimalPlaces", _F, "The decimals of an exchange rate are negative."),
    E(105, 20, "ExchangeRateCode", _F, "A code of the currency table is not within 0 to 99."),
    E(106, 30, "CurrencyConversion", _F, "A row of the currency table has no code."),
    E(106, 31, "CurrencyConversion", _F, "A row of the currency table has no decimal places."),
    E(106, 33, "CurrencyConversion", _F, "A row of the currency table has no rate."),
    E(106, 34, "CurrencyConversion", _F, "The currency table has a code twice."),
    E(216, 30, "Taxation", _F, "A row of the tax table has no code."),
    E(216, 31, "Taxation", _F, "A row of the tax table has no type."),
    E(216, 32, "Taxation", _F, "A row of the tax table has no rate.", since=11),
    E(216, 33, "Taxation", _F, "The tax table has a code twice, with different content."),
    E(216, 34, "Taxation", _W, "The tax table has the same row twice."),
    E(217, 10, "TaxType", _F, "A tax type is not two digits.", since=11),
    E(217, 20, "TaxType", _F, "A tax type is not within 01 to 04.", since=11),
    E(215, 10, "TaxRate", _F, "A tax rate is not digits."),
    E(215, 20, "TaxRate", _F, "A tax rate has not seven digits, five of them decimals."),
    E(71, 11, "ChargeType", _F, "A charge type of the tax table is not two digits.", since=11),
    E(71, 21, "ChargeType", _F, "A charge type of the tax table is reserved.", since=11),
    E(71, 22, "ChargeType", _W, "A charge type of the tax table is 00, the total.", since=11),
)

_NETWORK: Final = (
    E(6, 30, "NetworkInfo", _F, "The file has no table of UTC offsets."),
    E(6, 33, "NetworkInfo", _F, "The file has no table of recording entities."),
    E(183, 30, "RecEntityInformation", _F, "A recording entity has no code."),
    E(183, 31, "RecEntityInformation", _F, "A recording entity has no type."),
    E(183, 32, "RecEntityInformation", _F, "A recording entity has no id."),
    E(183, 33, "RecEntityInformation", _F,
      "Two recording entities have the same code and different content."),
    E(183, 34, "RecEntityInformation", _F, "The same recording entity stands there twice.",
      since=3),
    E(186, 20, "RecEntityType", _F, "The type of a recording entity is not within 1 to 11."),
    E(184, 20, "RecEntityCode", _F, "The code of a recording entity is not within 0 to 999."),
    E(143, 30, "MessageDescriptionInformation", _W, "A message description has no code."),
    E(143, 31, "MessageDescriptionInformation", _W, "A message description has no text."),
)

_AUDIT: Final = (
    E(15, 30, "AuditControlInfo", _F, "The audit has no total charge.", since=11),
    E(15, 31, "AuditControlInfo", _F, "The audit has no total of taxes."),
    E(15, 32, "AuditControlInfo", _F, "The audit has no total of discounts."),
    E(15, 33, "AuditControlInfo", _F, "The audit has no number of records."),
    E(43, 20, "CallEventDetailsCount", _F, "The audit's number of records is not above 0."),
    E(43, 100, "CallEventDetailsCount", _F,
      "The file has another number of records than its audit says."),
    E(415, 20, "TotalCharge", _F, "The audit's total charge is negative.", since=11),
    E(415, 100, "TotalCharge", _F,
      "The records charge another total than the audit says.", since=11),
    E(355, 20, "TotalChargeRefund", _F, "The audit's refund of charges is negative.", since=11),
    E(355, 21, "TotalChargeRefund", _F, "The audit states a refund of charges of 0.", since=11),
    E(355, 100, "TotalChargeRefund", _F,
      "The records give back another total than the audit says.", since=11),
    E(226, 20, "TotalTaxValue", _F, "The audit's total of taxes is negative."),
    E(226, 100, "TotalTaxValue", _F, "The records' taxes add up to another total."),
    E(225, 20, "TotalDiscountValue", _F, "The audit's total of discounts is negative."),
    E(225, 100, "TotalDiscountValue", _F, "The records' discounts add up to another total."),
    E(354, 20, "TotalDiscountRefund", _F, "The audit's refund of discounts is negative.",
      since=11),
    E(354, 100, "TotalDiscountRefund", _F,
      "The records' discounts of refunds add up to another total.", since=11),
    E(222, 30, "TotalChargeValue", _F, "A row of the audit's charges has no charge type.",
      since=4, until=10),
    E(222, 31, "TotalChargeValue", _F, "A row of the audit's charges has no total.",
      since=4, until=10),
)

_RECORDS: Final = (
    E(427, 30, "ChargeableSubscriber", _S, "The record names neither an IMSI nor a MIN."),
    E(427, 31, "ChargeableSubscriber", _S, "The record names both an IMSI and a MIN."),
    E(427, 32, "ChargeableSubscriber", _S,
      "The record names no MSISDN, which the profile says was agreed (msisdn_needed)."),
    E(286, 30, "GsmChargeableSubscriber", _S,
      "The use of a service centre names neither an IMSI nor an MSISDN."),
    E(44, 10, "CallEventStartTimeStamp", _S, "The local start time is not fourteen digits."),
    E(44, 20, "CallEventStartTimeStamp", _S, "The digits of the local start time are no time."),
    E(44, 30, "CallEventStartTimeStamp", _S, "The start time has no UTC offset code."),
    E(44, 100, "CallEventStartTimeStamp", _S,
      "The record starts after the time of one of its charge details."),
    E(9, 261, "MobileOriginatedCall", _S, "The call is older than allowed (age_max_days)."),
    E(10, 261, "MobileTerminatedCall", _S, "The call is older than allowed (age_max_days)."),
    E(14, 261, "GprsCall", _S, "The session is older than allowed (age_max_days)."),
    E(58, 20, "CauseForTerm", _S, "The cause of termination is none that there is."),
    E(58, 100, "CauseForTerm", _W,
      "A cause of termination is given, and the record is not the last part of its session."),
    E(166, 10, "PartialTypeIndicator", _W, "The sort of partial record is not one letter."),
    E(166, 20, "PartialTypeIndicator", _W, "The sort of partial record is none of F, I and L."),
    E(72, 20, "ChargingId", _S, "The charging id does not fit 32 bits."),
    E(405, 10, "CallingNumber", _W, "The calling number is not decimal digits."),
    E(405, 11, "CallingNumber", _S,
      "The sender of a short message is no telephone number of 5 to 15 digits."),
    E(184, 12, "RecEntityCode", _S,
      "A data session names a recording entity that is no packet gateway or serving node."),
    E(184, 100, "RecEntityCode", _S,
      "The record names a recording entity that the file's network table lacks."),
    E(181, 11, "RapFileSequenceNumber", _W, "The RAP number in a record is not five digits."),
    E(181, 21, "RapFileSequenceNumber", _W, "The RAP number in a record is 00000."),
    E(141, 100, "MessageDescriptionCode", _W,
      "The record names a message description that the file's table lacks."),
)

_CHARGES: Final = (
    E(105, 101, "ExchangeRateCode", _S,
      "The record names an exchange rate that the file's currency table lacks."),
    E(258, 30, "CallTypeGroup", _S, "The call type group has no level 1.", since=4),
    E(258, 31, "CallTypeGroup", _S, "The call type group has no level 2.", since=4),
    E(258, 32, "CallTypeGroup", _S, "The call type group has no level 3.", since=4),
    E(71, 10, "ChargeType", _S, "A charge type is not digits, two or three of them."),
    E(71, 20, "ChargeType", _S, "A charge type is reserved in the file's release."),
    E(65, 20, "ChargeableUnits", _S, "The chargeable units are negative."),
    E(213, 30, "TaxInformation", _S, "A tax of the record has no tax code."),
    E(213, 31, "TaxInformation", _S, "A tax of the record has no value."),
    E(397, 20, "TaxValue", _S, "A tax value is negative."),
    E(397, 22, "TaxValue", _S,
      "A tax value is not its rate of the taxable amount, or of the charge where none is stated.",
      "Return the record; tax_tolerance_micros in the profile allows for rounding.", since=10),
)

TAP_ERRORS: Final[dict[str, TapError]] = {
    error.name: error
    for group in (_HEADER, _ACCOUNTING, _NETWORK, _AUDIT, _RECORDS, _CHARGES)
    for error in group
}
"""The errors by our name for them."""
