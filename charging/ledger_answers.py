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
        C("mode", "text", "prepaid or postpaid"),
        C("opening_balance_micros", "int64", "balance before the first charge"),
        C("credit_limit_micros", "int64", "postpaid: how far below zero it may go; null: no limit",
          null=True),
    ),
)
REFUSED = Table(
    "refused",
    "one record refused because another had posted its usage key before",
    (
        C("record_index", "int32", "position of the record in its file"),
        C("usage_key", "text", "business identity of the usage"),
        C("original_partner", "text", "partner of the file that posted the key"),
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
        C("balance_micros", "int64", "sum of its postings and entries"),
        C("reserved_micros", "int64", "what of it is held back by reservations"),
        C("postings", "int64", "number of postings"),
    ),
)
FILE_STATES = Table(
    "file_states",
    "one registered file",
    (
        C("partner", "text", "partner profile name"),
        C("file_id", "text", "sha256 of the received bytes"),
        C("file_number", "int64", "dense number of the file in order of first registration"),
        C("state", "text", "open, posted or rolled_back"),
        C("revision", "int32", "revision that charges of the file begin with"),
        C("records", "int64", "records whose charges stand"),
        C("refused", "int64", "records refused by their usage key"),
        C("posted_at", "time", "when it was last posted, UTC", null=True),
    ),
)


@dataclass(frozen=True, slots=True)
class Posted:
    """What posting a file did, and whether it had been done before."""

    records: int
    """of the file on the ledger"""
    postings: pl.DataFrame
    """Table posting, of what it added, by posting id"""
    refused: pl.DataFrame
    """Table refused, in record order"""
    repeated: bool
    """nothing was added"""
    first: bool
    """no posting of the file stood before"""
