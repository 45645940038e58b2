"""The layout of a ledger's database: its revision, and the way from one to the next.

There is no way back: a revision may drop what an older program would need, so an older program is
run on a backup from its own time.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select

from charging.ledger_database import Database, connect
from charging.ledger_error import LedgerError

if TYPE_CHECKING:
    from alembic.config import Config

_HEAD: Final = "0003"
"""Newest of the migrations; Alembic, which could find it, takes a quarter of a second to load"""
_REVISION: Final = Table(
    # Airflow's database has a table of Alembic's usual name.
    "ledger_revision", MetaData(), Column("version_num", String(32), primary_key=True)
)
_SCRIPTS: Final = Path(__file__).parent / "migrations"


def head() -> str:
    """The revision that this program works with."""
    return _HEAD


def revision(database: str | Path) -> str | None:
    """The revision of a ledger's database, by its URL or path; None where it is empty."""
    found = connect(database)
    try:
        return _revision(found)
    finally:
        found.engine.dispose()


def migrate(database: str | Path) -> list[str]:
    """The revisions that a ledger's database has gone through now, in order, up to the head."""
    found = connect(database)
    try:
        return _upgrade(found)
    finally:
        found.engine.dispose()


def make_ready(database: Database) -> None:
    """Make the tables in an empty database; LedgerError where they are not of this program."""
    if _is_at_head(database):
        return
    found = _revision(database)
    if found is None:
        _upgrade(database)
    elif found != _HEAD:
        _refuse_newer(database.where, found)
        raise LedgerError(
            database.where, f"is at revision {found}, this program works with {_HEAD}",
            "run `ratemill ledger migrate`",
        )


def _is_at_head(database: Database) -> bool:
    """Whether all is as nearly always, asked in the quickest way."""
    try:
        with database.transaction(database.where, writes=False) as connection:
            found: str | None = connection.scalar(select(_REVISION.c.version_num))
    except LedgerError as error:
        if error.retry:
            raise
        return False  # where the table is absent, the next question finds out why
    return found == _HEAD


def _revision(database: Database) -> str | None:
    with database.transaction(database.where, writes=False) as connection:
        return _revision_within(database, connection)


def _revision_within(database: Database, connection: Connection) -> str | None:
    """The revision; None where nothing is there. LedgerError where it is something else."""
    if inspect(connection).has_table(_REVISION.name):
        return connection.scalar(select(_REVISION.c.version_num))
    database.dialect.refuse_strangers(connection, database.where)
    return None


def _upgrade(database: Database) -> list[str]:
    """Bring the database to the head, in one transaction, and say through which revisions."""
    from alembic import command
    from alembic.script import ScriptDirectory

    database.dialect.make_durable(database)
    with database.transaction(database.where, writes=True) as connection:
        before = _revision_within(database, connection)
        if before == _HEAD:
            return []
        if before is not None:
            _refuse_newer(database.where, before)
        config = _config()
        steps = ScriptDirectory.from_config(config).iterate_revisions("head", before or "base")
        config.attributes.update(connection=connection, version_table=_REVISION.name)
        command.upgrade(config, "head")
        return [step.revision for step in steps][::-1]


def _refuse_newer(where: str, found: str) -> None:
    """Refuse a revision that is none of this program's."""
    from alembic.script import ScriptDirectory

    known = {step.revision for step in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found not in known:
        raise LedgerError(where, f"is at revision {found}, which this program does not know",
                          "use a newer Ratemill")


def _config() -> "Config":
    """Alembic's settings."""
    from alembic.config import Config

    config = Config()
    # A percent sign begins an interpolation there.
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config
