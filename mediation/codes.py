"""Every reject code with its outcome, severity, meaning and remedy, declared once."""

from dataclasses import dataclass
from typing import Literal

from mediation.tap_errors import TAP_ERRORS

Stage = Literal["decode", "normalize", "validate", "gate", "dedupe", "decide", "rate", "post"]
OutcomeName = Literal["duplicate", "suspended", "dropped"]
Severity = Literal["warning", "severe", "fatal"]


@dataclass(frozen=True, slots=True)
class Code:
    """One reject code: who gives it, where the record ends, and what a person does about it."""

    code: str
    stage: Stage
    outcome: OutcomeName
    severity: Severity
    meaning: str
    remedy: str


_S: OutcomeName = "suspended"

CODES: dict[str, Code] = {
    c.code: c
    for c in (
        Code("NOT_A_CDR_FILE", "decode", _S, "fatal",
             "The file is not of the format that the profile names.",
             "Ask the partner what it is; correct the profile or ask for the file again."),
        Code("FILE_TRUNCATED", "decode", _S, "fatal",
             "The file ends inside a record; the records before the cut were read.",
             "Ask the partner for the complete file."),
        Code("FILE_FOLLOWS", "decode", _S, "severe",
             "Another file stands behind the end of this one, in the same octets; it was not read.",
             "Ask the partner to send each as a file of its own."),
        Code("BER_INVALID", "decode", _S, "severe",
             "A record's octets break the encoding rules at the offset given.",
             "Inspect the record; return it to the partner."),
        Code("EVENT_UNKNOWN", "decode", _S, "severe",
             "The record is of a call event type that is not known.",
             "Inspect the record; agree with the partner on its meaning."),
        Code("LINE_RAGGED", "decode", _S, "severe",
             "The line has another number of columns than the header.",
             "Look for an unquoted delimiter; ask the partner for the line again."),
        Code("LINE_UNKNOWN", "decode", _S, "severe",
             "The line starts like none of the profile's line types.",
             "Add the line type to the profile, or ask the partner."),
        Code("LINE_SHORT", "decode", _S, "severe",
             "The line ends before its last declared column.",
             "Ask the partner for the line again."),
        Code("LINE_LONG", "decode", _S, "severe",
             "The line is longer than its type allows, or than any record may be.",
             "Look for a missing line end; correct the line type's length in the profile."),
        Code("JSON_INVALID", "decode", _S, "severe",
             "The line is no JSON object, or is nested too deep.",
             "Ask the partner for the line again."),
        Code("ENCODING_INVALID", "decode", _S, "severe",
             "The record's octets are not text in the profile's encoding.",
             "Correct the profile's encoding, or ask for the record again."),
        Code("XML_BROKEN", "decode", _S, "fatal",
             "The document stops being XML at the place given; records before it were read.",
             "Ask the partner for the complete file."),
        Code("FIELD_MISSING", "normalize", _S, "severe",
             "A field that the record needs is empty or absent.",
             "Complete the record, or declare the field optional in the profile."),
        Code("FIELD_INVALID", "normalize", _S, "severe",
             "A field's text cannot be read as the profile says.",
             "Correct the record, or the field's reader in the profile."),
        Code("VALUE_UNMAPPED", "normalize", _S, "severe",
             "A field holds a value that the profile's map does not list.",
             "Add the value to the map."),
        Code("OFFSET_CODE_UNKNOWN", "normalize", _S, "severe",
             "The record names a UTC offset code that the file's network table lacks (TD.57).",
             "Return the record to the partner."),
        Code("SERVICE_UNKNOWN", "normalize", _S, "severe",
             "The record's service is none that we charge.",
             "Agree on its meaning; add it to the service classification."),
        Code("KEY_FIELD_MISSING", "normalize", _S, "severe",
             "A field of the usage key is empty, so duplicates could not be told.",
             "Complete the record, or choose other identity fields in the profile."),
        Code("TEST_FILE", "normalize", "dropped", "warning",
             "The file is marked as test data; it is read and never charged.",
             "None; exchange a live file."),
        Code("IMSI_INVALID", "validate", _S, "severe",
             "The IMSI is not 6 to 15 digits.",
             "Return the record to the partner."),
        Code("SUBSCRIBER_MISSING", "validate", _S, "severe",
             "The record names neither an IMSI nor an MSISDN.",
             "Return the record to the partner."),
        Code("START_IN_FUTURE", "validate", _S, "severe",
             "The event starts after the file arrived.",
             "Check the time zone in the profile; return the record."),
        Code("START_TOO_OLD", "validate", _S, "severe",
             "The event is older than the profile allows.",
             "Agree with the partner; raise age_max_days for a late delivery."),
        Code("DURATION_OUT_OF_RANGE", "validate", _S, "severe",
             "The duration is negative or longer than the profile allows, or absent for voice.",
             "Return the record to the partner."),
        Code("VOLUME_OUT_OF_RANGE", "validate", _S, "severe",
             "A volume is negative or larger than the profile allows, or absent for data.",
             "Return the record to the partner."),
        Code("CHARGE_OUT_OF_RANGE", "validate", _S, "severe",
             "The partner's charge is negative or larger than the gate allows for one record.",
             "Ask the partner; raise charge_max_micros if it is right."),
        Code("SEQUENCE_REUSED", "gate", _S, "fatal",
             "The sequence number was used before by a file with other content.",
             "Ask the partner which of the two holds; release or write off the other."),
        Code("SENDER_UNEXPECTED", "gate", _S, "fatal",
             "The file states another sender or recipient than the profile.",
             "Find out whose file it is before anything is charged."),
        Code("FILE_INCOMPLETE", "gate", _S, "fatal",
             "The file was cut; nothing of it is charged until the complete file comes.",
             "Ask the partner for the complete file."),
        Code("GATE_FAILED", "gate", _S, "fatal",
             "The file fails the partner's quality gate; the detail names the expectation.",
             "Look at the data docs; correct the file or the limits, then rerun it."),
        Code("DUPLICATE_IN_FILE", "dedupe", "duplicate", "warning",
             "The same usage key stands earlier in this file.",
             "None; the first copy counts."),
        Code("DUPLICATE_OF_FILE", "dedupe", "duplicate", "warning",
             "The same usage key came in an earlier file.",
             "None; the first copy counts."),
        Code("WRITTEN_OFF", "decide", "dropped", "warning",
             "A person decided that the record, which was in suspense, is never charged.",
             "None; the detail names who and why, as does the audit trail."),
        Code("SUBSCRIBER_UNKNOWN", "rate", _S, "severe",
             "No SIM in the catalog has this IMSI or MSISDN at the event's time.",
             "Add the SIM, or return the record to the partner."),
        Code("NETWORK_UNKNOWN", "rate", _S, "severe",
             "The serving network is not in the catalog at the event's time.",
             "Add the network and its zone."),
        Code("DESTINATION_UNKNOWN", "rate", _S, "severe",
             "No prefix of the number plan matches the other party's number.",
             "Add the prefix, or correct the number."),
        Code("PRODUCT_MISSING", "rate", _S, "severe",
             "The account has no subscription, or its product no tariff, at the event's time.",
             "Add the subscription or the product, or correct its validity."),
        Code("RATE_MISSING", "rate", _S, "severe",
             "The account's tariff has no rate for the service, zones and time.",
             "Add the rate; a missing price is never zero."),
        Code("PARTNER_CHARGE_MISSING", "rate", _S, "severe",
             "The rate marks up the partner's charge, and the record states none.",
             "Ask the partner for the charge, or add a rate with a price of its own."),
        Code("TAX_MISSING", "rate", _S, "severe",
             "The tax class has no rate for the serving zone at the event's time.",
             "Add the rate to taxes.csv; a rate of 0 percent is one."),
        Code("EXCHANGE_RATE_MISSING", "rate", _S, "severe",
             "No exchange rate leads from one currency to the other at the event's time.",
             "Add the rate to exchange_rates.csv; either way round will do."),
        Code("WHOLESALE_RATE_MISSING", "rate", _S, "severe",
             "The partner states no charge, and no agreement has a rate for the event.",
             "Add the agreement, or the rate to its tariff."),
        Code("AMOUNT_OVERFLOW", "rate", _S, "severe",
             "The price would not fit 64 bits.",
             "Check the record's units and the rate."),
        Code("ALREADY_POSTED", "post", "duplicate", "warning",
             "The usage key was posted by another file after this one was deduplicated.",
             "None; it was charged once."),
        Code("ROLLED_BACK", "post", _S, "warning",
             "The record's file was rolled back; what it was charged was given back.",
             "Mend what was wrong, then rerun the file."),
    )
} | {
    error.name: Code(error.name, "validate", _S, error.severity,
                     f"{error.meaning} (TD.57, {error.item})", error.advice)
    for error in TAP_ERRORS.values() if error.severity != "warning"
}
