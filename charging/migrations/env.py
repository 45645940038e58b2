"""What Alembic runs: the migrations, in the transaction of whoever asked for them."""

from typing import Any

from alembic import context

asked: dict[str, Any] = context.config.attributes
context.configure(connection=asked["connection"], version_table=asked["version_table"])
context.run_migrations()
