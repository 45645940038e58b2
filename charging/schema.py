"""The table that charging writes: posting."""

from mediation.tables import Column as C
from mediation.tables import Table

POSTING = Table(
    "posting",
    "one immutable ledger entry that a charge brought about",
    (
        C("partner", "word", "partner profile name"),
        C("file_id", "word", "sha256 of the received bytes"),
        C("file_number", "int64", "dense number of the file; with the next four, the posting id"),
        C("record_index", "int32", "position of the record in its file"),
        C("leg", "word", "retail or wholesale"),
        C("revision", "int32", "revision of the charge"),
        C("kind", "word", "usage, overdraft (what takes a prepaid balance below zero), over_limit "
          "(what goes over a credit limit); given back: cap (the price ends with the balance), "
          "write_off, refund; adjustment (change of a closed billing period)"),
        C("account", "text", "account whose balance changed"),
        C("currency", "word", "currency of the amount"),
        C("amount_micros", "int64", "change of the balance: a charge is negative"),
        C("batch_number", "int32", "posting batch, in order of commit"),
        C("posted_at", "time", "when the batch was posted, UTC"),
    ),
)
