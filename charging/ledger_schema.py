"""The ledger's tables, declared once for every database it may live in."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()

# SQLite's strict tables know one integer type, of 64 bits, and refuse the float that an
# overflowing sum would otherwise become.
_INT64 = BigInteger().with_variant(Integer, "sqlite")
_SMALL = SmallInteger().with_variant(Integer, "sqlite")

FILE = Table(
    "file",
    METADATA,
    Column("file_number", Integer, primary_key=True, autoincrement=False,
           comment="dense from 1, in order of first registration"),
    Column("partner", Text, nullable=False),
    Column("file_id", Text, nullable=False),
    Column("state", Text, nullable=False, comment="open, posted or rolled_back"),
    Column("revision", Integer, nullable=False,
           comment="revision that charges of the file begin with: one more after each rollback"),
    Column("records", Integer, nullable=False, comment="records with postings that stand"),
    Column("refused", Integer, nullable=False, comment="records refused by their usage key"),
    Column("posted_at", DateTime, comment="last posting, UTC"),
    UniqueConstraint("partner", "file_id"),
    CheckConstraint("state IN ('open', 'posted', 'rolled_back')", name="file_state"),
)

SETTLED_FILE = Table(
    "settled_file",
    METADATA,
    Column("file_number", Integer, primary_key=True, autoincrement=False),
    Column("records", Text, nullable=False,
           comment="digest of record numbers, all of them posted or refused: posting them again "
                   "changes nothing"),
    sqlite_strict=True,
)

FILE_TOTAL = Table(
    "file_total",
    METADATA,
    Column("file_number", Integer, primary_key=True, autoincrement=False),
    Column("leg", _SMALL, primary_key=True, autoincrement=False),
    Column("kind", _SMALL, primary_key=True, autoincrement=False),
    Column("currency", Text, primary_key=True),
    Column("postings", Integer, nullable=False),
    Column("amount_micros", _INT64, nullable=False),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)

ACCOUNT = Table(
    "account",
    METADATA,
    Column("account_number", Integer, primary_key=True, autoincrement=False,
           comment="dense from 1: one account in one currency"),
    Column("account", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("mode", Text, nullable=False, comment="prepaid, postpaid or partner"),
    Column("credit_limit_micros", _INT64, comment="postpaid: how far below zero; null: no limit"),
    UniqueConstraint("account", "currency"),
    CheckConstraint("mode IN ('prepaid', 'postpaid', 'partner')", name="account_mode"),
    sqlite_strict=True,
)

BALANCE = Table(
    "balance",
    METADATA,
    Column("account_number", Integer, primary_key=True, autoincrement=False),
    Column("amount_micros", _INT64, nullable=False, comment="sum of postings and entries"),
    Column("reserved_micros", _INT64, nullable=False, comment="sum of pending reservations"),
    Column("postings", _INT64, nullable=False),
    CheckConstraint("reserved_micros >= 0", name="balance_reserved"),
    sqlite_strict=True,
    # room beside each row for its next version, so that no index changes with it
    postgresql_with={"fillfactor": "50"},
)

OPENED_PART = Table(
    "opened_part",
    METADATA,
    Column("part", Integer, primary_key=True, autoincrement=False,
           comment="accounts by a hash of their names"),
    Column("first", _INT64, nullable=False,
           comment="digest of the catalog's accounts of the part, all of them opened"),
    Column("second", _INT64, nullable=False, comment="its other 64 bits"),
    sqlite_strict=True,
)

BATCH = Table(
    "batch",
    METADATA,
    Column("batch_number", Integer, primary_key=True, autoincrement=False,
           comment="dense from 1, in order of commit"),
    Column("kind", Text, nullable=False, comment="file, rollback, rerate or replay"),
    Column("batch_key", Text, nullable=False, unique=True,
           comment="makes a repetition harmless"),
    Column("at", DateTime, nullable=False, comment="time of posting, UTC"),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("postings", Integer, nullable=False),
    CheckConstraint("kind IN ('file', 'rollback', 'rerate', 'replay')", name="batch_kind"),
)

POSTING = Table(
    "posting",
    METADATA,
    # The posting id follows arrival, so a batch is appended at one end of the tree. There is no
    # index by account: it would take a quarter of the time of posting, and balances, files and
    # records are found without it; what an account did is read from the lake.
    Column("posting_id", _INT64, primary_key=True, autoincrement=False,
           comment="file number, record index, leg, revision and kind: charging/posting_id.py"),
    Column("account_number", Integer, nullable=False),
    Column("amount_micros", _INT64, nullable=False, comment="a charge is negative"),
    Column("batch_number", Integer, nullable=False),
    sqlite_strict=True,
)

USAGE_KEY = Table(
    "usage_key",
    METADATA,
    # A tree of 64-bit numbers is filled three times as fast as one of 16 octets.
    Column("head", _INT64, primary_key=True, autoincrement=False,
           comment="first 64 bits of the usage key"),
    Column("rest", _INT64, nullable=False, comment="its other 64 bits"),
    Column("record", _INT64, nullable=False, comment="posting id of its record, leg 0 revision 0"),
    sqlite_strict=True,
)

USAGE_KEY_TWIN = Table(
    "usage_key_twin",
    METADATA,
    Column("head", _INT64, primary_key=True, autoincrement=False,
           comment="a head that another usage key had before"),
    Column("rest", _INT64, primary_key=True, autoincrement=False),
    Column("record", _INT64, nullable=False),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)

REFUSAL = Table(
    "refusal",
    METADATA,
    Column("record", _INT64, primary_key=True, autoincrement=False),
    Column("usage_key", Text, nullable=False, comment="32 hex digits"),
    Column("original_record", _INT64, nullable=False, index=True,
           comment="the record that owns the usage key"),
    sqlite_strict=True,
)

ALLOWANCE_USE = Table(
    "allowance_use",
    METADATA,
    Column("holder", Text, primary_key=True, comment="account:NAME, sim:IMSI or pool:NAME"),
    Column("allowance", Text, primary_key=True),
    Column("period_start", DateTime, primary_key=True, comment="UTC"),
    Column("scale", _INT64, primary_key=True, autoincrement=False,
           comment="parts that one base unit is counted in"),
    Column("used", _INT64, nullable=False, comment="sum of the draws of charges that stand"),
    Column("last_event_at", DateTime, nullable=False,
           comment="latest start of an event that drew, UTC"),
)

ENTRY = Table(
    "entry",
    METADATA,
    Column("entry_number", Integer, primary_key=True, autoincrement=False,
           comment="dense from 1, in order of commit"),
    Column("entry_key", Text, nullable=False, unique=True, comment="makes a repetition harmless"),
    Column("account_number", Integer, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("amount_micros", _INT64, nullable=False, comment="money in is positive"),
    Column("subject", Text, index=True,
           comment="what several entries are about, as one period of a recurring charge"),
    Column("at", DateTime, nullable=False, comment="UTC"),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    CheckConstraint(
        "kind IN ('opening', 'top_up', 'voucher', 'adjustment', 'recurring', 'reservation', "
        "'expiry')", name="entry_kind",
    ),
    sqlite_strict=False,
)

RESERVATION = Table(
    "reservation",
    METADATA,
    Column("reservation_key", Text, primary_key=True),
    Column("account_number", Integer, nullable=False, index=True),
    Column("state", Text, nullable=False, comment="pending, posted, void or expired"),
    Column("amount_micros", _INT64, nullable=False, comment="what is or was held back"),
    Column("posted_micros", _INT64, nullable=False, comment="what of it was charged"),
    Column("made_at", DateTime, nullable=False),
    Column("expires_at", DateTime, nullable=False, index=True),
    Column("closed_at", DateTime),
    CheckConstraint("state IN ('pending', 'posted', 'void', 'expired')", name="reservation_state"),
    CheckConstraint("(state = 'pending') = (closed_at IS NULL)", name="reservation_closed"),
    CheckConstraint("amount_micros > 0", name="reservation_amount"),
)

VOUCHER_BATCH = Table(
    "voucher_batch",
    METADATA,
    Column("voucher_batch", Text, primary_key=True),
    Column("currency", Text, nullable=False),
    Column("amount_micros", _INT64, nullable=False),
    Column("vouchers", Integer, nullable=False),
    Column("salt", Text, nullable=False, comment="hex"),
    Column("valid_from", DateTime, nullable=False),
    Column("valid_to", DateTime, nullable=False),
    Column("state", Text, nullable=False, comment="open or blocked"),
    CheckConstraint("state IN ('open', 'blocked')", name="voucher_batch_state"),
    CheckConstraint("amount_micros > 0", name="voucher_batch_amount"),
)

VOUCHER = Table(
    "voucher",
    METADATA,
    Column("secret_hash", Text, primary_key=True, comment="the secret itself is kept nowhere"),
    Column("voucher_batch", Text, nullable=False, index=True),
    Column("redeemed_by", Integer, comment="account number"),
    Column("redeemed_at", DateTime),
    CheckConstraint("(redeemed_by IS NULL) = (redeemed_at IS NULL)", name="voucher_redeemed"),
)

VOUCHER_GUESS = Table(
    "voucher_guess",
    METADATA,
    Column("guess_number", Integer, primary_key=True, autoincrement=False),
    Column("account_number", Integer, nullable=False, index=True),
    Column("at", DateTime, nullable=False),
)

ACCOUNT_STATE = Table(
    "account_state",
    METADATA,
    Column("state_number", Integer, primary_key=True, autoincrement=False),
    Column("account_number", Integer, nullable=False, index=True),
    Column("state", Text, nullable=False, comment="active, grace, suspended or closed"),
    Column("valid_to", DateTime, comment="end of what was paid for, UTC; null: no end"),
    Column("at", DateTime, nullable=False),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    CheckConstraint("state IN ('active', 'grace', 'suspended', 'closed')", name="account_state"),
)

CLOSED_PERIOD = Table(
    "closed_period",
    METADATA,
    Column("closed_to", DateTime, primary_key=True, comment="end of the period, UTC, exclusive"),
    Column("last_batch", Integer, nullable=False, comment="last batch of postings within it"),
    Column("at", DateTime, nullable=False),
    Column("who", Text, nullable=False),
)

HOLD = Table(
    "hold",
    METADATA,
    Column("hold_number", Integer, primary_key=True, autoincrement=False),
    Column("why", Text, nullable=False, comment="what was found; nothing is posted meanwhile"),
    Column("at", DateTime, nullable=False),
    Column("released_at", DateTime),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("audit_number", Integer, primary_key=True, autoincrement=False,
           comment="dense from 1"),
    Column("at", DateTime, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("before", Text, nullable=False, comment="JSON"),
    Column("after", Text, nullable=False, comment="JSON"),
    Column("hash", Text, nullable=False,
           comment="sha256 over the hash before and all other columns"),
)

APPEND_ONLY = (POSTING, BATCH, ENTRY, ACCOUNT_STATE, AUDIT)
"""Tables whose rows are never changed or removed: the database refuses it"""
