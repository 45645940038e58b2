"""Which accounts the catalog opened as it says now; of earlier openings it is not known."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create table opened_part."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "opened_part",
        sa.Column("part", sa.Integer(), primary_key=True, autoincrement=False,
                  comment="accounts by a hash of their names"),
        sa.Column("first", number, nullable=False,
                  comment="digest of the catalog's accounts of the part, all of them opened"),
        sa.Column("second", number, nullable=False, comment="its other 64 bits"),
        sqlite_strict=True,
    )
