"""The table that charging writes: posting."""

from mediation.tables import Column as C
from mediation.tables import Table

POSTING = Table(
    "posting",
    "one immutable ledger entry",
    (
        C("partner", "text", "partner profile name"),
        C("file_id", "text", "sha256 of the received bytes"),
        C("file_number", "int64", "dense number of the file; with the next three, the posting id"),
        C("record_index", "int32", "position of the record in its file"),
        C("leg", "text", "retail or wholesale"),
        C("revision", "int32", "revision of the charge"),
        C("account", "text", "account whose balance changed"),
        C("currency", "text", "currency of the amount"),
        C("amount_micros", "int64", "change of the balance: a charge is negative"),
        C("kind", "text", "usage"),
        C("usage_key", "text", "business identity of the usage"),
    ),
)
