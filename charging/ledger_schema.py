"""The ledger's tables, declared once for every database it may live in."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

LAYOUT = 1
"""Version of this layout; a ledger file states the one it was made with."""

METADATA = MetaData()

# SQLite's strict tables know one integer type, of 64 bits, and refuse the float that an
# overflowing sum would otherwise become.
_INT64 = BigInteger().with_variant(Integer, "sqlite")

FILE = Table(
    "file",
    METADATA,
    Column("file_number", Integer, primary_key=True, autoincrement=False,
           comment="dense from 1, in order of first registration"),
    Column("partner", Text, nullable=False),
    Column("file_id", Text, nullable=False),
    Column("state", Text, nullable=False, comment="open or posted"),
    Column("records", Integer, nullable=False, comment="records with postings"),
    Column("postings", Integer, nullable=False),
    Column("refused", Integer, nullable=False, comment="records refused by their usage key"),
    Column("posted_at", DateTime, comment="UTC"),
    UniqueConstraint("partner", "file_id"),
    CheckConstraint("state IN ('open', 'posted')"),
    CheckConstraint("(state = 'posted') = (posted_at IS NOT NULL)"),
)

FILE_TOTAL = Table(
    "file_total",
    METADATA,
    Column("file_number", Integer, primary_key=True, autoincrement=False),
    Column("leg", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("postings", Integer, nullable=False),
    Column("amount_micros", _INT64, nullable=False),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)

ACCOUNT = Table(
    "account",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("mode", Text, nullable=False, comment="as the catalog says, or partner"),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)

BALANCE = Table(
    "balance",
    METADATA,
    Column("account", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("amount_micros", _INT64, nullable=False, comment="sum of the account's entries"),
    Column("postings", Integer, nullable=False, comment="entries that came from usage"),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)

TOP_UP = Table(
    "top_up",
    METADATA,
    Column("top_up_key", Text, primary_key=True, comment="makes a repetition harmless"),
    Column("account", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount_micros", _INT64, nullable=False),
    Column("kind", Text, nullable=False, comment="opening"),
    CheckConstraint("kind IN ('opening')"),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)

POSTING = Table(
    "posting",
    METADATA,
    # The posting id comes first and follows arrival, so a batch is appended at one end of the tree.
    # There is no index by account: it would take a quarter of the time of posting, and balances,
    # files and records are found without it. Only Ledger.entries reads the whole table.
    Column("file_number", Integer, primary_key=True, autoincrement=False),
    Column("record_index", Integer, primary_key=True, autoincrement=False),
    Column("leg", Text, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("account", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount_micros", _INT64, nullable=False, comment="a charge is negative"),
    Column("kind", Text, nullable=False, comment="usage"),
    Column("usage_key", LargeBinary, nullable=False),
    CheckConstraint("leg IN ('retail', 'wholesale')"),
    CheckConstraint("kind IN ('usage')"),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)

USAGE_KEY = Table(
    "usage_key",
    METADATA,
    Column("usage_key", LargeBinary, primary_key=True, comment="16 octets"),
    Column("file_number", Integer, nullable=False),
    Column("record_index", Integer, nullable=False),
    CheckConstraint("length(usage_key) = 16"),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)

REFUSAL = Table(
    "refusal",
    METADATA,
    Column("file_number", Integer, primary_key=True, autoincrement=False),
    Column("record_index", Integer, primary_key=True, autoincrement=False),
    Column("usage_key", LargeBinary, nullable=False),
    Column("original_file_number", Integer, nullable=False),
    Column("original_record_index", Integer, nullable=False),
    sqlite_with_rowid=False,
    sqlite_strict=True,
)
