"""Which files were posted with the same records before; of those posted earlier it is not known."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create table settled_file."""
    op.create_table(
        "settled_file",
        sa.Column("file_number", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("records", sa.Text(), nullable=False,
                  comment="digest of record numbers, all of them posted or refused: posting them "
                          "again changes nothing"),
        sqlite_strict=True,
    )
