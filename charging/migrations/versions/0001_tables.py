"""All tables of the ledger as it was first delivered."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SMALL = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create them, and the triggers that keep what is written once as it is."""
    create_file()
    create_file_total()
    create_account()
    create_balance()
    create_batch()
    create_posting()
    create_usage_key()
    create_usage_key_twin()
    create_refusal()
    create_allowance_use()
    create_entry()
    create_reservation()
    create_voucher_batch()
    create_voucher()
    create_voucher_guess()
    create_account_state()
    create_closed_period()
    create_hold()
    create_audit()
    connection = op.get_bind()
    script = Path(__file__).with_name(f"0001_{connection.dialect.name}.sql").read_text("utf-8")
    for statement in script.split("\n\n"):
        # A percent sign is one: nothing is to be put in.
        connection.exec_driver_sql(statement, execution_options={"no_parameters": True})


def create_file() -> None:
    """Table file."""
    op.create_table(
        "file",
        sa.Column("file_number", sa.Integer(), primary_key=True, autoincrement=False,
                  comment="dense from 1, in order of first registration"),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("file_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="open, posted or rolled_back"),
        sa.Column("revision", sa.Integer(), nullable=False,
                  comment="revision that charges of the file begin with: one more after each "
                          "rollback"),
        sa.Column("records", sa.Integer(), nullable=False,
                  comment="records with postings that stand"),
        sa.Column("refused", sa.Integer(), nullable=False,
                  comment="records refused by their usage key"),
        sa.Column("posted_at", sa.DateTime(), comment="last posting, UTC"),
        sa.UniqueConstraint("partner", "file_id"),
        sa.CheckConstraint("state IN ('open', 'posted', 'rolled_back')", name="file_state"),
    )


def create_file_total() -> None:
    """Table file_total."""
    op.create_table(
        "file_total",
        sa.Column("file_number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("leg", SMALL, primary_key=True, autoincrement=False),
        sa.Column("kind", SMALL, primary_key=True, autoincrement=False),
        sa.Column("currency", sa.Text(), primary_key=True),
        sa.Column("postings", sa.Integer(), nullable=False),
        sa.Column("amount_micros", INT64, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def create_account() -> None:
    """Table account."""
    op.create_table(
        "account",
        sa.Column("account_number", sa.Integer(), primary_key=True, autoincrement=False,
                  comment="dense from 1: one account in one currency"),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False, comment="prepaid, postpaid or partner"),
        sa.Column("credit_limit_micros", INT64,
                  comment="postpaid: how far below zero; null: no limit"),
        sa.UniqueConstraint("account", "currency"),
        sa.CheckConstraint("mode IN ('prepaid', 'postpaid', 'partner')", name="account_mode"),
        sqlite_strict=True,
    )


def create_balance() -> None:
    """Table balance."""
    op.create_table(
        "balance",
        sa.Column("account_number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("amount_micros", INT64, nullable=False, comment="sum of postings and entries"),
        sa.Column("reserved_micros", INT64, nullable=False, comment="sum of pending reservations"),
        sa.Column("postings", INT64, nullable=False),
        sa.CheckConstraint("reserved_micros >= 0", name="balance_reserved"),
        postgresql_with={"fillfactor": "50"},
        sqlite_strict=True,
    )


def create_batch() -> None:
    """Table batch."""
    op.create_table(
        "batch",
        sa.Column("batch_number", sa.Integer(), primary_key=True, autoincrement=False,
                  comment="dense from 1, in order of commit"),
        sa.Column("kind", sa.Text(), nullable=False, comment="file, rollback, rerate or replay"),
        sa.Column("batch_key", sa.Text(), nullable=False, unique=True,
                  comment="makes a repetition harmless"),
        sa.Column("at", sa.DateTime(), nullable=False, comment="time of posting, UTC"),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("postings", sa.Integer(), nullable=False),
        sa.CheckConstraint("kind IN ('file', 'rollback', 'rerate', 'replay')", name="batch_kind"),
    )


def create_posting() -> None:
    """Table posting."""
    op.create_table(
        "posting",
        sa.Column("posting_id", INT64, primary_key=True, autoincrement=False,
                  comment="file number, record index, leg, revision and kind: "
                          "charging/posting_id.py"),
        sa.Column("account_number", sa.Integer(), nullable=False),
        sa.Column("amount_micros", INT64, nullable=False, comment="a charge is negative"),
        sa.Column("batch_number", sa.Integer(), nullable=False),
        sqlite_strict=True,
    )


def create_usage_key() -> None:
    """Table usage_key."""
    op.create_table(
        "usage_key",
        sa.Column("head", INT64, primary_key=True, autoincrement=False,
                  comment="first 64 bits of the usage key"),
        sa.Column("rest", INT64, nullable=False, comment="its other 64 bits"),
        sa.Column("record", INT64, nullable=False,
                  comment="posting id of its record, leg 0 revision 0"),
        sqlite_strict=True,
    )


def create_usage_key_twin() -> None:
    """Table usage_key_twin."""
    op.create_table(
        "usage_key_twin",
        sa.Column("head", INT64, primary_key=True, autoincrement=False,
                  comment="a head that another usage key had before"),
        sa.Column("rest", INT64, primary_key=True, autoincrement=False),
        sa.Column("record", INT64, nullable=False),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def create_refusal() -> None:
    """Table refusal."""
    op.create_table(
        "refusal",
        sa.Column("record", INT64, primary_key=True, autoincrement=False),
        sa.Column("usage_key", sa.Text(), nullable=False, comment="32 hex digits"),
        sa.Column("original_record", INT64, nullable=False,
                  comment="the record that owns the usage key"),
        sqlite_strict=True,
    )
    op.create_index("ix_refusal_original_record", "refusal", ["original_record"])


def create_allowance_use() -> None:
    """Table allowance_use."""
    op.create_table(
        "allowance_use",
        sa.Column("holder", sa.Text(), primary_key=True,
                  comment="account:NAME, sim:IMSI or pool:NAME"),
        sa.Column("allowance", sa.Text(), primary_key=True),
        sa.Column("period_start", sa.DateTime(), primary_key=True, comment="UTC"),
        sa.Column("scale", INT64, primary_key=True, autoincrement=False,
                  comment="parts that one base unit is counted in"),
        sa.Column("used", INT64, nullable=False, comment="sum of the draws of charges that stand"),
        sa.Column("last_event_at", sa.DateTime(), nullable=False,
                  comment="latest start of an event that drew, UTC"),
    )


def create_entry() -> None:
    """Table entry."""
    op.create_table(
        "entry",
        sa.Column("entry_number", sa.Integer(), primary_key=True, autoincrement=False,
                  comment="dense from 1, in order of commit"),
        sa.Column("entry_key", sa.Text(), nullable=False, unique=True,
                  comment="makes a repetition harmless"),
        sa.Column("account_number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount_micros", INT64, nullable=False, comment="money in is positive"),
        sa.Column("subject", sa.Text(),
                  comment="what several entries are about, as one period of a recurring charge"),
        sa.Column("at", sa.DateTime(), nullable=False, comment="UTC"),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('opening', 'top_up', 'voucher', 'adjustment', 'recurring', 'reservation',"
            " 'expiry')",
            name="entry_kind",
        ),
    )
    op.create_index("ix_entry_account_number", "entry", ["account_number"])
    op.create_index("ix_entry_subject", "entry", ["subject"])


def create_reservation() -> None:
    """Table reservation."""
    op.create_table(
        "reservation",
        sa.Column("reservation_key", sa.Text(), primary_key=True),
        sa.Column("account_number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="pending, posted, void or expired"),
        sa.Column("amount_micros", INT64, nullable=False, comment="what is or was held back"),
        sa.Column("posted_micros", INT64, nullable=False, comment="what of it was charged"),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.Column("closed_at", sa.DateTime()),
        sa.CheckConstraint(
            "state IN ('pending', 'posted', 'void', 'expired')",
            name="reservation_state",
        ),
        sa.CheckConstraint("(state = 'pending') = (closed_at IS NULL)", name="reservation_closed"),
        sa.CheckConstraint("amount_micros > 0", name="reservation_amount"),
    )
    op.create_index("ix_reservation_account_number", "reservation", ["account_number"])
    op.create_index("ix_reservation_expires_at", "reservation", ["expires_at"])


def create_voucher_batch() -> None:
    """Table voucher_batch."""
    op.create_table(
        "voucher_batch",
        sa.Column("voucher_batch", sa.Text(), primary_key=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_micros", INT64, nullable=False),
        sa.Column("vouchers", sa.Integer(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False, comment="hex"),
        sa.Column("valid_from", sa.DateTime(), nullable=False),
        sa.Column("valid_to", sa.DateTime(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="open or blocked"),
        sa.CheckConstraint("state IN ('open', 'blocked')", name="voucher_batch_state"),
        sa.CheckConstraint("amount_micros > 0", name="voucher_batch_amount"),
    )


def create_voucher() -> None:
    """Table voucher."""
    op.create_table(
        "voucher",
        sa.Column("secret_hash", sa.Text(), primary_key=True,
                  comment="the secret itself is kept nowhere"),
        sa.Column("voucher_batch", sa.Text(), nullable=False),
        sa.Column("redeemed_by", sa.Integer(), comment="account number"),
        sa.Column("redeemed_at", sa.DateTime()),
        sa.CheckConstraint(
            "(redeemed_by IS NULL) = (redeemed_at IS NULL)",
            name="voucher_redeemed",
        ),
    )
    op.create_index("ix_voucher_voucher_batch", "voucher", ["voucher_batch"])


def create_voucher_guess() -> None:
    """Table voucher_guess."""
    op.create_table(
        "voucher_guess",
        sa.Column("guess_number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("account_number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
    )
    op.create_index("ix_voucher_guess_account_number", "voucher_guess", ["account_number"])


def create_account_state() -> None:
    """Table account_state."""
    op.create_table(
        "account_state",
        sa.Column("state_number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("account_number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="active, grace, suspended or closed"),
        sa.Column("valid_to", sa.DateTime(), comment="end of what was paid for, UTC; null: no end"),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('active', 'grace', 'suspended', 'closed')",
            name="account_state",
        ),
    )
    op.create_index("ix_account_state_account_number", "account_state", ["account_number"])


def create_closed_period() -> None:
    """Table closed_period."""
    op.create_table(
        "closed_period",
        sa.Column("closed_to", sa.DateTime(), primary_key=True,
                  comment="end of the period, UTC, exclusive"),
        sa.Column("last_batch", sa.Integer(), nullable=False,
                  comment="last batch of postings within it"),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
    )


def create_hold() -> None:
    """Table hold."""
    op.create_table(
        "hold",
        sa.Column("hold_number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("why", sa.Text(), nullable=False,
                  comment="what was found; nothing is posted meanwhile"),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("released_at", sa.DateTime()),
    )


def create_audit() -> None:
    """Table audit."""
    op.create_table(
        "audit",
        sa.Column("audit_number", sa.Integer(), primary_key=True, autoincrement=False,
                  comment="dense from 1"),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False, comment="JSON"),
        sa.Column("after", sa.Text(), nullable=False, comment="JSON"),
        sa.Column("hash", sa.Text(), nullable=False,
                  comment="sha256 over the hash before and all other columns"),
    )
