"""A ledger's tables come from its migrations; whoever opens it finds them or is told why not."""

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

import charging
from charging import ledger_migrations
from charging.ledger import Ledger, LedgerError
from charging.ledger_database import connect
from charging.ledger_migrations import head, migrate, revision
from charging.ledger_schema import METADATA
from charging.posting import post

NOW = datetime.fromisoformat("2026-03-02T12:00:00")
SCRIPTS = ScriptDirectory(str(Path(charging.__file__).with_name("migrations")))
REVISIONS = ["0001", "0002", "0003"]
ROOT = Path(charging.__file__).parents[1]
OPENER = """
import sys
from charging.ledger import Ledger
print("ready", flush=True)
sys.stdin.readline()
with Ledger(sys.argv[1]) as ledger:
    assert ledger.balances().is_empty()
    print("alembic" in sys.modules)
"""
DEFINITIONS = {
    "sqlite": "SELECT name, sql FROM sqlite_schema WHERE type <> 'trigger'",
    "postgresql": (
        "SELECT conrelid::regclass::text || ' ' || conname, pg_get_constraintdef(oid) "
        "FROM pg_constraint WHERE connamespace = 'public'::regnamespace UNION ALL "
        "SELECT relname, reloptions::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    ),
}


def definitions(engine: Engine) -> dict[str, str]:
    """What the database itself says of its tables, constraints and indexes, by name."""
    with engine.connect() as connection:
        rows = connection.execute(text(DEFINITIONS[engine.dialect.name]))
        return {name: said for name, said in rows if "ledger_revision" not in name}


def openers(url: str, number: int) -> list[str]:
    """What as many processes say that open the ledger at the same moment."""
    workers = [
        subprocess.Popen([sys.executable, "-c", OPENER, url], cwd=ROOT, text=True,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(number)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()
    done = [worker.communicate() for worker in workers]
    assert [error for _, error in done] == [""] * number
    return [out.strip() for out, _ in done]


def test_the_program_works_with_the_newest_of_one_line_of_revisions() -> None:
    assert SCRIPTS.get_heads() == [head()]


def test_a_ledger_of_the_first_layout_keeps_all_it_has(ledger_url: str, charge_frame) -> None:
    charges = charge_frame("alpha", "f", [(0, "retail", 7, "anna", "EUR", 300)])
    with Ledger(ledger_url) as ledger:
        post(ledger, "alpha", "f", charges, NOW)
        before = ledger.balances(), ledger.file_states(), ledger.postings("alpha", "f")
    engine = connect(ledger_url).engine
    with engine.begin() as connection:
        for table in ("settled_file", "opened_part"):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("UPDATE ledger_revision SET version_num = '0001'"))
        connection.commit()
    engine.dispose()
    assert migrate(ledger_url) == REVISIONS[1:]
    with Ledger(ledger_url) as ledger:
        assert post(ledger, "alpha", "f", charges, NOW).repeated
        after = ledger.balances(), ledger.file_states(), ledger.postings("alpha", "f")
    assert all(new.equals(old) for new, old in zip(after, before, strict=True))


def test_there_is_no_way_back() -> None:
    assert not [step for step in SCRIPTS.walk_revisions() if hasattr(step.module, "downgrade")]


def test_an_empty_database_is_migrated_once(empty_url: str) -> None:
    assert revision(empty_url) is None
    assert migrate(empty_url) == REVISIONS
    assert migrate(empty_url) == []
    assert revision(empty_url) == head()


def test_opening_an_empty_database_migrates_it(empty_url: str) -> None:
    Ledger(empty_url).close()
    assert revision(empty_url) == head()


def test_what_is_migrated_is_what_the_program_declares(empty_url: str) -> None:
    engine = connect(empty_url).engine
    METADATA.create_all(engine)
    declared = definitions(engine)
    METADATA.drop_all(engine)
    assert definitions(engine) == {}
    migrate(empty_url)
    assert definitions(engine) == declared
    with engine.connect() as connection:
        opened = MigrationContext.configure(connection, opts={"version_table": "ledger_revision"})
        assert compare_metadata(opened, METADATA) == []
    engine.dispose()


def test_a_ledger_at_the_head_opens_without_alembic(ledger_url: str) -> None:
    Ledger(ledger_url).close()
    assert openers(ledger_url, 1) == ["False"]


@pytest.mark.slow
def test_processes_that_open_an_empty_database_at_once_all_succeed(empty_url: str) -> None:
    assert len(openers(empty_url, 4)) == 4


def test_a_ledger_that_is_behind_is_to_be_migrated(
    ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ledger(ledger_url).close()
    monkeypatch.setattr(ledger_migrations, "_HEAD", "9998")
    with pytest.raises(LedgerError, match=r"is at revision 0003, .* `ratemill ledger migrate`"):
        Ledger(ledger_url)


def test_a_ledger_that_is_ahead_needs_a_newer_program(ledger_url: str) -> None:
    Ledger(ledger_url).close()
    engine = connect(ledger_url).engine
    with engine.begin() as connection:
        connection.execute(text("UPDATE ledger_revision SET version_num = '9999'"))
        connection.commit()
    engine.dispose()
    for use in (Ledger, migrate):
        with pytest.raises(LedgerError, match=r"revision 9999, .*use a newer Ratemill"):
            use(ledger_url)


def test_a_postgres_database_of_another_program_is_left_alone(postgres_server) -> None:
    name = postgres_server.empty()
    engine = connect(postgres_server.url(name)).engine
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE voucher (recipe text)"))
        connection.execute(text("CREATE TABLE alembic_version (version_num text)"))
    with pytest.raises(LedgerError, match="has a table voucher, but is not a ledger"):
        Ledger(postgres_server.url(name))
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE voucher"))
    Ledger(postgres_server.url(name)).close()
    engine.dispose()
    postgres_server.drop(name)


def test_an_sqlite_ledger_without_a_revision_is_refused(sqlite_url: str) -> None:
    Ledger(sqlite_url).close()
    engine = connect(sqlite_url).engine
    with engine.connect() as connection:
        connection.execute(text("DROP TABLE ledger_revision"))
    engine.dispose()
    with pytest.raises(LedgerError, match="never delivered; move the file away"):
        Ledger(sqlite_url)
