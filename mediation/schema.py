"""The tables of mediation: arrival, file, usage, part, reject, decision and returned."""

from mediation.tables import Column as C
from mediation.tables import Table

ARRIVAL = Table(
    "arrival",
    "one delivery of a file by a partner; the same bytes may arrive more than once",
    (
        C("arrival_id", "text", "sha256 over partner, remote path, size, mtime and file id"),
        C("partner", "text", "partner profile name"),
        C("name", "text", "file name as the partner gave it"),
        C("remote_path", "text", "path on the partner's server or in the drop folder; of a file "
          "out of an archive, the archive's path and its own in there"),
        C("size_bytes", "int64", "size of the received bytes"),
        C("modified_at", "time", "modification time the server stated, UTC"),
        C("received_at", "time", "when this delivery was archived, UTC"),
        C("file_id", "text", "sha256 of the received bytes"),
        C("file_number", "int64", "dense number of the file in order of first arrival"),
        C("copy_of", "text", "name of the first arrival when the bytes were known", null=True),
    ),
)

FILE = Table(
    "file",
    "one received file as its last finished stage left it",
    (
        C("partner", "text", "partner profile name"),
        C("file_id", "text", "sha256 of the received bytes"),
        C("file_number", "int64", "dense number of the file in order of first arrival"),
        C("name", "text", "name of the first arrival"),
        C("size_bytes", "int64", "size of the received bytes"),
        C("received_at", "time", "first arrival, UTC"),
        C("stage", "text", "last finished stage: collect, mediate, rate, post"),
        C("state", "text", "collected, mediated, rated, posted; or notification, test, "
          "quarantined, refused, unpacked (an archive whose files are files of their own), rap (a "
          "file that acknowledges a RAP file, or a RAP file that we acknowledged)"),
        C("format", "text", "tap, delimited, fixed, xml; recognised by content for TAP", null=True),
        C("release", "text", "specification and release the file states, as 3.12", null=True),
        C("sequence", "int64", "the partner's file sequence number", null=True),
        C("sender", "text", "sender the file states (TADIG for TAP)", null=True),
        C("recipient", "text", "recipient the file states", null=True),
        C("declared_records", "int64", "record count of the file's own trailer or audit",
          null=True),
        C("declared_charge_micros", "int64", "total charge of the file's own trailer or audit",
          null=True),
        C("currency", "text", "currency of the partner's charges in this file", null=True),
        C("charge_micros", "int64", "sum of the charges that the decoded records state", null=True),
        C("records", "int64", "records received: every record found in the file, good or bad",
          null=True),
        C("decoded", "int64", "records that could be read", null=True),
        C("duplicate", "int64", "records turned away as duplicates so far", null=True),
        C("suspended", "int64", "records in suspense so far", null=True),
        C("dropped", "int64", "records dropped by a named rule so far", null=True),
        C("rated", "int64", "records with a price", null=True),
        C("posted", "int64", "records whose charges are on the ledger", null=True),
        C("rejected", "int64", "records that decode, normalize and validate sent to suspense",
          null=True),
        C("age_median_s", "int64", "from the start of an event to the file's arrival, in the "
          "middle of the accepted records", null=True),
        C("age_max_s", "int64", "the same for the oldest of them", null=True),
        C("networks", "text", "serving networks of the accepted records, with blanks between",
          null=True),
        C("services", "text", "their services with the direction, as voice_mo", null=True),
        C("destinations", "text", "country codes of the numbers that they called", null=True),
        C("notes", "text", "findings that reject nothing (gaps, warnings), one a line", null=True),
    ),
)

USAGE = Table(
    "usage",
    "one chargeable event in canonical form",
    (
        C("partner", "word", "partner profile name"),
        C("file_id", "word", "sha256 of the received bytes"),
        C("record_index", "int32", "position of the record in its file, from 0"),
        C("byte_offset", "int64", "offset of the record in the unpacked file", null=True),
        C("byte_length", "int32", "length of the record in octets", null=True),
        C("usage_key", "text", "business identity: 32 hex digits over the profile's fields"),
        C("record_type", "word", "kind of record in the partner's words (MOC, GPRS, 01 …)"),
        C("service", "word", "voice, sms, mms, data, vas (value added) or units (counted)"),
        C("direction", "word", "mo (originated), mt (terminated) or mf (forwarded)"),
        C("imsi", "text", "IMSI, digits", null=True),
        C("msisdn", "text", "MSISDN of the charged party, E.164 digits without +", null=True),
        C("imei", "text", "IMEI, digits", null=True),
        C("other_party", "text", "called (mo, mf) or calling (mt) number, E.164 digits", null=True),
        C("other_party_raw", "text", "the same as the partner wrote it", null=True),
        C("serving_network", "word", "TADIG code of the network that served the event"),
        C("apn", "word", "access point name", null=True),
        C("started_at", "time", "start of the event, UTC"),
        C("utc_offset_s", "int32", "local time at the subscriber's place minus UTC"),
        C("duration_s", "int64", "duration", null=True),
        C("volume_up_bytes", "int64", "octets sent by the subscriber", null=True),
        C("volume_down_bytes", "int64", "octets received by the subscriber", null=True),
        C("events", "int64", "number of messages, events or units; one where it is null",
          null=True),
        C("charging_id", "int64", "GPRS charging id", null=True),
        C("call_reference", "text", "call reference, as text or hex", null=True),
        C("partial_indicator", "word", "F, I or L for partial records", null=True),
        C("cause_for_term", "int32", "TAP cause for termination", null=True),
        C("partner_charge_micros", "int64", "charge the partner states, after discount and before "
          "tax", null=True),
        C("partner_tax_micros", "int64", "tax the partner states", null=True),
        C("partner_currency", "word", "currency of the partner's charge", null=True),
        C("partner_discount_micros", "int64", "discount the partner states, already taken off its "
          "charge", null=True),
        C("partner_per_sdr_nanos", "int64", "rate the file states: billionths of the partner's "
          "currency for one SDR", null=True),
    ),
)

PART = Table(
    "part",
    "one part of a session in canonical form, and what became of it when its file was mediated",
    (
        # one file of it is read with all others: no words, which differ from file to file
        *(C(c.name, "text" if c.kind == "word" else c.kind, c.doc, c.null) for c in USAGE.columns),
        C("file_number", "int64", "dense number of the file in order of first arrival"),
        C("received_at", "time", "first arrival of the file, UTC"),
        C("part_key", "text", "what the parts of one session have in common, each value behind its "
          "length"),
        C("part_number", "int64", "number of the part in its session", null=True),
        C("begins", "bool", "whether a session begins with it"),
        C("ends", "bool", "whether a session ends with it"),
        C("written_off", "text", "who wrote it off, and why", null=True),
        C("state", "text", "waiting, orphan, charged (the record of all), merged (charged with "
          "that), duplicate, dropped, written_off or overflow"),
        C("into_file_id", "text", "file of the record it is charged with, or a duplicate of",
          null=True),
        C("into_record_index", "int32", "that record", null=True),
        C("complete", "bool", "whether the session it was charged with was there from its first "
          "part to its last"),
    ),
)

REJECT = Table(
    "reject",
    "one turned-away record, or a whole file where record_index is null",
    (
        C("partner", "text", "partner profile name"),
        C("file_id", "text", "sha256 of the received bytes"),
        C("record_index", "int32", "position of the record in its file; null for the file itself",
          null=True),
        C("byte_offset", "int64", "offset of the record in the unpacked file", null=True),
        C("stage", "text", "decode, normalize, validate, gate, assemble, dedupe, decide, rate, "
          "post"),
        C("outcome", "text", "duplicate, suspended or dropped"),
        C("code", "text", "reject code; docs/reference/reject-codes.md"),
        C("severity", "text", "warning, severe or fatal, as TD.57 uses the words"),
        C("detail", "text", "what was found, where, and a hint"),
        C("raw", "bytes", "the record as received", null=True),
        C("usage_key", "text", "business identity, once known", null=True),
        C("money_at_risk_micros", "int64", "the partner's charge for the record", null=True),
        C("currency", "text", "currency of the money at risk", null=True),
        C("original_file_id", "text", "for duplicates: the file of the first copy; for merged "
          "parts: that of the record they are charged with", null=True),
        C("original_record_index", "int32", "for duplicates and merged parts: the record",
          null=True),
    ),
)

DECISION = Table(
    "decision",
    "what a person decided about one record in suspense, or a file that is held back",
    (
        C("partner", "text", "partner profile name"),
        C("file_id", "text", "sha256 of the received bytes"),
        C("record_index", "int32", "position of the record in its file, from 0; null for the file",
          null=True),
        C("action", "text", "edit, write_off, release, reject (the file stays held back) or return "
          "(to the partner, for its charge)"),
        C("column", "text", "edit: column of the decoded record", null=True),
        C("value", "text", "edit: what it is to hold, null empties it; return: what the partner is "
          "told of it, one a line", null=True),
        C("who", "text", "who decided"),
        C("why", "text", "for what reason"),
        C("at", "time", "when, UTC"),
    ),
)

RETURNED = Table(
    "returned",
    "one RAP file that we made, or the acknowledgement of one, ours or the partner's",
    (
        C("partner", "text", "partner profile name"),
        C("subject", "text", "file id of the TAP file; iot:FILE_ID, missing:FIRST-LAST or "
          "stop:LAST; of an acknowledgement the name of the RAP file"),
        C("kind", "text", "severe (records), fatal (a file), iot (records, for their charges), "
          "missing (files that did not come) or stop (the last file); acknowledged (by the "
          "partner) or acknowledgement (of his RAP file)"),
        C("rap_sequence", "int64", "number of the RAP file, from 1 for each partner"),
        C("name", "text", "name of the file; what we made is in the outbox"),
        C("details", "int64", "records given back; 1 for a file, a gap or a stop; 0 for an "
          "acknowledgement"),
        C("charge_micros", "int64", "charges of the records that were given back"),
        C("currency", "text", "of the charges", null=True),
        C("who", "text", "who had it made"),
        C("why", "text", "for what reason"),
        C("at", "time", "when, UTC"),
    ),
)
