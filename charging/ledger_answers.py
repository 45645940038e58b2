"""What the ledger takes and gives beside charges and postings."""

from dataclasses import dataclass

import polars as pl

from mediation.tables import Column as C
from mediation.tables import Table

ACCOUNTS = Table(
    "accounts",
    "one account as the catalog opens it",
    (
        C("account", "text", "account id"),
        C("currency", "text", "currency of the balance"),
        C("mode", "text", "prepaid, postpaid or partner"),
        C("opening_balance_micros", "int64", "balance before the first charge"),
    ),
)
REFUSED = Table(
    "refused",
    "one record refused because another had posted its usage key before",
    (
        C("record_index", "int32", "position of the record in its file"),
        C("usage_key", "text", "business identity of the usage"),
        C("original_file_id", "text", "the file that posted the key"),
        C("original_record_index", "int32", "the record that posted the key"),
    ),
)
BALANCES = Table(
    "balances",
    "one account in one currency",
    (
        C("account", "text", "account id"),
        C("currency", "text", "currency of the balance"),
        C("mode", "text", "prepaid, postpaid or partner"),
        C("balance_micros", "int64", "opening balance and all postings"),
        C("postings", "int64", "number of postings, without the opening"),
    ),
)
ENTRIES = Table(
    "entries",
    "one entry of an account: its opening first, then its postings by posting id",
    (
        C("account", "text", "account id"),
        C("currency", "text", "currency of the amount"),
        C("kind", "text", "opening or usage"),
        C("amount_micros", "int64", "change of the balance: a charge is negative"),
        C("partner", "text", "partner of the file", null=True),
        C("file_id", "text", "sha256 of the file's bytes", null=True),
        C("file_number", "int64", "dense number of the file", null=True),
        C("record_index", "int32", "position of the record in its file", null=True),
        C("leg", "text", "retail or wholesale", null=True),
        C("revision", "int32", "revision of the charge", null=True),
        C("usage_key", "text", "business identity of the usage", null=True),
    ),
)
FILE_STATES = Table(
    "file_states",
    "one registered file",
    (
        C("partner", "text", "partner profile name"),
        C("file_id", "text", "sha256 of the received bytes"),
        C("file_number", "int64", "dense number of the file in order of first registration"),
        C("state", "text", "open or posted"),
        C("records", "int64", "records whose charges were posted"),
        C("postings", "int64", "postings of the file"),
        C("refused", "int64", "records refused by their usage key"),
        C("posted_at", "time", "when it was posted, UTC", null=True),
    ),
)


@dataclass(frozen=True, slots=True)
class Posted:
    """What posting a file did: records posted, those refused, and whether it was done before."""

    posted: int
    refused: pl.DataFrame
    """Table refused, in record order"""
    repeated: bool
